import assert from "node:assert/strict";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { claimsOurSubnet } from "./own_claims.ts";

function lease(key: string, PublicIP: string): Lease {
  const value = JSON.stringify({ PublicIP, BackendType: "host-gw" });
  return parseLease({ key, value, ttl: 1 }) as Lease;
}

const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.1.10",
  ipv6Address: null,
  publicIP: "192.168.1.10",
  publicIPv6: null,
  lease: lease("10.5.1.0-24&fd00:0:0:1::-64", "192.168.1.10"),
};

Deno.test("claimsOurSubnet() tells who names our own addresses", async (t) => {
  const table: [string, Lease, boolean][] = [
    ["a neighbour", lease("10.5.2.0-24", "192.168.1.11"), false],
    ["our subnet", lease("10.5.1.0-24", "192.168.1.11"), true],
    ["half of it", lease("10.5.1.128-25", "192.168.1.11"), true],
    ["more than it", lease("10.5.0.0-23", "192.168.1.11"), false],
    [
      "our IPv6 subnet",
      lease("10.5.2.0-24&fd00:0:0:1::-64", "192.168.1.11"),
      true,
    ],
    ["our own former lease", lease("10.5.1.0-24", "192.168.1.10"), false],
    ["our own lease", NODE.lease!, false],
  ];
  for (const [name, other, wanted] of table) {
    await t.step(name, () => {
      assert.equal(claimsOurSubnet(other, NODE), wanted);
    });
  }
  await t.step("no lease yet", () => {
    const none = { ...NODE, lease: null };
    const other = lease("10.5.1.0-24", "192.168.1.11");
    assert.equal(claimsOurSubnet(other, none), false);
  });
});
