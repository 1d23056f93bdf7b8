import assert from "node:assert/strict";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { leaseRefusal } from "./refused_lease.ts";

function lease(key: string, PublicIP = "192.168.1.11"): Lease {
  const value = JSON.stringify({ PublicIP, BackendType: "host-gw" });
  return parseLease({ key, value, ttl: 1 }) as Lease;
}

const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.1.10",
  ipv6Address: "fd01::10",
  publicIP: "192.168.1.10",
  publicIPv6: "fd01::10",
  lease: lease("10.5.1.0-24&fd00:0:0:1::-64", "192.168.1.10"),
};
const { config } = parseNetworkConfig(JSON.stringify({
  Network: "10.5.0.0/16",
  EnableIPv6: true,
  IPv6Network: "fd00::/48",
  Backend: { Type: "host-gw" },
}));

Deno.test("leaseRefusal() refuses what would take this host's packets", async (t) => {
  const table: [string, Lease, string | null][] = [
    ["a neighbour", lease("10.5.2.0-24"), null],
    ["of a former network", lease("10.9.2.0-24"), null],
    ["our subnet", lease("10.5.1.0-24"), "is for our own subnet 10.5.1.0/24"],
    [
      "half of it",
      lease("10.5.1.128-25"),
      "is for our own subnet 10.5.1.0/24",
    ],
    ["more than it", lease("10.5.0.0-23"), null],
    [
      "everything",
      lease("128.0.0.0-1"),
      "is for more than the network 10.5.0.0/16",
    ],
    [
      "our segment",
      lease("192.168.1.0-24"),
      "covers our own address 192.168.1.10",
    ],
    [
      "our IPv6 subnet",
      lease("10.5.2.0-24&fd00:0:0:1::-64"),
      "is for our own subnet fd00:0:0:1::/64",
    ],
    [
      "all of IPv6",
      lease("10.5.2.0-24&::-0"),
      "is for more than the network fd00::/48",
    ],
    ["our own former lease", lease("10.5.1.0-24", "192.168.1.10"), null],
    ["our own lease", NODE.lease!, null],
  ];
  for (const [name, other, wanted] of table) {
    await t.step(name, () => {
      assert.equal(leaseRefusal(NODE, config!)(other), wanted);
    });
  }
  await t.step("no lease yet", () => {
    const none = { ...NODE, lease: null };
    assert.equal(leaseRefusal(none, config!)(lease("10.5.1.0-24")), null);
  });
});
