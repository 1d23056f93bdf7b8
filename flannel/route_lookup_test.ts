import assert from "node:assert/strict";
import type { Address, Route } from "./kernel.ts";
import { lookupBy } from "./route_lookup.ts";

function route(dst: string, more: Partial<Route>): Route {
  return {
    family: dst.includes(":") ? 6 : 4,
    dst,
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
    ...more,
  };
}

function address(device: string, cidr: string): Address {
  const [ip = "", length] = cidr.split("/");
  return {
    device,
    family: ip.includes(":") ? 6 : 4,
    address: ip,
    prefixLength: Number(length),
    peer: null,
    scope: "global",
    broadcast: null,
    label: null,
    flags: [],
  };
}

const ROUTES = [
  route("0.0.0.0/0", { gateway: "10.0.0.254", device: "eth0", metric: 100 }),
  route("0.0.0.0/0", { gateway: "10.9.0.254", device: "eth1", metric: 200 }),
  route("10.0.0.0/24", { device: "eth0", prefsrc: "10.0.0.1" }),
  route("10.7.0.0/16", { type: "blackhole" }),
  route("10.8.0.0/16", {
    nexthops: [
      {
        gateway: "10.0.0.8",
        device: "eth0",
        weight: 1,
        onlink: false,
        down: false,
      },
    ],
  }),
  route("10.6.0.0/16", { gateway: "10.0.0.9", device: "eth0", table: 100 }),
  route("fd00::/64", { device: "eth0" }),
];
const ADDRESSES = [
  address("eth0", "192.168.5.1/24"),
  address("eth0", "10.0.0.1/24"),
  address("eth0", "fd00::1/64"),
];

Deno.test("lookupBy() answers as the kernel's main table would", async (t) => {
  const lookup = lookupBy(ROUTES, ADDRESSES);
  const cases = [
    ["10.0.0.2", "eth0", null, "10.0.0.1"],
    ["8.8.8.8", "eth0", "10.0.0.254", "10.0.0.1"],
    ["10.8.1.1", "eth0", "10.0.0.8", "10.0.0.1"],
    ["10.6.1.1", "eth0", "10.0.0.254", "10.0.0.1"],
    ["fd00::2", "eth0", null, "fd00::1"],
  ] as const;
  for (const [target, device, gateway, source] of cases) {
    await t.step(target, () => {
      assert.deepEqual(lookup(target), { device, gateway, source });
    });
  }
  for (const target of ["10.7.1.1", "fd01::1", "not an address"]) {
    await t.step(target, () => assert.equal(lookup(target), null));
  }
});
