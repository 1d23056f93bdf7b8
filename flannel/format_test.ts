import { deepStrictEqual } from "node:assert/strict";
import {
  deleteRouteCommand,
  formatAddress,
  formatFdb,
  formatNeighbour,
  formatRoute,
  formatRule,
  formatTable,
  formatWantedRoute,
  replaceRouteCommand,
} from "./format.ts";
import type { Address, PolicyRule, Route } from "./kernel.ts";

const ROUTE: Route = {
  family: 4,
  dst: "172.7.62.0/24",
  type: "unicast",
  table: 254,
  protocol: 3,
  scope: 0,
  metric: 0,
  tos: 0,
  gateway: null,
  device: null,
  onlink: false,
  down: false,
  prefsrc: null,
  mtu: null,
};

const RULE: PolicyRule = {
  family: 4,
  priority: 32766,
  from: null,
  to: null,
  iif: null,
  oif: null,
  fwmark: null,
  fwmask: null,
  table: 254,
  action: "lookup",
  not: false,
  other: [],
};

// Right-hand sides were printed by iproute2 6.1 for routes made by hand.
const ROUTES: readonly (readonly [Partial<Route>, string])[] = [
  [
    { gateway: "192.168.77.2", device: "eth0" },
    "172.7.62.0/24 via 192.168.77.2 dev eth0",
  ],
  [
    {
      dst: "172.7.60.0/24",
      gateway: "172.7.60.0",
      device: "flannel.1",
      onlink: true,
    },
    "172.7.60.0/24 via 172.7.60.0 dev flannel.1 onlink",
  ],
  [
    {
      dst: "172.7.61.0/24",
      device: "docker0",
      protocol: 2,
      scope: 253,
      prefsrc: "172.7.61.1",
    },
    "172.7.61.0/24 dev docker0 proto kernel scope link src 172.7.61.1",
  ],
  [
    {
      dst: "0.0.0.0/0",
      gateway: "192.168.77.254",
      device: "eth0",
      table: 100,
      down: true,
    },
    "default via 192.168.77.254 dev eth0 table 100 linkdown",
  ],
  [
    { dst: "0.0.0.0/0", type: "unreachable", metric: 4278198272 },
    "unreachable default metric 4278198272",
  ],
  [{ dst: "172.7.63.0/24", type: "blackhole" }, "blackhole 172.7.63.0/24"],
  [
    {
      gateway: "192.168.77.2",
      device: "eth0",
      protocol: 107,
      prefsrc: "192.168.77.1",
      metric: 50,
      down: true,
      mtu: 1400,
    },
    "172.7.62.0/24 via 192.168.77.2 dev eth0 proto 107 src 192.168.77.1 metric 50 linkdown mtu 1400",
  ],
  [
    { dst: "10.9.9.9/32", device: "eth0", protocol: 4, scope: 253, down: true },
    "10.9.9.9 dev eth0 proto static scope link linkdown",
  ],
  [
    {
      dst: "127.0.0.0/8",
      type: "local",
      device: "lo",
      table: 255,
      protocol: 2,
      scope: 254,
      prefsrc: "127.0.0.1",
    },
    "local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1",
  ],
  [
    {
      dst: "10.8.0.0/16",
      tos: 0x10,
      protocol: 186,
      nexthops: [
        {
          gateway: "192.168.77.3",
          device: "eth0",
          weight: 2,
          onlink: false,
          down: true,
        },
        {
          gateway: "192.168.77.4",
          device: "eth0",
          weight: 1,
          onlink: true,
          down: true,
        },
      ],
    },
    "10.8.0.0/16 tos 0x10 proto bgp\n" +
    "\tnexthop via 192.168.77.3 dev eth0 weight 2 linkdown\n" +
    "\tnexthop via 192.168.77.4 dev eth0 weight 1 onlink linkdown",
  ],
  [
    {
      family: 6,
      dst: "fd00:1::/64",
      gateway: "fe80::1",
      device: "eth0",
      metric: 1024,
    },
    "fd00:1::/64 via fe80::1 dev eth0 metric 1024",
  ],
  [
    { family: 6, dst: "fd00:2::5/128", device: "eth0", metric: 5 },
    "fd00:2::5 dev eth0 metric 5",
  ],
  [
    { gateway: "fe80::1", device: "eth0" },
    "172.7.62.0/24 via inet6 fe80::1 dev eth0",
  ],
];

Deno.test("formatRoute() prints what ip route prints", async (t) => {
  for (const [route, line] of ROUTES) {
    await t.step(line, () => {
      deepStrictEqual(formatRoute({ ...ROUTE, ...route }), line);
    });
  }
});

