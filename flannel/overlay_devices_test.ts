import assert from "node:assert/strict";
import { expectedState } from "./expected.ts";
import type { LocalNode } from "./expected_types.ts";
import type { Lease } from "./lease.ts";
import { parseNetworkConfig } from "./network_config.ts";
import { overlayDevices } from "./overlay_devices.ts";
import { parseLease } from "./parse_lease.ts";

function lease(key: string, PublicIP: string, BackendType: string): Lease {
  const BackendData = { VtepMAC: "02:00:00:00:00:0a" };
  const value = JSON.stringify({ PublicIP, BackendType, BackendData });
  return parseLease({ key, value, ttl: 1 }) as Lease;
}

Deno.test("overlayDevices() names where packets to other hosts leave", async (t) => {
  const table: [string, Record<string, unknown>, string[], string[]][] = [
    ["host-gw", { Type: "host-gw" }, ["eth0"], ["eth0"]],
    ["vxlan", { Type: "vxlan", VNI: 7 }, ["flannel.7"], ["flannel.7"]],
    [
      "vxlan, near peers direct",
      { Type: "vxlan", DirectRouting: true },
      ["eth0", "flannel.1"],
      ["flannel.1"],
    ],
    ["udp", { Type: "udp" }, ["flannel0"], ["flannel0"]],
  ];
  for (const [name, Backend, withPeer, alone] of table) {
    await t.step(name, () => {
      const type = String(Backend["Type"]);
      const node: LocalNode = {
        device: "eth0",
        deviceMtu: 1500,
        address: "192.168.1.10",
        ipv6Address: null,
        publicIP: "192.168.1.10",
        publicIPv6: null,
        lease: lease("10.5.1.0-24", "192.168.1.10", type),
      };
      const devices = (leases: Lease[]) => {
        const result = expectedState({
          config: parseNetworkConfig(
            JSON.stringify({ Network: "10.5.0.0/16", Backend }),
          ).config!,
          leases,
          node,
          onLinkBy: () => "eth0",
        });
        assert.ok("state" in result);
        return overlayDevices(result.state, node, 4);
      };
      const peer = lease("10.5.2.0-24", "192.168.1.11", type);
      assert.deepEqual(devices([peer]), withPeer);
      assert.deepEqual(devices([]), alone);
    });
  }
});

Deno.test("overlayDevices() keeps the families apart", () => {
  const both = '{"VtepMAC":"02:00:00:00:00:0a"}';
  const dual = (key: string, host: number) =>
    parseLease({
      key,
      value: JSON.stringify({
        PublicIP: `192.168.1.${host}`,
        PublicIPv6: `fd01::${host}`,
        BackendType: "vxlan",
        BackendData: JSON.parse(both),
        BackendV6Data: JSON.parse(both),
      }),
      ttl: 1,
    }) as Lease;
  const node: LocalNode = {
    device: "eth0",
    deviceMtu: 1500,
    address: "192.168.1.10",
    ipv6Address: "fd01::10",
    publicIP: "192.168.1.10",
    publicIPv6: "fd01::10",
    lease: dual("10.5.1.0-24&fd02:0:0:1::-64", 10),
  };
  const { config } = parseNetworkConfig(JSON.stringify({
    Network: "10.5.0.0/16",
    EnableIPv6: true,
    IPv6Network: "fd02::/48",
    Backend: { Type: "vxlan" },
  }));
  const leases = [dual("10.5.2.0-24&fd02:0:0:2::-64", 11)];
  const result = expectedState({ config: config!, leases, node });
  assert.ok("state" in result);
  assert.deepEqual(overlayDevices(result.state, node, 4), ["flannel.1"]);
  assert.deepEqual(overlayDevices(result.state, node, 6), ["flannel-v6.1"]);
});
