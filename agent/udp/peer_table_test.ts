import assert from "node:assert/strict";
import { formatIpv4, parseIpv4 } from "../../flannel/address.ts";
import { parseCidr } from "../../flannel/cidr.ts";
import {
  buildPeerTable,
  findPeer,
  NO_PEERS,
  type PeerTable,
  type UdpPeer,
} from "./peer_table.ts";

function find(table: PeerTable, address: string): string {
  return formatIpv4(findPeer(table, parseIpv4(address) ?? 0));
}

Deno.test("findPeer() finds the subnet an address is in, and its edges", async (t) => {
  const table = buildPeerTable([
    { subnet: "10.5.7.0/24", publicIP: "192.168.1.7" },
    { subnet: "10.5.8.0/24", publicIP: "192.168.1.8" },
    { subnet: "10.5.0.0/21", publicIP: "192.168.1.1" },
    { subnet: "10.5.7.128/25", publicIP: "200.0.0.1" },
    { subnet: "255.255.255.0/24", publicIP: "192.168.1.9" },
    { subnet: "10.6.0.0/24", publicIP: "192.168.1.8" },
  ]);
  const cases = [
    ["0.0.0.0", "0.0.0.0"],
    ["10.4.255.255", "0.0.0.0"],
    ["10.5.0.0", "192.168.1.1"],
    ["10.5.6.255", "192.168.1.1"],
    ["10.5.7.0", "192.168.1.7"],
    ["10.5.7.127", "192.168.1.7"],
    ["10.5.7.128", "200.0.0.1"],
    ["10.5.7.255", "200.0.0.1"],
    ["10.5.8.0", "192.168.1.8"],
    ["10.5.9.0", "0.0.0.0"],
    ["10.6.0.255", "192.168.1.8"],
    ["255.255.254.255", "0.0.0.0"],
    ["255.255.255.255", "192.168.1.9"],
  ] as const;
  for (const [address, expected] of cases) {
    await t.step(address, () => assert.equal(find(table, address), expected));
  }
});

Deno.test("findPeer() finds nobody without peers", () => {
  assert.equal(findPeer(NO_PEERS, 0xffffffff), 0);
  assert.equal(findPeer(buildPeerTable([]), 1), 0);
});

Deno.test("buildPeerTable() takes the later of two peers with one subnet", () => {
  const table = buildPeerTable([
    { subnet: "10.5.7.0/24", publicIP: "192.168.1.7" },
    { subnet: "10.5.7.0/24", publicIP: "192.168.1.8" },
  ]);
  assert.equal(find(table, "10.5.7.9"), "192.168.1.8");
});

Deno.test("findPeer() agrees with a search through all peers for the longest prefix", () => {
  for (let round = 0; round < 50; round++) {
    const peers: UdpPeer[] = Array.from({ length: 40 }, (_, index) => ({
      subnet: `10.0.${random(8)}.${random(256)}/${18 + random(15)}`,
      publicIP: `192.168.${round}.${index + 1}`,
    }));
    const table = buildPeerTable(peers);
    for (let probe = 0; probe < 200; probe++) {
      const address = 0x0a000000 + random(8 * 256);
      assert.equal(
        formatIpv4(findPeer(table, address)),
        plainFind(peers, address),
        `${formatIpv4(address)} in ${JSON.stringify(peers)}`,
      );
    }
  }
});

Deno.test("buildPeerTable() refuses what is not IPv4", () => {
  const bad: readonly UdpPeer[] = [
    { subnet: "fd00::/64", publicIP: "192.168.1.1" },
    { subnet: "10.5.7.0", publicIP: "192.168.1.1" },
    { subnet: "10.5.7.0/24", publicIP: "fd00::1" },
  ];
  for (const peer of bad) {
    assert.throws(() => buildPeerTable([peer]), {
      name: "SyntaxError",
      message:
        `Cannot take peer: expected an IPv4 subnet and public IP, got "${peer.subnet}" of "${peer.publicIP}"`,
    });
  }
});

function plainFind(peers: readonly UdpPeer[], address: number): string {
  let best = { length: -1, publicIP: "0.0.0.0" };
  for (const { subnet, publicIP } of peers) {
    const { start, end, prefixLength: length } = parseCidr(subnet);
    const inside = start <= address && address <= end;
    if (inside && length >= best.length) best = { length, publicIP };
  }
  return best.publicIP;
}

function random(limit: number): number {
  return Math.floor(Math.random() * limit);
}
