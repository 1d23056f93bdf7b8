import assert from "node:assert/strict";
import {
  allocate,
  type AllocationInput,
  fitsRange,
  freeSubnets,
  isCompatible,
  subnetPair,
  subnetUsage,
} from "./allocation.ts";
import { overlaps, parseCidr } from "./cidr.ts";
import type { Lease } from "./lease.ts";
import type { NetworkConfig } from "./network_config_types.ts";
import { parseNetworkConfig } from "./network_config.ts";
import { parseLease } from "./parse_lease.ts";

function config(value: unknown): NetworkConfig {
  return parseNetworkConfig(JSON.stringify(value)).config!;
}

function lease(key: string, publicIP = "192.168.1.99"): Lease {
  const value = JSON.stringify({ PublicIP: publicIP });
  return parseLease({ key, value, ttl: 86400 }) as Lease;
}

const NET16 = config({ Network: "10.5.0.0/16" });
const DUAL = config({
  Network: "10.5.0.0/16",
  EnableIPv6: true,
  IPv6Network: "fd00::/48",
});

function ask(input: Partial<AllocationInput>) {
  return allocate({
    config: NET16,
    leases: [],
    identity: { publicIP: "192.168.1.10", publicIPv6: null },
    previous: null,
    random: () => 0,
    ...input,
  });
}

Deno.test("allocate() reuses the lease with the own address", () => {
  const own = lease("10.5.40.0-24", "192.168.1.10");
  const result = ask({ leases: [lease("10.5.1.0-24"), own] });
  assert.deepEqual(result, { kind: "reuse", lease: own, discard: [] });
});

Deno.test("allocate() discards an own lease that does not fit", () => {
  const old = lease("10.9.40.0-24", "192.168.1.10");
  const long = lease("10.5.1.0-25", "192.168.1.10");
  const result = ask({ leases: [old, long] });
  assert.deepEqual(result, {
    kind: "create",
    // Its range counts as free in the same round, unlike in flannel.
    subnets: { subnet: "10.5.1.0/24", ipv6Subnet: null },
    from: "free",
    discard: [old, long],
  });
});

Deno.test("allocate() reuses a later own lease when the first does not fit", () => {
  const old = lease("10.9.40.0-24", "192.168.1.10");
  const own = lease("10.5.40.0-24", "192.168.1.10");
  assert.deepEqual(ask({ leases: [old, own] }), {
    kind: "reuse",
    lease: own,
    discard: [old],
  });
});

Deno.test("allocate() prefers, among own leases, the previous subnet", () => {
  const first = lease("10.5.40.0-24", "192.168.1.10");
  const second = lease("10.5.50.0-24", "192.168.1.10");
  const result = ask({
    leases: [first, second],
    previous: subnetPair("10.5.50.1/24", null),
  });
  assert.equal(result.kind === "reuse" && result.lease, second);
});

Deno.test("allocate() takes the previous subnet only if it is free", async (t) => {
  const previous = subnetPair("10.5.34.1/24", null);
  const table: [string, Lease[], string, string][] = [
    ["free", [lease("10.5.33.0-24")], "10.5.34.0/24", "previous"],
    ["another's", [lease("10.5.34.0-24")], "10.5.1.0/24", "free"],
    ["inside another's", [lease("10.5.32.0-22")], "10.5.1.0/24", "free"],
    ["around another's", [lease("10.5.34.64-26")], "10.5.1.0/24", "free"],
  ];
  for (const [name, leases, subnet, from] of table) {
    await t.step(name, () => {
      const result = ask({ leases, previous });
      assert.ok(result.kind === "create");
      assert.deepEqual([result.subnets.subnet, result.from], [subnet, from]);
    });
  }
  await t.step("not when it does not fit the config", () => {
    for (const subnet of ["10.9.34.0/24", "10.5.34.0/25", "10.5.0.0/24"]) {
      const result = ask({ previous: subnetPair(subnet, null) });
      assert.ok(result.kind === "create");
      assert.equal(result.from, "free");
    }
  });
});

Deno.test("allocate() picks among the first hundred free subnets", () => {
  const seen: number[] = [];
  const result = ask({
    leases: [lease("10.5.1.0-24"), lease("10.5.3.0-24")],
    random: (below) => {
      seen.push(below);
      return below - 1;
    },
  });
  assert.deepEqual(seen, [100]);
  assert.ok(result.kind === "create");
  assert.equal(result.subnets.subnet, "10.5.102.0/24");
});

Deno.test("allocate() says which family is exhausted", () => {
  const small = config({ Network: "10.5.0.0/28", SubnetLen: 30 });
  const leases = ["10.5.0.4-30", "10.5.0.8-30", "10.5.0.12-30"]
    .map((k) => lease(k));
  assert.deepEqual(ask({ config: small, leases }), {
    kind: "exhausted",
    family: 4,
  });
  const empty = config({
    Network: "10.5.0.0/16",
    SubnetMin: "10.5.9.0",
    SubnetMax: "10.5.8.0",
  });
  assert.deepEqual(ask({ config: empty }), { kind: "exhausted", family: 4 });
});

