import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  networkConfig as config,
  ready,
  rulesOf,
  setUp,
  show,
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
          // No timer: what comes back was seen to be gone.
          "iptables-resync": "3600",
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
          ) && !text.includes(`${subnetOf(host)} ! -o`));
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
        );
        store.close();
        assert.equal(await agent.stop(), 0);
      });
    }
  },
});

Deno.test({
  name: "runAgent() takes rules of its former subnet away",
  ...REAL,
  async fn(t) {
    await using etcd = await startEtcd();
    const store = await setUp(etcd, "etcd-v3", config({ Type: "vxlan" }));
    using net = new TestHosts(1);
    const host = net.hosts[0]!;
    await using agent = new TestAgent(host, {
      "etcd-endpoints": etcd.endpoints.join(","),
      "ip-masq": "true",
      "ip-blackhole-route": "true",
      "iptables-resync": "1",
    }, { snat: true });
    await ready(host);
    const was = subnetOf(host);
    const bip = was.replace(".0/", ".1/");
    const bridge = (op: "add" | "del") =>
      host.netns.ip(`address ${op} ${bip} dev docker0`);
    host.netns.ip("link add docker0 type bridge", "link set docker0 up");
    bridge("add");
    const rule = `-t nat -I POSTROUTING -s ${was} ! -o docker0 -j MASQUERADE`;
    host.netns.exec("iptables", ...rule.split(" "));
    const nat = () => rulesOf(host, "iptables-save", "nat");
    const named = () => nat().filter((line) => line.includes(was));
    await eventually(
      nat,
      (now) => now.some((line) => line.includes("! -d 172.7.0.0/16 ! -o")),
    );
    await t.step("the bridge's route goes before the blackhole", () => {
      assert.match(
        show(host, "ip", "route", "show", "type", "blackhole"),
        new RegExp(`^blackhole ${was} proto 107 metric 65535`),
      );
      assert.match(
        show(host, "ip", "route", "get", was.replace(".0/24", ".9")),
        /dev docker0/,
      );
    });
    // Another host takes our lease.
    await store.put(
      was.replace("/", "-"),
      JSON.stringify({
        PublicIP: "192.168.77.99",
        BackendType: "vxlan",
        BackendData: { VtepMAC: "02:00:00:00:00:99" },
      }),
      3600,
    );
    await eventually(() => subnetOf(host), (now) => now !== was);
    const now = subnetOf(host);
    await t.step(
      "flannel's rules, address and blackhole are the new subnet's",
      async () => {
        await eventually(
          nat,
          (lines) =>
            lines.filter((line) => line.includes(now)).length === 3 &&
            !lines.some((line) => line.includes(was) && /FLANNEL/.test(line)),
        );
        await eventually(
          () => show(host, "ip", "route", "show", "type", "blackhole").trim(),
          (text) => text === `blackhole ${now} proto 107 metric 65535`,
        );
        assert.match(
          show(host, "ip", "-4", "address", "show", "flannel.1"),
          new RegExp(`inet ${now.replace("/24", "/32")} `),
        );
      },
    );
    await t.step("Docker's rule stays while its bridge is there", async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal(named().length, 1);
      bridge("del");
      // Docker's start puts its rule in for the new subnet.
      const next = rule.replace(was, now);
      host.netns.exec("iptables", ...next.split(" "));
      await eventually(named, (lines) => lines.length === 0);
      await eventually(
        nat,
        (lines) => lines[0]!.includes(`-s ${now} ! -d 172.7.0.0/16`),
      );
    });
    store.close();
    assert.equal(await agent.stop(), 0);
  },
});
