import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  networkConfig,
  ready,
  rulesOf,
  setUp,
  show,
} from "../tests/support/agent_network.ts";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const S = "172.7.33.0/24";
const S6 = "fd00:7:0:33::/64";
const KEY = "172.7.33.0-24&fd00:7:0:33::-64";

/** flannel v0.28.9 pkg/trafficmngr/iptables, as iptables-save prints it. */
function nat(N: string, S: string, multicast: string): string[] {
  const of = '-m comment --comment "flanneld masq"';
  const chain = "-A FLANNEL-POSTRTG";
  return [
    `-A POSTROUTING ${of} -j FLANNEL-POSTRTG`,
    `${chain} -m mark --mark 0x4000/0x4000 ${of} -j RETURN`,
    `${chain} -s ${S} -d ${N} ${of} -j RETURN`,
    `${chain} -s ${N} -d ${S} ${of} -j RETURN`,
    `${chain} ! -s ${N} -d ${S} ${of} -j RETURN`,
    `${chain} -s ${N} ! -d ${multicast} ${of} -j MASQUERADE --random-fully`,
    `${chain} ! -s ${N} -d ${N} ${of} -j MASQUERADE --random-fully`,
  ];
}

function filter(N: string): string[] {
  const of = '-m comment --comment "flanneld forward"';
  return [
    `-A FORWARD ${of} -j FLANNEL-FWD`,
    `-A FLANNEL-FWD -s ${N} ${of} -j ACCEPT`,
    `-A FLANNEL-FWD -d ${N} ${of} -j ACCEPT`,
  ];
}

/** flannel v0.28.9 pkg/trafficmngr/nftables, as nft prints it. */
function nft(ip: "ip" | "ip6", N: string, S: string, multicast: string) {
  const name = ip === "ip" ? "flannel-ipv4" : "flannel-ipv6";
  return `table ${ip} ${name} {
\tcomment "rules for ${name}"
\tchain postrtg {
\t\tcomment "chain to manage traffic masquerading by flannel"
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\tmeta mark 0x00004000 return
\t\t${ip} saddr ${S} ${ip} daddr ${N} return
\t\t${ip} saddr ${N} ${ip} daddr ${S} return
\t\t${ip} saddr != ${S} ${ip} daddr ${N} return
\t\t${ip} saddr ${N} ${ip} daddr != ${multicast} masquerade fully-random
\t\t${ip} saddr != ${N} ${ip} daddr ${N} masquerade fully-random
\t}

\tchain forward {
\t\tcomment "chain to accept flannel traffic"
\t\ttype filter hook forward priority filter; policy accept;
\t\t${ip} saddr ${N} accept
\t\t${ip} daddr ${N} accept
\t}
}
`;
}

const [N, N6] = ["172.7.0.0/16", "fd00:7::/48"];
const [M, M6] = ["224.0.0.0/4", "ff00::/8"];

Deno.test({
  name:
    "runAgent() makes flannel's rules, and takes those of the other backend",
  ...needs({ netns: true, programs: ["etcd", "iptables", "ip6tables", "nft"] }),
  async fn(t) {
    await using etcd = await startEtcd();
    const config = (EnableNFTables: boolean) =>
      networkConfig({ Type: "host-gw" }, {
        EnableIPv6: true,
        IPv6Network: "fd00:7::/48",
        EnableNFTables,
      });
    const store = await setUp(etcd, "etcd-v3", config(false));
    using net = new TestHosts(1, true);
    const host = net.hosts[0]!;
    // A reservation: so the subnets are known.
    const own = '{"PublicIP":"192.168.77.1","PublicIPv6":"fd01::1"}';
    await store.put(KEY, own, null);
    const start = (flags: Record<string, string>) =>
      new TestAgent(host, {
        "etcd-endpoints": etcd.endpoints.join(","),
        "iface": "eth0",
        ...flags,
      });
    const saved = () =>
      ["iptables-save", "ip6tables-save"].flatMap((program) =>
        ["nat", "filter"].map((table) => rulesOf(host, program, table))
      );
    const tables = () =>
      ["ip flannel-ipv4", "ip6 flannel-ipv6"].map((table) =>
        show(host, "nft", ..."-s list table".split(" "), ...table.split(" "))
      );
    const run = async (flags: Record<string, string>, look: () => void) => {
      if (existsSync(host.subnetFile)) Deno.removeSync(host.subnetFile);
      await using agent = start(flags);
      await ready(host);
      await eventually(() => outcome(look), (error) => error === null);
      assert.equal(await agent.stop(), 0);
    };

    await t.step("iptables, every rule and its place", async () => {
      await run({ "ip-masq": "true" }, () => {
        assert.deepEqual(saved(), [
          ...[nat(N, S, M), filter(N)],
          ...[nat(N6, S6, M6), filter(N6)],
        ]);
        assert.deepEqual(tables(), ["", ""]);
      });
    });
    await t.step("nftables instead, and nothing of the former", async () => {
      await store.writeConfig(config(true));
      await run({ "ip-masq": "true" }, () => {
        assert.deepEqual(tables(), [
          nft("ip", N, S, M),
          nft("ip6", N6, S6, M6),
        ]);
        assert.deepEqual(saved(), [[], [], [], []]);
        const text = show(host, "iptables-save");
        assert.doesNotMatch(text, /FLANNEL/);
      });
    });
    await t.step("iptables again, without --ip-masq", async () => {
      await store.writeConfig(config(false));
      await run({}, () => {
        assert.deepEqual(saved(), [[], filter(N), [], filter(N6)]);
        assert.deepEqual(tables(), ["", ""]);
      });
    });
    await t.step(
      "what --ip-masq left stays without it, as by flanneld",
      async () => {
        await run({ "ip-masq": "true" }, () => {
          assert.equal(saved()[0]!.length, 7);
        });
        await run({}, () => assert.equal(saved()[0]!.length, 7));
      },
    );
    store.close();
  },
});

/** What is wrong still, or null. */
function outcome(look: () => void): string | null {
  try {
    look();
    return null;
  } catch (error) {
    return String(error);
  }
}
