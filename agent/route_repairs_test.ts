import { deepEqual } from "node:assert/strict";
import type { Route } from "../flannel/kernel.ts";
import { fixtureRoute, healthyFacts } from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import { withRoutes } from "../tests/fixtures/routes.ts";
import type { Repair } from "./repair.ts";
import { planRoutes } from "./route_repairs.ts";

const DST = "172.7.22.0/24";
const WANTED = fixtureRoute(DST, "eth0", { gateway: "192.168.1.11" });
const DOCKER = fixtureRoute(DST, "br-4f1c", {
  protocol: 2,
  prefsrc: "172.7.22.1",
});

/** What the agent does about the routes to a peer's subnet, and what it says. */
function planned(...there: readonly Route[]): string[] {
  const facts = withRoutes(healthyFacts(), (routes) => [
    ...routes.filter(({ dst }) => dst !== DST),
    ...there,
  ]);
  const repairs: Repair[] = [];
  const conflicts = planRoutes({
    expected: given(facts, "expected"),
    observed: {
      links: given(facts, "links"),
      addresses: given(facts, "addresses"),
      routes: given(facts, "routes"),
      neighbours: [],
      fdb: [],
    },
    config: given(facts, "config"),
    node: given(facts, "node"),
  }, repairs);
  return [
    ...repairs.filter(({ key }) => key === `route ${DST}`)
      .map(({ why, change }) => `${change.op} ${why}`),
    ...conflicts.map(({ message }) => message),
  ];
}

Deno.test("planRoutes() replaces what flanneld would", async (t) => {
  const cases: readonly [string, Partial<Route>][] = [
    ["another gateway", { gateway: "192.168.1.9" }],
    ["an administrator's", { gateway: "192.168.1.9", protocol: 4 }],
    ["a blackhole", { type: "blackhole", gateway: null, device: null }],
  ];
  for (const [name, values] of cases) {
    await t.step(name, () => {
      deepEqual(planned({ ...WANTED, ...values }), ["replace wrong"]);
    });
  }
});

Deno.test("planRoutes() leaves the networks that this host is in itself", async (t) => {
  const holder = "A device of this host holds the subnet of 192.168.1.11: ";
  const docker = `${DST} dev br-4f1c proto kernel scope link src 172.7.22.1`;
  const lan = fixtureRoute(DST, "eth1", { protocol: 4 });
  await t.step("Docker's", () => {
    deepEqual(planned(DOCKER), [`${holder}${docker}`]);
  });
  await t.step("a network manager's", () => {
    deepEqual(planned(lan), [
      `${holder}${DST} dev eth1 proto static scope link`,
    ]);
  });
  await t.step("one that comes before the right route", () => {
    deepEqual(planned(DOCKER, { ...WANTED, metric: 50, protocol: 107 }), [
      `Traffic to ${DST} is taken by another route: ${docker}`,
    ]);
  });
});

Deno.test("planRoutes() takes the place of a route before the right one", () => {
  const before = { ...WANTED, gateway: "192.168.1.9" };
  deepEqual(planned(before, { ...WANTED, metric: 50, protocol: 107 }), [
    "replace wrong",
  ]);
});
