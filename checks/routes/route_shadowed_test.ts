import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { PolicyRule, Route } from "../../flannel/kernel.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withRoutes, withRule } from "../../tests/fixtures/routes.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import type { Check } from "../check.ts";
import { ROUTE_MISSING } from "./route_missing.ts";
import { ROUTE_WRONG } from "./route_wrong.ts";
import { ROUTE_SHADOWED } from "./route_shadowed.ts";

function withRoute(dst: string, values: Partial<Route>, facts: Facts): Facts {
  const route = fixtureRoute(dst, values.device ?? "eth1", values);
  return withRoutes(facts, (routes) => [...routes, route]);
}

/** A rule to table 100, which holds a default route. */
function withPolicy(rule: Partial<PolicyRule>, facts = healthyFacts()): Facts {
  return withRule(
    withRoute("0.0.0.0/0", {
      device: "eth0",
      gateway: "192.168.1.254",
      table: 100,
    }, facts),
    { priority: 30400, table: 100, ...rule },
  );
}

Deno.test("FD404 is ok where nothing stands before flannel's routes", () => {
  deepStrictEqual(judged(ROUTE_SHADOWED, healthyFacts()).verdict, "ok");
  deepStrictEqual(judged(ROUTE_SHADOWED, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD404 finds a more specific route inside a peer's subnet", () => {
  const facts = withRoute(
    "172.7.22.128/25",
    { gateway: "10.0.0.1" },
    healthyFacts(),
  );
  deepStrictEqual(judged(ROUTE_SHADOWED, facts).lines, [
    "error more-specific: 172.7.22.128/25 via 10.0.0.1 dev eth1",
    "  route 172.7.22.128/25 via 10.0.0.1 dev eth1",
    "  wanted 172.7.22.0/24 via 192.168.1.11 dev eth0",
    "  $ ip route del 172.7.22.128/25 via 10.0.0.1 dev eth1",
  ]);
});

Deno.test("FD404 says nothing of the route to the whole subnet, which may be missing or wrong", async (t) => {
  const facts = withRoute(
    "172.7.22.128/25",
    { gateway: "10.0.0.1" },
    healthyFacts(),
  );
  const cases: [string, Facts, Check, string][] = [
    ["right", facts, ROUTE_MISSING, "ok"],
    [
      "missing",
      withRoutes(
        facts,
        (routes) => routes.filter(({ dst }) => dst !== "172.7.22.0/24"),
      ),
      ROUTE_MISSING,
      "failed",
    ],
    [
      "wrong",
      withRoutes(
        facts,
        (routes) =>
          routes.map((route) =>
            route.dst === "172.7.22.0/24"
              ? { ...route, gateway: "192.168.1.99" }
              : route
          ),
      ),
      ROUTE_WRONG,
      "failed",
    ],
  ];
  for (const [name, facts, other, verdict] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(other, facts).verdict, verdict);
      deepStrictEqual(sentences(ROUTE_SHADOWED, facts), [
        "Inside 172.7.22.0/24 (192.168.1.11) the kernel has a more specific route for 172.7.22.128/25, which leads elsewhere and is used whatever the route to the whole subnet says.",
      ]);
    });
  }
});

Deno.test("FD404 finds a route with a lower metric", () => {
  const vpn = withRoute(
    "172.7.22.0/24",
    { device: "tun0", gateway: "10.8.0.1" },
    healthyFacts(),
  );
  const facts = withRoutes(
    vpn,
    (routes) =>
      routes.map((route) =>
        route.dst === "172.7.22.0/24" && route.device === "eth0"
          ? { ...route, metric: 50 }
          : route
      ),
  );
  deepStrictEqual(judged(ROUTE_SHADOWED, facts).lines, [
    "error lower-metric: 172.7.22.0/24 via 10.8.0.1 dev tun0",
    "  route 172.7.22.0/24 via 10.8.0.1 dev tun0",
    "  wanted 172.7.22.0/24 via 192.168.1.11 dev eth0",
    "  $ ip route del 172.7.22.0/24 via 10.8.0.1 dev tun0",
  ]);
});

Deno.test("FD404 gives no command that cuts this host off from a network of its own", async (t) => {
  const docker = { device: "br-4f1c", protocol: 2, prefsrc: "172.7.22.1" };
  const later = (facts: Facts) =>
    withRoutes(
      facts,
      (routes) =>
        routes.map((route) =>
          route.dst === "172.7.22.0/24" && route.device === "eth0"
            ? { ...route, metric: 50 }
            : route
        ),
    );
  const cases: readonly [string, Facts][] = [
    ["172.7.22.0/25", withRoute("172.7.22.0/25", docker, healthyFacts())],
    [
      "172.7.22.0/24",
      later(withRoute("172.7.22.0/24", docker, healthyFacts())),
    ],
  ];
  for (const [dst, facts] of cases) {
    await t.step(dst, () => {
      const { lines } = judged(ROUTE_SHADOWED, facts);
      const route = `${dst} dev br-4f1c proto kernel scope link src 172.7.22.1`;
      deepStrictEqual(lines.slice(0, 2), [
        `error connected: ${route}`,
        `  route ${route}`,
      ]);
      deepStrictEqual(lines.filter((line) => line.includes("$")), []);
    });
  }
});

