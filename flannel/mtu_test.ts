import assert from "node:assert/strict";
import { flannelMtu } from "./mtu.ts";
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
