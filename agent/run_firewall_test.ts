import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  networkConfig as config,
  ready,
  setUp,
  subnetOf,
} from "../tests/support/agent_network.ts";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const REAL = needs({ netns: true, programs: ["etcd", "iptables", "nft"] });

Deno.test({
  name: "runAgent() keeps firewall rules and Docker's in its bounds",
  ...REAL,
  async fn(t) {
    for (const nft of [false, true]) {
      await t.step(nft ? "nftables" : "iptables", async () => {
        await using etcd = await startEtcd();
        const text = config({ Type: "host-gw" }, { EnableNFTables: nft });
        const store = await setUp(etcd, "etcd-v3", text);
        using net = new TestHosts(1);
        const host = net.hosts[0]!;
        await using agent = new TestAgent(host, {
          "etcd-endpoints": etcd.endpoints.join(","),
          "ip-masq": "true",
        }, { snat: true });
        const rules = () => host.netns.exec("nft", "list", "ruleset");
        const own = (text: string) =>
          nft
            ? text.includes("fully-random") &&
              text.includes("daddr 172.7.0.0/16 accept")
            : text.includes("FLANNEL-POSTRTG") && text.includes("FLANNEL-FWD");
        await eventually(rules, own);
        await ready(host);
        const bip = subnetOf(host).replace(".0/", ".1/");
        host.netns.ip(
          "link add docker0 type bridge",
          `addr add ${bip} dev docker0`,
        );
        host.netns.exec(
          "iptables",
          ..."-t nat -I POSTROUTING -s".split(" "),
          bip,
          ..."! -o docker0 -j MASQUERADE".split(" "),
        );
        const nat = () => host.netns.exec("iptables-save", "-t", "nat");
        await eventually(nat, (text) =>
          text.includes(
            `-A POSTROUTING -s ${
              subnetOf(host)
            } ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE`,
          ) && !text.includes(`${subnetOf(host)} ! -o`), 3_000);
        if (nft) {
          host.netns.exec("nft", "delete", "table", "ip", "flannel-ipv4");
        } else {host.netns.exec(
            "iptables",
            "-t",
            "nat",
            "-F",
            "FLANNEL-POSTRTG",
          );}
        await eventually(
          nft ? rules : nat,
          (text) => text.includes(nft ? "fully-random" : "--random-fully"),
          3_000,
        );
        store.close();
        assert.equal(await agent.stop(), 0);
      });
    }
  },
});