Deno.test("FD404 finds a policy rule, once for all the subnets it takes", () => {
  const facts = withPolicy({});
  deepStrictEqual(judged(ROUTE_SHADOWED, facts).lines, [
    "error rule: 30400: from all lookup 100",
    "  rule 30400: from all lookup 100",
    "  route default via 192.168.1.254 dev eth0 table 100",
    "  wanted 172.7.22.0/24 via 192.168.1.11 dev eth0",
    "  wanted 172.7.23.0/24 via 192.168.1.12 dev eth0",
    "  $ ip rule add pref 100 to 172.7.0.0/16 lookup main",
  ]);
  deepStrictEqual(sentences(ROUTE_SHADOWED, facts), [
    "The policy rule `30400: from all lookup 100` is asked before the main table and leads 2 of the peers' subnets elsewhere, whatever `ip route` shows for them.",
  ]);
});

Deno.test("FD404 puts its rule before the one it has to beat", () => {
  deepStrictEqual(
    judged(ROUTE_SHADOWED, withPolicy({ priority: 10 })).findings[0]!.commands,
    ["ip rule add pref 9 to 172.7.0.0/16 lookup main"],
  );
});

Deno.test("FD404 only warns of a rule on the host's own address", () => {
  const facts = withPolicy({ from: "192.168.1.10/32" });
  deepStrictEqual(
    judged(ROUTE_SHADOWED, facts).lines[0],
    "warning host-rule: 30400: from 192.168.1.10 lookup 100",
  );
  deepStrictEqual(
    judged(ROUTE_SHADOWED, withPolicy({ from: "172.7.21.0/24" })).lines[0],
    "error rule: 30400: from 172.7.21.0/24 lookup 100",
  );
});

Deno.test("FD404 leaves rules alone that do not take container packets", async (t) => {
  const cases: [string, Partial<PolicyRule>][] = [
    ["another source", { from: "10.0.0.0/8" }],
    ["another destination", { to: "10.0.0.0/8" }],
    ["marked packets", { fwmark: 0x80000, fwmask: 0xff0000 }],
    ["after main", { priority: 32800 }],
    ["an empty table", { table: 52 }],
  ];
  for (const [name, rule] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(ROUTE_SHADOWED, withPolicy(rule)).verdict, "ok");
    });
  }
});

Deno.test("FD404 leaves the own bridge inside udp's one route alone", () => {
  const facts = healthyFacts();
  const expected = given(facts, "expected");
  const [first] = expected.routes;
  const wanted = {
    ...first!,
    dst: "172.7.0.0/16",
    gateway: null,
    device: "flannel0",
  };
  const routes = [
    ...given(facts, "routes").filter((route) =>
      !["172.7.22.0/24", "172.7.23.0/24"].includes(route.dst)
    ),
    fixtureRoute("172.7.0.0/16", "flannel0"),
  ];
  deepStrictEqual(
    judged(ROUTE_SHADOWED, {
      ...facts,
      routes: known(routes),
      expected: known({ ...expected, routes: [wanted] }),
    }).verdict,
    "ok",
  );
});

Deno.test("FD404 is unknown without the rules", () => {
  deepStrictEqual(
    judged(ROUTE_SHADOWED, without(healthyFacts(), "rules")).verdict,
    "unknown: not looked at",
  );
});

Deno.test("FD404 finds a rule for what comes in by the containers' bridge", async (t) => {
  const cases: [string, Partial<PolicyRule>, string][] = [
    ["another table", { iif: "docker0" }, "rule"],
    ["a refusal", { iif: "docker0", action: "prohibit" }, "rule"],
    ["another device", { iif: "eth1" }, "ok"],
    ["with a mark", { iif: "docker0", fwmark: 1 }, "ok"],
    ["after main", { iif: "docker0", priority: 32800 }, "ok"],
  ];
  for (const [name, rule, wanted] of cases) {
    await t.step(name, () => {
      const { findings, verdict } = judged(ROUTE_SHADOWED, withPolicy(rule));
      deepStrictEqual(findings[0]?.variant ?? verdict, wanted);
    });
  }
});
