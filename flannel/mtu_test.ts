import assert from "node:assert/strict";
import { flannelMtu, vxlanDeviceMtu } from "./mtu.ts";
import { parseNetworkConfig } from "./network_config.ts";

Deno.test("flannelMtu() follows each backend", async (t) => {
  const table: [Record<string, unknown> | null, number | null][] = [
    [{ Type: "host-gw" }, 1500],
    [{ Type: "alloc" }, 1500],
    [{ Type: "vxlan" }, 1450],
    [{ Type: "vxlan", MTU: 1400 }, 1350],
    [{ Type: "udp" }, 1472],
    [null, 1472],
    [{ Type: "ipip" }, 1480],
    [{ Type: "wireguard" }, 1420],
    [{ Type: "wireguard", mtu: 1400 }, 1320],
    [{ Type: "ipsec", PSK: "x".repeat(96) }, 1423],
    [{ Type: "ipsec", PSK: "x".repeat(96), UDPEncap: true }, 1415],
    [{ Type: "geneve" }, null],
  ];
  for (const [backend, mtu] of table) {
    await t.step(JSON.stringify(backend), () => {
      const { config } = parseNetworkConfig(JSON.stringify({
        Network: "10.5.0.0/16",
        ...(backend === null ? {} : { Backend: backend }),
      }));
      assert.equal(flannelMtu(config!, 1500), mtu);
    });
  }
});

Deno.test("vxlanDeviceMtu() is what the kernel gives", async (t) => {
  const table: [string, 4 | 6, number, number, number][] = [
    ["IPv4", 4, 1450, 1500, 1450],
    ["IPv6 loses 20 more", 6, 1450, 1500, 1430],
    ["a small option", 6, 1350, 1500, 1350],
    ["an option beyond the interface", 4, 8950, 1500, 1450],
  ];
  for (const [name, family, mtu, interfaceMtu, wanted] of table) {
    await t.step(name, () => {
      assert.equal(vxlanDeviceMtu(family, mtu, interfaceMtu), wanted);
    });
  }
});
