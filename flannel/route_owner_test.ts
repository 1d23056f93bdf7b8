import { equal } from "node:assert/strict";
import { formatRoute } from "./format.ts";
import type { Route } from "./kernel.ts";
import { routeOwner } from "./route_owner.ts";

const BOOT: Route = {
  family: 4,
  dst: "10.5.2.0/24",
  type: "unicast",
  table: 254,
  protocol: 3,
  scope: 0,
  metric: 0,
  tos: 0,
  gateway: "192.168.1.11",
  device: "eth0",
  onlink: false,
  down: false,
  prefsrc: null,
  mtu: null,
};
const LINK = { gateway: null, scope: 253 };
const HOP = {
  gateway: "192.168.1.11",
  device: "eth0",
  weight: 1,
  onlink: false,
  down: false,
};

Deno.test("routeOwner() tells whose a route is", async (t) => {
  const cases: readonly [string, Partial<Route>, string][] = [
    ["flanneld's", {}, "flannel"],
    ["flanneld's udp", { ...LINK, device: "flannel0" }, "flannel"],
    ["flanneld's over IPv6", {
      family: 6,
      dst: "fd00:2::/64",
      gateway: "fe80::2",
      metric: 1024,
    }, "flannel"],
    [
      "a former lease's blackhole",
      { type: "blackhole", gateway: null, device: null },
      "flannel",
    ],
    ["the agent's", { protocol: 107 }, "flandoc"],
    ["a Docker network", { ...LINK, device: "br-1", protocol: 2 }, "connected"],
    [
      "a tunnel's own",
      { ...LINK, device: "flannel.1", protocol: 2 },
      "connected",
    ],
    [
      "a network manager's",
      { ...LINK, device: "eth1", protocol: 16, metric: 100 },
      "connected",
    ],
    ["typed by hand", { ...LINK, device: "eth1" }, "connected"],
    ["static", { protocol: 4 }, "other"],
    ["with a metric", { metric: 50 }, "other"],
    ["with a source", { prefsrc: "192.168.1.10" }, "other"],
    ["with an MTU", { mtu: 1400 }, "other"],
    [
      "of several hops",
      { gateway: null, device: null, nexthops: [HOP, HOP] },
      "other",
    ],
    ["refused", { type: "prohibit", gateway: null, device: null }, "other"],
  ];
  for (const [name, values, owner] of cases) {
    const route = { ...BOOT, ...values };
    await t.step(`${name}: ${formatRoute(route)}`, () => {
      equal(routeOwner(route), owner);
    });
  }
});
