import { deepStrictEqual } from "node:assert/strict";
import type { Facts } from "../../snapshot/facts.ts";
import type { Route } from "../../flannel/kernel.ts";
import { record, withLeases } from "../../tests/fixtures/changes.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withoutRoute, withRoutes } from "../../tests/fixtures/routes.ts";
import { largeNetwork } from "../../tests/fixtures/segment.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { ROUTE_MISSING } from "./route_missing.ts";
import { ROUTE_SHADOWED } from "./route_shadowed.ts";
import { ROUTE_STALE } from "./route_stale.ts";
import { ROUTE_WRONG } from "./route_wrong.ts";

/** The facts with another route to 172.7.22.0/24. */
function instead(facts: Facts, values: Partial<Route>): Facts {
  const route = fixtureRoute("172.7.22.0/24", "eth0", values);
  return withRoutes(
    withoutRoute(facts, "172.7.22.0/24"),
    (routes) => [...routes, route],
  );
}

Deno.test("FD402 is ok where routes lead where the leases say", () => {
  deepStrictEqual(judged(ROUTE_WRONG, healthyFacts()).verdict, "ok");
  deepStrictEqual(judged(ROUTE_WRONG, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD402 takes no offence at protocol, scope, source or route MTU", () => {
  const facts = instead(healthyFacts(), {
    gateway: "192.168.1.11",
    protocol: 107,
    prefsrc: "172.7.21.1",
    mtu: 1400,
  });
  deepStrictEqual(judged(ROUTE_WRONG, facts).verdict, "ok");
});

Deno.test("FD402 finds another gateway, device, flag or type", async (t) => {
  const wanted = "  wanted 172.7.22.0/24 via 192.168.1.11 dev eth0";
  const command =
    "  $ ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0";
  const cases: [Partial<Route>, string, string, string[]][] = [
    [
      { gateway: "192.168.1.12" },
      "error default",
      "172.7.22.0/24 via 192.168.1.12 dev eth0",
      [],
    ],
    [
      { gateway: "192.168.1.11", device: "eth1" },
      "error default",
      "172.7.22.0/24 via 192.168.1.11 dev eth1",
      [],
    ],
    [
      { gateway: "172.7.22.0", device: "flannel.1", onlink: true },
      "error default",
      "172.7.22.0/24 via 172.7.22.0 dev flannel.1 onlink",
      [],
    ],
    [
      { gateway: "192.168.1.12", metric: 100 },
      "error default",
      "172.7.22.0/24 via 192.168.1.12 dev eth0 metric 100",
      ["  $ ip route del 172.7.22.0/24 via 192.168.1.12 dev eth0 metric 100"],
    ],
    [
      { gateway: "192.168.1.11", onlink: true },
      "warning flag",
      "172.7.22.0/24 via 192.168.1.11 dev eth0 onlink",
      [],
    ],
    [
      { type: "blackhole", device: null, scope: 0 },
      "error refused",
      "blackhole 172.7.22.0/24",
      [],
    ],
  ];
  for (const [values, head, found, more] of cases) {
    await t.step(found, () => {
      deepStrictEqual(
        judged(ROUTE_WRONG, instead(healthyFacts(), values)).lines,
        [
          `${head}: 172.7.22.0/24`,
          `  found ${found}`,
          wanted,
          command,
          ...more,
        ],
      );
    });
  }
});

Deno.test("FD402 gives no command that cuts this host off from a network of its own", async (t) => {
  const cases: readonly [Partial<Route>, string][] = [
    [
      { device: "br-4f1c", protocol: 2, prefsrc: "172.7.22.1" },
      "172.7.22.0/24 dev br-4f1c proto kernel scope link src 172.7.22.1",
    ],
    [
      { device: "eth1", protocol: 4, metric: 100 },
      "172.7.22.0/24 dev eth1 proto static scope link metric 100",
    ],
  ];
  for (const [values, found] of cases) {
    await t.step(found, () => {
      const facts = instead(healthyFacts(), { scope: 253, ...values });
      const { lines, findings } = judged(ROUTE_WRONG, facts);
      deepStrictEqual(findings.map(({ fix }) => fix), [null]);
      deepStrictEqual(lines, [
        "error connected: 172.7.22.0/24",
        `  found ${found}`,
      ]);
    });
  }
});

Deno.test("FD402 asks for one of the hosts that claim a subnet", async (t) => {
  const both = withLeases(
    (records) => [...records, record("172.7.22.0-24", "192.168.1.13")],
  );
  for (const gateway of ["192.168.1.11", "192.168.1.13"]) {
    await t.step(gateway, () => {
      const facts = instead(both, { gateway });
      deepStrictEqual(judged(ROUTE_WRONG, facts).verdict, "ok");
      deepStrictEqual(judged(ROUTE_MISSING, facts).verdict, "ok");
      deepStrictEqual(judged(ROUTE_STALE, facts).verdict, "ok");
    });
  }
  await t.step("of two routes by the one in use", () => {
    const [a, b] = ["192.168.1.11", "192.168.1.13"].map((gateway, at) =>
      fixtureRoute("172.7.22.0/24", "eth0", { gateway, metric: 100 - at })
    );
    const facts = withRoutes(
      withoutRoute(both, "172.7.22.0/24"),
      (routes) => [...routes, a!, b!],
    );
    deepStrictEqual(judged(ROUTE_WRONG, facts).verdict, "ok");
    deepStrictEqual(judged(ROUTE_SHADOWED, facts).verdict, "ok");
  });
  const wanted = ["192.168.1.11", "192.168.1.13"]
    .map((via) => `  wanted 172.7.22.0/24 via ${via} dev eth0`);
  await t.step("neither", () => {
    const facts = instead(both, { gateway: "192.168.1.99" });
    deepStrictEqual(judged(ROUTE_WRONG, facts).lines, [
      "error contested: 172.7.22.0/24",
      "  found 172.7.22.0/24 via 192.168.1.99 dev eth0",
      ...wanted,
    ]);
    deepStrictEqual(judged(ROUTE_MISSING, facts).verdict, "ok");
    deepStrictEqual(judged(ROUTE_STALE, facts).verdict, "ok");
    deepStrictEqual(sentences(ROUTE_WRONG, facts), [
      "The route to 172.7.22.0/24 leads to none of the hosts that claim it (192.168.1.11, 192.168.1.13): what containers here send there ends at the wrong place. One of them has to take another subnet first: FD208.",
    ]);
  });
  await t.step("no route", () => {
    const facts = withoutRoute(both, "172.7.22.0/24");
    deepStrictEqual(judged(ROUTE_WRONG, facts).verdict, "ok");
    deepStrictEqual(judged(ROUTE_MISSING, facts).lines, [
      "error contested: 172.7.22.0/24",
      ...wanted,
    ]);
    deepStrictEqual(sentences(ROUTE_MISSING, facts), [
      "There is no route to 172.7.22.0/24, which several hosts claim (192.168.1.11, 192.168.1.13): containers here cannot reach theirs. One of them has to take another subnet first: FD208.",
    ]);
  });
});

Deno.test('FD402 finds the blog\'s "repair" of a vxlan route', () => {
  const facts = instead(healthyVxlanFacts(), { gateway: "192.168.1.11" });
  deepStrictEqual(judged(ROUTE_WRONG, facts).lines, [
    "error default: 172.7.22.0/24",
    "  found 172.7.22.0/24 via 192.168.1.11 dev eth0",
    "  wanted 172.7.22.0/24 via 172.7.22.0 dev flannel.1 onlink",
    "  $ ip route replace 172.7.22.0/24 via 172.7.22.0 dev flannel.1 onlink",
  ]);
});

Deno.test("FD402 says many wrong routes in one finding", () => {
  const large = largeNetwork(healthyFacts(), 50);
  const facts = withRoutes(
    large,
    (routes) =>
      routes.map((route) =>
        route.gateway?.startsWith("192.168.100.")
          ? { ...route, gateway: "192.168.1.99" }
          : route
      ),
  );
  deepStrictEqual(judged(ROUTE_WRONG, facts).findings.length, 1);
  deepStrictEqual(sentences(ROUTE_WRONG, facts), [
    "50 of the 50 routes to other hosts' subnets lead elsewhere than their leases say.",
  ]);
});

Deno.test("FD402 is unknown without the routes", () => {
  deepStrictEqual(
    judged(ROUTE_WRONG, without(healthyFacts(), "routes")).verdict,
    "unknown: not looked at",
  );
});
