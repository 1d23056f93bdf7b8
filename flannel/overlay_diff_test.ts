import assert from "node:assert/strict";
import type {
  LocalNode,
  WantedDevice,
  WantedFdb,
  WantedNeighbour,
} from "./expected_types.ts";
import type { Address, FdbEntry, Link, Neighbour } from "./kernel.ts";
import type { Lease } from "./lease.ts";
import {
  diffDevice,
  diffFdb,
  diffNeighbours,
  RECREATE_ATTRIBUTES,
} from "./overlay_diff.ts";

const PEER = {} as Lease;
const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const DEVICES = new Set(["flannel.1"]);

function neighbour(address: string, mac: string | null, state: string) {
  return {
    device: "flannel.1",
    family: 4,
    address,
    mac,
    state,
  } satisfies Neighbour;
}

Deno.test("diffNeighbours() wants the MAC for ever", async (t) => {
  const wanted: WantedNeighbour[] = [{
    device: "flannel.1",
    family: 4,
    address: "10.5.2.0",
    mac: A,
    peer: PEER,
  }];
  const table: [string, Neighbour[], number, string, number][] = [
    ["equal", [neighbour("10.5.2.0", A, "PERMANENT")], 0, "", 0],
    ["none", [], 1, "", 0],
    ["failed", [neighbour("10.5.2.0", null, "FAILED")], 1, "", 0],
    ["other MAC", [neighbour("10.5.2.0", B, "PERMANENT")], 0, "mac", 0],
    ["learnt", [neighbour("10.5.2.0", A, "REACHABLE")], 0, "state", 0],
    ["both", [neighbour("10.5.2.0", B, "STALE")], 0, "mac,state", 0],
    [
      "a gone peer's",
      [
        neighbour("10.5.2.0", A, "PERMANENT"),
        neighbour("10.5.9.0", B, "PERMANENT"),
        neighbour("10.5.8.0", B, "REACHABLE"),
      ],
      0,
      "",
      1,
    ],
    [
      "on another device",
      [{ ...neighbour("10.5.2.0", A, "PERMANENT"), device: "eth0" }],
      1,
      "",
      0,
    ],
  ];
  for (const [name, observed, missing, differs, stale] of table) {
    await t.step(name, () => {
      const diff = diffNeighbours(wanted, observed, DEVICES);
      assert.equal(diff.missing.length, missing);
      assert.equal(diff.wrong.map((w) => w.differs.join()).join(), differs);
      assert.equal(diff.stale.length, stale);
    });
  }
});

function fdb(mac: string, dst: string | null, permanent = true): FdbEntry {
  return {
    device: "flannel.1",
    mac,
    dst,
    self: true,
    master: null,
    permanent,
    vlan: null,
  };
}

Deno.test("diffFdb() wants the peer's address for its MAC", async (t) => {
  const wanted: WantedFdb[] = [
    { device: "flannel.1", mac: A, dst: "192.168.1.11", peer: PEER },
  ];
  const ok = fdb(A, "192.168.1.11");
  const table: [string, FdbEntry[], number, string, number][] = [
    ["equal", [ok], 0, "", 0],
    ["none", [], 1, "", 0],
    ["other host", [fdb(A, "192.168.1.12")], 0, "dst", 0],
    ["learnt", [fdb(A, "192.168.1.11", false)], 0, "permanent", 0],
    ["a former MAC", [ok, fdb(B, "192.168.1.11")], 0, "", 1],
    ["a second host", [ok, fdb(A, "192.168.1.12")], 0, "", 1],
    ["learnt, of nobody", [ok, fdb(B, "192.168.1.13", false)], 0, "", 0],
    ["flood", [ok, fdb("00:00:00:00:00:00", "239.1.1.1")], 0, "", 0],
    ["multicast", [ok, fdb("33:33:00:00:00:01", null)], 0, "", 0],
    ["on another device", [{ ...ok, device: "vxlan9" }], 1, "", 0],
  ];
  for (const [name, observed, missing, differs, stale] of table) {
    await t.step(name, () => {
      const diff = diffFdb(wanted, observed, DEVICES);
      assert.equal(diff.missing.length, missing);
      assert.equal(diff.wrong.map((w) => w.differs.join()).join(), differs);
      assert.equal(diff.stale.length, stale);
    });
  }
});

const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.1.10",
  ipv6Address: null,
  publicIP: "203.0.113.10",
  publicIPv6: null,
  lease: null,
};

const WANTED: WantedDevice = {
  name: "flannel.1",
  kind: "vxlan",
  mtu: 1450,
  mac: A,
  address: "10.5.1.0/32",
  family: 4,
  vxlan: {
    vni: 1,
    port: 8472,
    local: "192.168.1.10",
    lower: "eth0",
    learning: false,
    gbp: false,
  },
};