// Printed by iproute2 6.1 as well.
const RULES: readonly (readonly [Partial<PolicyRule>, string])[] = [
  [{}, "32766:\tfrom all lookup main"],
  [{ priority: 0, table: 255 }, "0:\tfrom all lookup local"],
  [{ priority: 32767, table: 253 }, "32767:\tfrom all lookup default"],
  [
    {
      priority: 5,
      from: "1.2.3.4/32",
      oif: "eth0",
      action: "blackhole",
      table: 0,
    },
    "5:\tfrom 1.2.3.4 oif eth0 blackhole",
  ],
  [
    {
      priority: 100,
      from: "10.0.0.0/8",
      to: "172.7.0.0/16",
      fwmark: 1,
      fwmask: 0xff,
      iif: "eth0",
      table: 100,
    },
    "100:\tfrom 10.0.0.0/8 to 172.7.0.0/16 fwmark 0x1/0xff iif eth0 lookup 100",
  ],
  [
    { priority: 32764, other: ["suppress_prefixlength 0"] },
    "32764:\tfrom all lookup main suppress_prefixlength 0",
  ],
  [
    {
      priority: 32765,
      not: true,
      fwmark: 0xca6c,
      fwmask: 0xffffffff,
      table: 51820,
    },
    "32765:\tnot from all fwmark 0xca6c lookup 51820",
  ],
];

Deno.test("formatRule() prints what ip rule prints", async (t) => {
  for (const [rule, line] of RULES) {
    await t.step(line, () => {
      deepStrictEqual(formatRule({ ...RULE, ...rule }), line);
    });
  }
});

Deno.test("formatWantedRoute() prints the route as it will show", () => {
  const base = { family: 4, dst: "10.5.2.0/24", onlink: false } as const;
  deepStrictEqual(
    [
      formatWantedRoute({ ...base, gateway: "192.168.1.11", device: "eth0" }),
      formatWantedRoute({
        ...base,
        gateway: "10.5.2.0",
        device: "flannel.1",
        onlink: true,
      }),
      formatWantedRoute({
        ...base,
        dst: "10.5.0.0/16",
        gateway: null,
        device: "flannel0",
      }),
    ],
    [
      "10.5.2.0/24 via 192.168.1.11 dev eth0",
      "10.5.2.0/24 via 10.5.2.0 dev flannel.1 onlink",
      "10.5.0.0/16 dev flannel0",
    ],
  );
});

Deno.test("replaceRouteCommand() names the family where it must", () => {
  deepStrictEqual(
    replaceRouteCommand({
      family: 6,
      dst: "fd00:2::/64",
      gateway: "fd01::2",
      device: "eth0",
      onlink: false,
    }),
    "ip -6 route replace fd00:2::/64 via fd01::2 dev eth0",
  );
});

Deno.test("deleteRouteCommand() names table and metric, so that only that one goes", () => {
  const route = { ...ROUTE, gateway: "192.168.77.9", device: "eth0" };
  deepStrictEqual(
    [
      deleteRouteCommand(route),
      deleteRouteCommand({ ...route, metric: 20, table: 100 }),
      deleteRouteCommand({ ...ROUTE, type: "blackhole" }),
    ],
    [
      "ip route del 172.7.62.0/24 via 192.168.77.9 dev eth0",
      "ip route del 172.7.62.0/24 via 192.168.77.9 dev eth0 table 100 metric 20",
      "ip route del blackhole 172.7.62.0/24",
    ],
  );
});

Deno.test("formatNeighbour() and formatFdb() print what ip neigh and bridge fdb print", () => {
  deepStrictEqual(
    [
      formatNeighbour({
        device: "flannel.1",
        family: 4,
        address: "172.7.60.0",
        mac: "aa:bb:cc:dd:ee:ff",
        state: "PERMANENT",
      }),
      formatNeighbour({
        device: "eth0",
        family: 4,
        address: "192.168.77.9",
        mac: null,
        state: "FAILED",
      }),
      formatFdb({
        device: "flannel.1",
        mac: "aa:bb:cc:dd:ee:ff",
        dst: "192.168.77.2",
        self: true,
        master: null,
        permanent: true,
        vlan: null,
      }),
    ],
    [
      "172.7.60.0 dev flannel.1 lladdr aa:bb:cc:dd:ee:ff PERMANENT",
      "192.168.77.9 dev eth0 FAILED",
      "aa:bb:cc:dd:ee:ff dev flannel.1 dst 192.168.77.2 self permanent",
    ],
  );
});

Deno.test("formatTable() keeps the number of a table without a name", () => {
  deepStrictEqual([254, 253, 255, 52].map(formatTable), [
    "main",
    "default",
    "local",
    "52",
  ]);
});

Deno.test("formatAddress() names family, scope and device", () => {
  const address: Address = {
    device: "cni0",
    family: 4,
    address: "10.5.1.1",
    prefixLength: 24,
    peer: null,
    scope: "global",
    broadcast: null,
    label: null,
    flags: [],
  };
  deepStrictEqual(
    [
      formatAddress(address),
      formatAddress({ ...address, family: 6, address: "fd00::1" }),
    ],
    [
      "inet 10.5.1.1/24 scope global cni0",
      "inet6 fd00::1/24 scope global cni0",
    ],
  );
});
