import assert from "node:assert/strict";
import {
  findNamedLease,
  findOwnLease,
  isOwnLease,
  leasesOf,
} from "./own_lease.ts";
import { parseLeases } from "./parse_lease.ts";

const { leases } = parseLeases([
  { key: "10.5.1.0-24", value: '{"PublicIP":"192.168.1.10"}', ttl: 1 },
  { key: "10.5.2.0-24", value: '{"PublicIP":"192.168.1.11"}', ttl: 1 },
  { key: "10.5.3.0-24", value: '{"PublicIP":"192.168.1.10"}', ttl: 1 },
  {
    key: "0.0.0.0-0&fd00:0:0:1::-64",
    value: '{"PublicIP":"0.0.0.0","PublicIPv6":"fd01::1"}',
    ttl: 1,
  },
  {
    key: "0.0.0.0-0&fd00:0:0:2::-64",
    value: '{"PublicIP":"0.0.0.0","PublicIPv6":"fd01::2"}',
    ttl: 1,
  },
]);

const ten = { publicIP: "192.168.1.10", publicIPv6: null };

Deno.test("findOwnLease() goes by PublicIP, then by subnet.env", () => {
  assert.equal(leasesOf(leases, ten).length, 2);
  assert.equal(findOwnLease(leases, ten)!.subnet, "10.5.1.0/24");
  const named = { subnet: "10.5.3.1/24", ipv6Subnet: null };
  assert.equal(findOwnLease(leases, ten, named)!.subnet, "10.5.3.0/24");
  const foreign = { subnet: "10.5.9.1/24", ipv6Subnet: null };
  assert.equal(findOwnLease(leases, ten, foreign)!.subnet, "10.5.1.0/24");
  const nobody = { publicIP: "192.168.1.99", publicIPv6: null };
  assert.equal(findOwnLease(leases, nobody), null);
});

Deno.test("isOwnLease() tells hosts without IPv4 apart by IPv6", () => {
  const second = { publicIP: "0.0.0.0", publicIPv6: "FD01::2" };
  assert.deepEqual(
    leases.filter((l) => isOwnLease(l, second)).map((l) => l.ipv6Subnet),
    ["fd00:0:0:2::/64"],
  );
  const nothing = { publicIP: null, publicIPv6: null };
  assert.deepEqual(leases.filter((l) => isOwnLease(l, nothing)), []);
});

Deno.test("findNamedLease() wants subnet.env's subnet and an address of here", () => {
  const here = ["192.168.1.11", "fd01::9"];
  const find = (subnet: string | null) =>
    findNamedLease(leases, here, { subnet })?.key ?? null;
  assert.equal(find("10.5.2.1/24"), "10.5.2.0-24");
  assert.equal(find("10.5.1.1/24"), null);
  assert.equal(find(null), null);
});