Deno.test("allocate() serves both families beside leases without IPv6", () => {
  const result = ask({
    config: DUAL,
    leases: [lease("10.5.1.0-24"), lease("10.5.2.0-24&fd00:0:0:1::-64")],
  });
  assert.ok(result.kind === "create");
  assert.deepEqual(result.subnets, {
    subnet: "10.5.3.0/24",
    ipv6Subnet: "fd00:0:0:2::/64",
  });
});

Deno.test("allocate() finds an own lease by IPv6 where there is no IPv4", () => {
  const six = config({
    EnableIPv4: false,
    EnableIPv6: true,
    IPv6Network: "fd00::/48",
  });
  const make = (n: number) =>
    parseLease({
      key: `0.0.0.0-0&fd00:0:0:${n}::-64`,
      value: `{"PublicIP":"0.0.0.0","PublicIPv6":"fd01::${n}"}`,
      ttl: 1,
    }) as Lease;
  const leases = [make(1), make(2)];
  const identity = { publicIP: null, publicIPv6: "fd01::2" };
  const result = ask({ config: six, leases, identity });
  assert.equal(result.kind === "reuse" && result.lease, leases[1]);
  const stranger = { publicIP: null, publicIPv6: "fd01::3" };
  const fresh = ask({ config: six, leases, identity: stranger });
  assert.ok(fresh.kind === "create");
  assert.deepEqual(fresh.subnets, {
    subnet: null,
    ipv6Subnet: "fd00:0:0:3::/64",
  });
});

Deno.test("isCompatible() wants exactly the families that are on", async (t) => {
  const table: [string, string | null, string | null, boolean][] = [
    ["v4 in v4", "10.5.1.0/24", null, true],
    ["dual in v4", "10.5.1.0/24", "fd00:0:0:1::/64", false],
  ];
  for (const [name, v4, v6, answer] of table) {
    await t.step(name, () => {
      assert.equal(isCompatible(subnetPair(v4, v6), NET16), answer);
    });
  }
  assert.ok(!isCompatible(subnetPair("10.5.1.0/24", null), DUAL));
  assert.ok(isCompatible(subnetPair("10.5.1.0/24", "fd00:0:0:1::/64"), DUAL));
});

Deno.test("fitsRange() holds subnets to the bounds", async (t) => {
  const range = config({
    Network: "10.5.0.0/16",
    SubnetLen: 26,
    SubnetMin: "10.5.16.0",
    SubnetMax: "10.5.32.192",
  }).ipv4!;
  const table: [string, boolean][] = [
    ["10.5.16.0/26", true],
    ["10.5.32.192/26", true],
    ["10.5.15.192/26", false],
    ["10.5.33.0/26", false],
    ["10.5.16.0/24", false],
    ["fd00::/26", false],
    ["nonsense", false],
  ];
  for (const [subnet, answer] of table) {
    await t.step(
      subnet,
      () => assert.equal(fitsRange(4, range, subnet), answer),
    );
  }
});

Deno.test("subnetUsage() counts slots, not leases", async (t) => {
  const range = NET16.ipv4!;
  const table: [string, string[], number][] = [
    ["none", [], 0],
    ["one", ["10.5.1.0-24"], 1],
    ["below SubnetMin", ["10.5.0.0-24"], 0],
    ["outside", ["10.9.1.0-24"], 0],
    ["four /26 in one slot", ["10.5.1.0-26", "10.5.1.64-26"], 1],
    ["one /22 in four slots", ["10.5.4.0-22"], 4],
    ["overlapping", ["10.5.4.0-22", "10.5.5.0-24", "10.5.8.0-24"], 5],
    ["all", ["10.5.0.0-16"], 255],
  ];
  for (const [name, keys, taken] of table) {
    await t.step(name, () => {
      const leases = keys.map((k) => lease(k));
      assert.deepEqual(subnetUsage(4, range, leases), {
        capacity: 255,
        taken,
        free: 255 - taken,
      });
    });
  }
  assert.equal(subnetUsage(6, DUAL.ipv6!, []).capacity, 65535);
});

Deno.test("freeSubnets() gives what a slot-by-slot search gives", () => {
  const range = config({
    Network: "10.5.0.0/20",
    SubnetLen: 26,
  }).ipv4!;
  let state = 7;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
  for (let round = 0; round < 50; round++) {
    const leases: Lease[] = [];
    for (let i = 0; i < 40; i++) {
      const length = 22 + random(7);
      const size = 2 ** (32 - length);
      const start = 0x0a050000 + Math.floor(random(8192) / size) * size;
      const dotted = [24, 16, 8, 0].map((s) => (start >>> s) & 255).join(".");
      leases.push(lease(`${dotted}-${length}`));
    }
    const wanted: string[] = [];
    for (let at = 0x0a050040; at <= 0x0a050fc0; at += 64) {
      const dotted = [24, 16, 8, 0].map((s) => (at >>> s) & 255).join(".");
      const slot = parseCidr(`${dotted}/26`);
      if (leases.every((l) => !overlaps(parseCidr(l.subnet!), slot))) {
        wanted.push(`${dotted}/26`);
      }
    }
    assert.deepEqual(freeSubnets(4, range, leases, 10_000), wanted);
    assert.deepEqual(freeSubnets(4, range, leases), wanted.slice(0, 100));
    assert.equal(subnetUsage(4, range, leases).free, wanted.length);
  }
});
