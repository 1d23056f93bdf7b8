import assert from "node:assert/strict";
import type { Route } from "../../flannel/kernel.ts";
import { messageOf, testNames } from "../../tests/support/netlink_message.ts";
import { decodeRoute } from "./decode_route.ts";

const NEWROUTE = 24;

/** A route of one hop as the kernel sends it; tests change members of it. */
const PLAIN: Route = {
  family: 4,
  dst: "10.5.1.0/24",
  type: "unicast",
  table: 254,
  protocol: 3,
  scope: 0,
  metric: 0,
  tos: 0,
  gateway: "192.168.0.2",
  device: "eth0",
  onlink: false,
  down: false,
  prefsrc: null,
  mtu: null,
};

const CASES: readonly {
  readonly name: string;
  readonly body: string;
  readonly route: Route | null;
}[] = [
  {
    name: "10.5.1.0/24 via 192.168.0.2 dev eth0 proto boot",
    body: `
      02 18 00 00  fe 03 00 01  00000000
      0800 0f00 fe000000   # table main
      0800 0100 0a050100   # destination
      0800 0500 c0a80002   # gateway
      0800 0400 02000000   # eth0
    `,
    route: PLAIN,
  },
  {
    name: "default via 192.168.0.1 metric 100 src 192.168.0.9 tos 0x10",
    body: `
      02 00 00 10  fe 10 00 01  00000000
      0800 0500 c0a80001  0800 0400 02000000
      0800 0600 64000000  0800 0700 c0a80009
    `,
    route: {
      ...PLAIN,
      dst: "0.0.0.0/0",
      protocol: 16,
      gateway: "192.168.0.1",
      metric: 100,
      prefsrc: "192.168.0.9",
      tos: 16,
    },
  },
  {
    name: "table 1000 does not fit the header and is in RTA_TABLE",
    body: `
      02 18 00 00  fc 03 00 01  04000000
      0800 0f00 e8030000  0800 0100 0a050100
      0800 0500 c0a80002  0800 0400 02000000
    `,
    route: { ...PLAIN, table: 1000, onlink: true },
  },
  {
    name: "a dead hop without carrier is down",
    body: `
      02 18 00 00  fe 03 00 01  11000000
      0800 0100 0a050100  0800 0500 c0a80002  0800 0400 02000000
    `,
    route: { ...PLAIN, down: true },
  },
  {
    name: "mtu among other metrics",
    body: `
      02 18 00 00  fe 03 00 01  00000000
      0800 0100 0a050100  0800 0500 c0a80002  0800 0400 02000000
      1400 0800  0800 0100 04000000  0800 0200 aa050000
    `,
    route: { ...PLAIN, mtu: 1450 },
  },
  {
    name: "metrics without mtu",
    body: `
      02 18 00 00  fe 03 00 01  00000000
      0800 0100 0a050100  0800 0500 c0a80002  0800 0400 02000000
      0c00 0800  0800 0800 14000000
    `,
    route: PLAIN,
  },
  {
    name: "blackhole has neither gateway nor device",
    body: "02 10 00 00  fe 03 00 06  00000000  0800 0100 0a050000",
    route: {
      ...PLAIN,
      dst: "10.5.0.0/16",
      type: "blackhole",
      gateway: null,
      device: null,
    },
  },
  {
    name: "an unnamed device prints as if77, an unnamed type as its number",
    body: `
      02 18 00 00  fe 03 fd 3f  00000000
      0800 0100 0a050100  0800 0400 4d000000
    `,
    route: { ...PLAIN, type: "63", scope: 253, gateway: null, device: "if77" },
  },
  {
    name: "IPv4 by an IPv6 gateway (RTA_VIA)",
    body: `
      02 18 00 00  fe 03 00 01  00000000
      0800 0100 0a050100  0800 0400 02000000
      1600 1200 0a00 fe800000 00000000 00000000 00000001 0000
    `,
    route: { ...PLAIN, gateway: "fe80::1" },
  },
  {
    name: "fd00::/64 via fe80::2 metric 1024",
    body: `
      0a 40 00 00  fe 03 00 01  00000000
      1400 0100 fd000000 00000000 00000000 00000000
      0800 0600 00040000
      1400 0500 fe800000 00000000 00000000 00000002
      0800 0400 02000000
    `,
    route: {
      ...PLAIN,
      family: 6,
      dst: "fd00::/64",
      gateway: "fe80::2",
      metric: 1024,
    },
  },
  {
    name: "multipath with weights, an onlink hop and one that is down",
    body: `
      02 18 00 00  fe 03 00 01  00000000
      0800 0100 0a050100
      2400 0900
        1000 04 00 02000000  0800 0500 c0a80002
        1000 10 04 03000000  0800 0500 c0a80103
    `,
    route: {
      ...PLAIN,
      gateway: null,
      device: null,
      nexthops: [
        {
          gateway: "192.168.0.2",
          device: "eth0",
          weight: 1,
          onlink: true,
          down: false,
        },
        {
          gateway: "192.168.1.3",
          device: "eth1",
          weight: 5,
          onlink: false,
          down: true,
        },
      ],
    },
  },
  {
    name: "a cache entry is no route",
    body: `
      02 20 00 00  fe 00 00 01  00020000
      0800 0100 0a050107  0800 0400 02000000
    `,
    route: null,
  },
  {
    name: "another family (MPLS) is no route",
    body: "1c 14 00 00  fe 04 00 01  00000000",
    route: null,
  },
];

Deno.test("decodeRoute() reads RTM_NEWROUTE", async (t) => {
  for (const { name, body, route } of CASES) {
    await t.step(name, () => {
      assert.deepEqual(
        decodeRoute(messageOf(NEWROUTE, body), testNames()),
        route,
      );
    });
  }
});

Deno.test("decodeRoute() reads a cache entry when asked to", () => {
  const message = messageOf(
    NEWROUTE,
    "02 20 00 00  fe 00 00 01  00020000  0800 0100 0a050107",
  );
  assert.equal(decodeRoute(message, testNames(), true)?.dst, "10.5.1.7/32");
});

Deno.test("decodeRoute() refuses malformed messages", async (t) => {
  const head = "02 18 00 00  fe 03 00 01  00000000";
  const cases = {
    "a short header": "02 18 00 00  fe 03 00 01",
    "a destination of three bytes": `${head} 0700 0100 0a0501 00`,
    "a gateway cut off": `${head} 0800 0500 c0a8`,
    "a device of two bytes": `${head} 0600 0400 0200 0000`,
    "a hop of no length": `${head} 0c00 0900 0000 00 00 02000000`,
    "a hop beyond its attribute": `${head} 0c00 0900 1000 00 00 02000000`,
    "a via without address": `${head} 0600 1200 0a00 0000`,
  };
  for (const [name, body] of Object.entries(cases)) {
    await t.step(name, () => {
      assert.throws(
        () => decodeRoute(messageOf(NEWROUTE, body), testNames()),
        RangeError,
      );
    });
  }
});
