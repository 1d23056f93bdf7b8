import { deepStrictEqual } from "node:assert/strict";
import type { Route } from "../../flannel/kernel.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withLeases } from "../../tests/fixtures/changes.ts";
import { withRoutes } from "../../tests/fixtures/routes.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { ROUTE_STALE } from "./route_stale.ts";

function withStray(values: Partial<Route>, facts = healthyFacts()) {
  const route = fixtureRoute("172.7.24.0/24", "eth0", {
    gateway: "192.168.1.13",
    ...values,
  });
  return withRoutes(facts, (routes) => [...routes, route]);
}

Deno.test("FD403 is ok where every route has its lease", () => {
  deepStrictEqual(judged(ROUTE_STALE, healthyFacts()).verdict, "ok");
  deepStrictEqual(judged(ROUTE_STALE, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD403 warns of a route whose lease has ended", () => {
  deepStrictEqual(judged(ROUTE_STALE, withStray({})).lines, [
    "warning: 172.7.24.0/24",
    "  route 172.7.24.0/24 via 192.168.1.13 dev eth0",
    "  $ ip route del 172.7.24.0/24 via 192.168.1.13 dev eth0",
  ]);
  deepStrictEqual(sentences(ROUTE_STALE, withStray({})), [
    "The route to 172.7.24.0/24 via 192.168.1.13 has no lease any more: that host is gone, or has another subnet now.",
  ]);
});

Deno.test("FD403 takes no offence at the former backend's route to a lease", () => {
  const vxlan = withLeases(
    (records) =>
      records.map((each) => ({
        ...each,
        value: each.value.replace("host-gw", "vxlan"),
      })),
  );
  deepStrictEqual(judged(ROUTE_STALE, vxlan).verdict, "ok");
});

Deno.test("FD403 leaves a route alone whose record cannot be read", () => {
  const facts = withLeases((records) =>
    records.map((each) =>
      each.key === "172.7.22.0-24"
        ? { ...each, value: '{"PublicIP":"192.168.1.11' }
        : each
    )
  );
  deepStrictEqual(judged(ROUTE_STALE, facts).verdict, "ok");
});

Deno.test("FD403 leaves routes alone that flannel cannot have made", async (t) => {
  const cases: [string, Partial<Route>][] = [
    ["an administrator's static route", { protocol: 4 }],
    ["a route with a metric", { metric: 50 }],
    ["a route of another length", { dst: "172.7.128.0/17" }],
    ["a route outside the network", { dst: "172.8.24.0/24" }],
    ["a user-defined bridge", { gateway: null, device: "br-0123456789ab" }],
    ["a blackhole", { type: "blackhole", gateway: null, device: null }],
    ["a route of another table", { table: 100 }],
  ];
  for (const [name, values] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(ROUTE_STALE, withStray(values)).verdict, "ok");
    });
  }
});

Deno.test("FD403 says many stale routes in one finding", () => {
  const facts = withRoutes(healthyFacts(), (routes) => [
    ...routes,
    ...Array.from(
      { length: 40 },
      (_, i) =>
        fixtureRoute(`172.7.${i + 100}.0/24`, "eth0", {
          gateway: `192.168.1.${i + 100}`,
        }),
    ),
  ]);
  deepStrictEqual(sentences(ROUTE_STALE, facts), [
    "40 routes lead to subnets that nobody has leased any more.",
  ]);
});

Deno.test("FD403 is unknown while the records are", () => {
  deepStrictEqual(
    judged(ROUTE_STALE, without(withStray({}), "expected")).verdict,
    "unknown: not looked at",
  );
});
