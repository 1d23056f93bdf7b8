import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { legacyTables } from "../host/netfilter/legacy_tables.ts";
import {
  networkConfig as config,
  ready,
  rulesOf,
  setUp,
  subnetOf,
} from "../tests/support/agent_network.ts";
import {
  eventually,
  promptly,
  TestAgent,
  TestHosts,
} from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { LegacyHost } from "../tests/support/legacy_host.ts";
import { needs } from "../tests/support/needs.ts";

Deno.test({
  name: "runAgent() keeps its rules where iptables is the legacy one",
  ...needs({ netns: true, programs: ["etcd", "iptables-legacy"] }),
  async fn(t) {
    using _legacy = new LegacyHost();
    await using etcd = await startEtcd();
    const text = config({ Type: "host-gw" }, {
      EnableIPv6: true,
      IPv6Network: "fd00::/48",
    });
    const store = await setUp(etcd, "etcd-v3", text);
    using net = new TestHosts(1, true);
    const host = net.hosts[0]!;
    await using agent = new TestAgent(host, {
      "etcd-endpoints": etcd.endpoints.join(","),
      "iface": "eth0",
      "ip-masq": "true",
      // No timer: what comes back was seen to be gone.
      "iptables-resync": "3600",
    }, { snat: true });
    await ready(host);
    const save = "iptables-legacy-save";
    const nat = () => rulesOf(host, save, "nat");
    const wanted = nat();
    await t.step("both families, nothing in nftables", () => {
      assert.equal(wanted.length, 7);
      assert.equal(rulesOf(host, save, "filter").length, 3);
      assert.equal(rulesOf(host, "ip6tables-legacy-save", "nat").length, 7);
      assert.equal(host.netns.exec("nft", "list", "ruleset"), "");
    });
    await t.step("a flushed chain comes back", async () => {
      host.netns.exec("iptables-legacy", "-t", "nat", "-F", "FLANNEL-POSTRTG");
      await eventually(nat, (now) => now.join() === wanted.join());
    });
    await t.step("one replaced by another of its size", async () => {
      const { netns } = host;
      const rule = `-s 172.9.0.0/16 ! -d 224.0.0.0/4 -m comment --comment`;
      for (let n = 0; n < 3; n++) {
        // After a repair the agent rests for two seconds at most.
        await new Promise((resolve) => setTimeout(resolve, 2_500));
        netns.exec(
          "sh",
          "-c",
          `iptables-legacy -t nat -R FLANNEL-POSTRTG 5 ${rule} "flanneld masq" -j MASQUERADE --random-fully`,
        );
        assert.notEqual(nat().join(), wanted.join());
        await promptly(nat, (now) => now.join() === wanted.join(), 1_000);
      }
    });
    await t.step("Docker's rule is scoped", async () => {
      const bip = subnetOf(host).replace(".0/", ".1/");
      host.netns.ip(
        "link add docker0 type bridge",
        `address add ${bip} dev docker0`,
      );
      const rule = `-t nat -I POSTROUTING -s ${subnetOf(host)} ` +
        "! -o docker0 -j MASQUERADE";
      host.netns.exec("iptables-legacy", ...rule.split(" "));
      const scoped = `-A POSTROUTING -s ${
        subnetOf(host)
      } ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE`;
      await eventually(nat, (now) => now[0] === scoped);
      assert.equal(nat().filter((line) => line.includes("docker0")).length, 1);
    });
    store.close();
    assert.equal(await agent.stop(), 0);
  },
});

Deno.test({
  name: "runAgent() makes no legacy nat table to look into it",
  ...needs({ netns: true, programs: ["etcd", "iptables-legacy"] }),
  async fn() {
    using _legacy = new LegacyHost();
    await using etcd = await startEtcd();
    const text = config({ Type: "host-gw" });
    const store = await setUp(etcd, "etcd-v3", text);
    using net = new TestHosts(1);
    const host = net.hosts[0]!;
    await using agent = new TestAgent(host, {
      "etcd-endpoints": etcd.endpoints.join(","),
      "iptables-resync": "1",
    });
    await ready(host);
    const filter = () => rulesOf(host, "iptables-legacy-save", "filter");
    const wanted = filter().join();
    // The looks after the first one, too.
    for (let n = 0; n < 2; n++) {
      host.netns.exec("iptables-legacy", "-F", "FLANNEL-FWD");
      await eventually(filter, (now) => now.join() === wanted);
    }
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.deepEqual(legacyTables(4, host.netns.name), ["filter"]);
    store.close();
    assert.equal(await agent.stop(), 0);
  },
});
