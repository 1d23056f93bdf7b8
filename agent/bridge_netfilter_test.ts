import assert from "node:assert/strict";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { bridgeNetfilterTrouble } from "./bridge_netfilter.ts";

Deno.test("bridgeNetfilterTrouble() names what is not there", async (t) => {
  const four = { Network: "10.5.0.0/16" };
  const six = { EnableIPv6: true, IPv6Network: "fd00::/48" };
  const both = "net.bridge.bridge-nf-call-iptables and " +
    "no net.bridge.bridge-nf-call-ip6tables";
  const cases: [string, object, string[], RegExp | null][] = [
    ["loaded", { ...four, ...six }, ["iptables", "ip6tables"], null],
    ["not loaded", four, [], /no net\.bridge\.bridge-nf-call-iptables:/],
    ["IPv6's alone", { ...four, ...six }, ["iptables"], /no \S*-ip6tables:/],
    ["both", { ...four, ...six }, [], new RegExp(both)],
    ["IPv4 only", four, ["iptables"], null],
    ["nftables", { ...four, EnableNFTables: true }, [], null],
  ];
  for (const [name, config, loaded, wanted] of cases) {
    await t.step(name, () => {
      const said = bridgeNetfilterTrouble(
        parseNetworkConfig(JSON.stringify(config)).config!,
        (key) => loaded.some((each) => key.endsWith(`-${each}`)) ? "1" : null,
      );
      if (wanted === null) assert.equal(said, null);
      else assert.match(said ?? "", wanted);
    });
  }
});
