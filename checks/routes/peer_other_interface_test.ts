import { deepStrictEqual } from "node:assert/strict";
import type { Route } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withoutRoute, withRoutes } from "../../tests/fixtures/routes.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { PEER_OTHER_INTERFACE } from "./peer_other_interface.ts";

/** The peers' segment is on another interface. */
function behind(
  device: string,
  values: Partial<Route>,
  facts = healthyFacts(),
) {
  const route = fixtureRoute("192.168.1.0/24", device, values);
  return withRoutes(
    withoutRoute(facts, "192.168.1.0/24"),
    (routes) => [...routes, route],
  );
}

Deno.test("FD407 is ok where peers are reached by flannel's interface", () => {
  for (const facts of [healthyFacts(), healthyVxlanFacts()]) {
    deepStrictEqual(judged(PEER_OTHER_INTERFACE, facts).verdict, "ok");
  }
});

Deno.test("FD407 finds peers in the segment of another interface", () => {
  const facts = behind("eth1", {}, healthyVxlanFacts());
  deepStrictEqual(judged(PEER_OTHER_INTERFACE, facts).lines, [
    "error default: eth1",
    "  route 192.168.1.11: 192.168.1.0/24 dev eth1 scope link",
    "  route 192.168.1.12: 192.168.1.0/24 dev eth1 scope link",
    "  $ ip route get 192.168.1.11",
  ]);
  deepStrictEqual(sentences(PEER_OTHER_INTERFACE, facts), [
    "2 of 2 peers are in the segment of eth1, while flannel here uses eth0 and publishes 192.168.1.10: they send their packets to the wrong network. Most likely flanneld needs --iface=eth1.",
  ]);
});

Deno.test("FD407 only warns of encapsulated peers behind another interface's router", () => {
  const values = { gateway: "10.0.0.1" };
  deepStrictEqual(
    judged(PEER_OTHER_INTERFACE, behind("eth1", values, healthyVxlanFacts()))
      .lines[0],
    "warning routed: eth1",
  );
  deepStrictEqual(
    judged(PEER_OTHER_INTERFACE, behind("eth1", values)).lines[0],
    "error routed: eth1",
  );
});

Deno.test("FD407 takes either interface of a multipath route", () => {
  const hop = {
    gateway: "192.168.1.254",
    weight: 1,
    onlink: false,
    down: false,
  };
  const facts = behind("eth0", {
    device: null,
    nexthops: [{ ...hop, device: "eth0" }, { ...hop, device: "eth1" }],
  }, healthyVxlanFacts());
  deepStrictEqual(judged(PEER_OTHER_INTERFACE, facts).verdict, "ok");
});

Deno.test("FD407 finds peers the kernel has no route to", () => {
  const facts = withoutRoute(
    healthyVxlanFacts(),
    "192.168.1.0/24",
    "0.0.0.0/0",
  );
  deepStrictEqual(judged(PEER_OTHER_INTERFACE, facts).lines, [
    "error unreachable: 192.168.1.11",
    "  address 192.168.1.11",
    "  address 192.168.1.12",
    "  $ ip route get 192.168.1.11",
  ]);
});

Deno.test("FD407 leaves a peer with one of our own addresses to FD209", () => {
  const facts = withRoutes(healthyFacts(), (routes) => [
    ...routes,
    fixtureRoute("192.168.1.11/32", "lo", { type: "local", table: 255 }),
  ]);
  deepStrictEqual(judged(PEER_OTHER_INTERFACE, facts).verdict, "ok");
});

Deno.test("FD407 follows the IPv6 addresses where IPv6 is routed", () => {
  const facts = healthyFacts();
  const expected = given(facts, "expected");
  const v6 = {
    ...facts,
    leases: known(
      given(facts, "leases").map((lease, i) => ({
        ...lease,
        attributes: {
          ...lease.attributes,
          publicIP: "0.0.0.0",
          publicIPv6: `fd01::${10 + i}`,
        },
      })),
    ),
    node: known({
      ...given(facts, "node"),
      publicIP: null,
      publicIPv6: "fd01::10",
    }),
    expected: known({
      ...expected,
      routes: expected.routes.map((route, i) => ({
        ...route,
        family: 6 as const,
        dst: `fd00:${i}::/64`,
        gateway: `fd01::${11 + i}`,
      })),
    }),
  };
  const behindEth1 = withRoutes(
    v6,
    (routes) => [...routes, fixtureRoute("fd01::/64", "eth1", { family: 6 })],
  );
  const { lines } = judged(PEER_OTHER_INTERFACE, behindEth1);
  deepStrictEqual(lines[0], "error default: eth1");
  deepStrictEqual(lines.at(-1), "  $ ip route get fd01::11");
  deepStrictEqual(
    judged(PEER_OTHER_INTERFACE, v6).lines[0],
    "error unreachable: fd01::11",
  );
});

Deno.test("FD407 is unknown without the routes", () => {
  deepStrictEqual(
    judged(PEER_OTHER_INTERFACE, without(healthyFacts(), "routes")).verdict,
    "unknown: not looked at",
  );
});
