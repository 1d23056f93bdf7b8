import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import {
  previousSubnets,
  readSubnetFile,
  subnetEnvOf,
  writeSubnetFile,
} from "./subnet_file.ts";

function lease(key: string): Lease {
  const value = '{"PublicIP":"192.168.1.10"}';
  return parseLease({ key, value, ttl: 1 }) as Lease;
}

Deno.test("writeSubnetFile() writes flannel's bytes, mode 0644, once", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/run/flannel/subnet.env`;
    const { config } = parseNetworkConfig(
      '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48"}',
    );
    const env = subnetEnvOf(
      config!,
      lease("10.5.1.0-24&fd00:0:0:1::-64"),
      1450,
      true,
    );
    assert.equal(readSubnetFile(path), null);
    assert.ok(writeSubnetFile(path, env));
    assert.equal(
      Deno.readTextFileSync(path),
      `FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=10.5.1.1/24
FLANNEL_IPV6_NETWORK=fd00::/48
FLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`,
    );
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o644);
    assert.ok(!writeSubnetFile(path, env));
    assert.ok(writeSubnetFile(path, { ...env, mtu: 1400 }));
    assert.deepEqual(
      [...Deno.readDirSync(`${directory}/run/flannel`)].map((e) => e.name),
      ["subnet.env"],
    );
    assert.deepEqual(previousSubnets(readSubnetFile(path)), {
      subnet: "10.5.1.0/24",
      ipv6Subnet: "fd00:0:0:1::/64",
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("readSubnetFile() is null for a file without a subnet", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, "FLANNEL_MTU=1450\n");
    assert.equal(readSubnetFile(path), null);
    assert.equal(previousSubnets(null), null);
  } finally {
    Deno.removeSync(path);
  }
});