const LINK: Link = {
  index: 5,
  name: "flannel.1",
  kind: "vxlan",
  up: true,
  carrier: true,
  loopback: false,
  pointToPoint: false,
  noArp: false,
  operState: "UNKNOWN",
  mtu: 1450,
  mac: A,
  master: null,
  lower: "eth0",
  vxlan: {
    vni: 1,
    port: 8472,
    local: "192.168.1.10",
    group: null,
    lower: "eth0",
    learning: false,
    gbp: false,
    l2miss: false,
    l3miss: false,
    proxy: false,
    udpCsum: true,
    udp6ZeroCsumTx: false,
    udp6ZeroCsumRx: false,
    ageing: 300,
    ttl: 0,
  },
};

function held(address: string, prefixLength: number, scope = "global") {
  return {
    device: "flannel.1",
    family: 4,
    address,
    prefixLength,
    peer: null,
    scope,
    broadcast: null,
    label: null,
    flags: [],
  } satisfies Address;
}

Deno.test("diffDevice() names what differs", async (t) => {
  const vxlan = LINK.vxlan!;
  const own = held("10.5.1.0", 32);
  const table: [string, Link | null, Address[], string[], number][] = [
    ["equal", LINK, [own], [], 0],
    [
      "local is the public address, as from v0.27.4",
      { ...LINK, vxlan: { ...vxlan, local: "203.0.113.10" } },
      [own],
      [],
      0,
    ],
    ["down", { ...LINK, up: false }, [own], ["up: down, not up"], 0],
    ["MTU", { ...LINK, mtu: 1500 }, [own], ["mtu: 1500, not 1450"], 0],
    ["MAC", { ...LINK, mac: B }, [own], [`mac: ${B}, not ${A}`], 0],
    [
      "port, VNI, lower device, local, learning, GBP",
      {
        ...LINK,
        vxlan: {
          ...vxlan,
          vni: 2,
          port: 4789,
          lower: null,
          local: "10.0.0.1",
          learning: true,
          gbp: true,
        },
      },
      [own],
      [
        "vni: 2, not 1",
        "port: 4789, not 8472",
        "lower: none, not eth0",
        "learning: true, not false",
        "gbp: true, not false",
        "local: 10.0.0.1, not 192.168.1.10",
      ],
      0,
    ],
    [
      "a default destination, and packets that die at the first router",
      { ...LINK, vxlan: { ...vxlan, group: "192.168.1.99", ttl: 1 } },
      [own],
      ["remote: 192.168.1.99, not none", "ttl: 1, not auto"],
      0,
    ],
    ["no ARP", { ...LINK, noArp: true }, [own], ["arp: off, not on"], 0],
    [
      "a port of a bridge",
      { ...LINK, master: "br0" },
      [own],
      ["master: br0, not none"],
      0,
    ],
    ["no address", LINK, [], ["address: none, not 10.5.1.0/32"], 0],
    [
      "the old subnet's address",
      LINK,
      [held("10.5.7.0", 32)],
      ["address: 10.5.7.0/32, not 10.5.1.0/32"],
      1,
    ],
    ["another beside it", LINK, [own, held("10.5.7.0", 32)], [], 1],
    [
      "link-local beside it",
      LINK,
      [own, held("169.254.0.1", 16, "link")],
      [],
      0,
    ],
    ["absent", null, [], [], 0],
  ];
  for (const [name, link, addresses, differences, extra] of table) {
    await t.step(name, () => {
      const links = link === null ? [] : [link];
      const diff = diffDevice(WANTED, links, addresses, NODE);
      assert.equal(diff.observed, link);
      assert.deepEqual(
        diff.differences.map((d) =>
          `${d.attribute}: ${d.current}, not ${d.wanted}`
        ),
        differences,
      );
      assert.equal(diff.extraAddresses.length, extra);
    });
  }
});

Deno.test("diffDevice() wants no ARP of a TUN device", () => {
  const wanted = { ...WANTED, name: "flannel0", kind: "tun", mac: null };
  const { vxlan: _, ...link } = { ...LINK, name: "flannel0", noArp: true };
  const addresses = [{ ...held("10.5.1.0", 32), device: "flannel0" }];
  const links = [{ ...link, kind: "tun" }];
  assert.deepEqual(diffDevice(wanted, links, addresses, NODE).differences, []);
});

Deno.test("diffDevice() wants no MAC before there is a lease", () => {
  const diff = diffDevice({ ...WANTED, mac: null }, [LINK], [], NODE);
  assert.ok(!diff.differences.some((d) => d.attribute === "mac"));
});

Deno.test("RECREATE_ATTRIBUTES leaves what can be changed in place", () => {
  const names = [
    ...["up", "mtu", "mac", "learning", "address", "arp", "master"] as const,
  ];
  for (const name of names) assert.ok(!RECREATE_ATTRIBUTES.has(name));
});
