import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Route } from "../../flannel/kernel.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withRoutes } from "../../tests/fixtures/routes.ts";
import { given, judged, without } from "../../tests/support/judged.ts";
import { OWN_SUBNET_ROUTED_AWAY } from "./own_subnet_routed_away.ts";

function withRoute(
  dst: string,
  device: string,
  values: Partial<Route> = {},
  facts = healthyFacts(),
) {
  const route = fixtureRoute(dst, device, values);
  return withRoutes(facts, (routes) => [...routes, route]);
}

Deno.test("FD405 is ok where only the bridge has the own subnet", () => {
  for (const facts of [healthyFacts(), healthyVxlanFacts()]) {
    deepStrictEqual(judged(OWN_SUBNET_ROUTED_AWAY, facts).verdict, "ok");
  }
});

Deno.test("FD405 finds the own subnet routed to another host", () => {
  const facts = withRoute("172.7.21.0/24", "eth0", { gateway: "192.168.1.13" });
  deepStrictEqual(judged(OWN_SUBNET_ROUTED_AWAY, facts).lines, [
    "error: 172.7.21.0/24",
    "  route 172.7.21.0/24 via 192.168.1.13 dev eth0",
    "  $ ip route del 172.7.21.0/24 via 192.168.1.13 dev eth0",
  ]);
});

Deno.test("FD405 finds a part of it in the tunnel", () => {
  const facts = withRoute(
    "172.7.21.128/25",
    "flannel.1",
    { gateway: "172.7.23.0", onlink: true },
    healthyVxlanFacts(),
  );
  deepStrictEqual(
    judged(OWN_SUBNET_ROUTED_AWAY, facts).lines[0],
    "error: 172.7.21.128/25",
  );
});

Deno.test("FD405 gives no command that cuts this host off from its LAN", () => {
  const facts = withRoute("172.7.21.128/25", "eth0", {
    protocol: 2,
    prefsrc: "172.7.21.200",
  });
  deepStrictEqual(judged(OWN_SUBNET_ROUTED_AWAY, facts).lines, [
    "error connected: 172.7.21.128/25",
    "  route 172.7.21.128/25 dev eth0 proto kernel scope link src 172.7.21.200",
  ]);
});

Deno.test("FD405 leaves what belongs there alone", async (t) => {
  const cases: [string, ReturnType<typeof healthyFacts>][] = [
    [
      "flannel's blackhole route",
      withRoutes(healthyFacts(), (routes) => [
        ...routes,
        {
          ...fixtureRoute("172.7.21.0/24", "eth0"),
          device: null,
          type: "blackhole",
        },
      ]),
    ],
    [
      "the tunnel device's own address",
      withRoute(
        "172.7.21.0/32",
        "flannel.1",
        { protocol: 2 },
        healthyVxlanFacts(),
      ),
    ],
    [
      "a container with a device of its own",
      withRoute("172.7.21.9/32", "cali0a1b2c3d4e5"),
    ],
    [
      "a network behind a container",
      withRoute("172.7.21.128/25", "docker0", { gateway: "172.7.21.9" }),
    ],
    [
      "another subnet",
      withRoute("172.7.24.0/24", "eth0", { gateway: "192.168.1.13" }),
    ],
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(OWN_SUBNET_ROUTED_AWAY, facts).verdict, "ok");
    });
  }
});

Deno.test("FD405 has nothing to judge without a lease, and is unknown without routes", () => {
  const facts = healthyFacts();
  deepStrictEqual(
    judged(OWN_SUBNET_ROUTED_AWAY, {
      ...facts,
      node: known({ ...given(facts, "node"), lease: null }),
    }).verdict,
    "skipped: no-lease",
  );
  deepStrictEqual(
    judged(OWN_SUBNET_ROUTED_AWAY, without(facts, "routes")).verdict,
    "unknown: not looked at",
  );
});
