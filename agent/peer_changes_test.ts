import assert from "node:assert/strict";
import { expectedState } from "../flannel/expected.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { peerChanges, type PeerState, peerStateOf } from "./peer_changes.ts";

function state(key: string, value: unknown, backend = "vxlan"): PeerState {
  const lease = parseLease({ key, value: JSON.stringify(value), ttl: 1 });
  const result = expectedState({
    config: parseNetworkConfig(
      `{"Network":"10.5.0.0/16","Backend":{"Type":"${backend}"}}`,
    ).config!,
    leases: [lease as Lease],
    node: {
      device: "eth0",
      deviceMtu: 1500,
      address: "192.168.1.10",
      ipv6Address: null,
      publicIP: "192.168.1.10",
      publicIPv6: null,
      lease: null,
    },
  });
  assert.ok("state" in result);
  return peerStateOf(result.state).get(key)!;
}

/** Changes as one would type them. */
function text(change: NetlinkChange): string {
  switch (change.kind) {
    case "route": {
      const { dst, gateway, device, protocol } = change.route;
      return `route ${change.op} ${dst} via ${gateway} dev ${device} proto ${protocol}`;
    }
    case "neighbour": {
      const { address, mac } = change.neighbour;
      return `neigh ${change.op} ${address}${mac ? ` lladdr ${mac}` : ""}`;
    }
    case "fdb":
      return `fdb ${change.op} ${change.entry.mac} dst ${change.entry.dst}`;
    default:
      return change.kind;
  }
}

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const vx = (publicIP: string, VtepMAC: string) => ({
  PublicIP: publicIP,
  BackendType: "vxlan",
  BackendData: { VtepMAC },
});
const KEY = "10.5.2.0-24";
const FIRST = state(KEY, vx("192.168.1.11", A));

Deno.test("peerChanges() goes from one state of a peer to the next", async (t) => {
  const gw = (ip: string) =>
    state(KEY, { PublicIP: ip, BackendType: "host-gw" }, "host-gw");
  const table: [string, PeerState | null, PeerState | null, string[]][] = [
    ["nothing new", FIRST, state(KEY, vx("192.168.1.11", A)), []],
    ["a new peer", null, FIRST, [
      `neigh replace 10.5.2.0 lladdr ${A}`,
      `fdb replace ${A} dst 192.168.1.11`,
      "route add 10.5.2.0/24 via 10.5.2.0 dev flannel.1 proto 107",
    ]],
    ["a peer gone", FIRST, null, [
      "route delete 10.5.2.0/24 via 10.5.2.0 dev flannel.1 proto 107",
      `fdb delete ${A} dst 192.168.1.11`,
      "neigh delete 10.5.2.0",
    ]],
    ["another MAC", FIRST, state(KEY, vx("192.168.1.11", B)), [
      `neigh replace 10.5.2.0 lladdr ${B}`,
      `fdb replace ${B} dst 192.168.1.11`,
      `fdb delete ${A} dst 192.168.1.11`,
    ]],
    ["another host", FIRST, state(KEY, vx("192.168.1.12", A)), [
      `fdb replace ${A} dst 192.168.1.12`,
    ]],
    ["host-gw: a new peer", null, gw("192.168.1.11"), [
      "route add 10.5.2.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    ["host-gw: another host", gw("192.168.1.11"), gw("192.168.1.12"), [
      "route replace 10.5.2.0/24 via 192.168.1.12 dev eth0 proto 107",
    ]],
    ["host-gw: gone", gw("192.168.1.11"), null, [
      "route delete 10.5.2.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
  ];
  for (const [name, before, after, wanted] of table) {
    await t.step(name, () => {
      assert.deepEqual(peerChanges(before, after).map(text), wanted);
    });
  }
});
