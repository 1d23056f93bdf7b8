import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  converged,
  flags,
  networkConfig as config,
  ready,
  routes,
  setUp,
  show,
  subnetOf,
} from "../tests/support/agent_network.ts";
import {
  eventually,
  TestAgent,
  type TestHost,
  TestHosts,
} from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { cleanUp } from "./clean_up.ts";
import { agentOptions } from "./options.ts";

const REAL = needs({
  netns: true,
  programs: ["etcd", "iptables", "iptables-legacy", "nft", "bridge"],
});

/** Runs --cleanup for a host. */
async function clean(host: TestHost) {
  const log = quietLog();
  const given = new Map([["subnet-file", [host.subnetFile]]]);
  const options = { ...agentOptions(given, {}), netns: host.netns.name };
  const status = await cleanUp(options, log);
  return { status, lines: log.lines };
}

/** Everything that an agent touches. */
function everything(host: TestHost): string {
  const save = (program: string, table: string) =>
    show(host, program, "-t", table).split("\n")
      .filter((line) => /^[-:]/.test(line))
      .map((line) => line.replace(/ \[.*/, "")).join("\n");
  return [
    show(host, "ip", "-d", "address"),
    show(host, "ip", "route", "show", "table", "all"),
    show(host, "ip", "-6", "route", "show", "table", "all"),
    show(host, "ip", "neigh", "show", "nud", "permanent"),
    show(host, "bridge", "fdb"),
    save("iptables-save", "nat"),
    save("iptables-save", "filter"),
    save("ip6tables-save", "filter"),
    show(host, "nft", "list", "tables"),
  ].join("\n").replaceAll(/(valid|preferred)_lft \S+/g, "");
}

const ADMINISTRATORS = [
  "route add 172.7.200.0/24 via 192.168.77.77",
  "route add 10.0.0.0/8 via 192.168.77.77",
];

for (const nftables of [false, true]) {
  Deno.test({
    name: `cleanUp() leaves a host as the agent found it, ${
      nftables ? "nftables" : "iptables"
    }`,
    ...REAL,
    async fn(t) {
      await using etcd = await startEtcd();
      const text = config({ Type: "vxlan" }, { EnableNFTables: nftables });
      const store = await setUp(etcd, "etcd-v3", text);
      using net = new TestHosts(2);
      const [one, two] = net.hosts as [TestHost, TestHost];
      one.netns.ip(...ADMINISTRATORS);
      // An administrator's rule of the form that flanneld v0.11 made, too; the
      // tables are there with their built-in chains from then on.
      const accept = "-A FORWARD -s 172.7.0.0/16 -j ACCEPT".split(" ");
      one.netns.exec("iptables", ...accept);
      for (const program of ["iptables", "ip6tables"]) {
        one.netns.exec(
          program,
          "-t",
          "nat",
          "-A",
          "POSTROUTING",
          "-j",
          "RETURN",
        );
        one.netns.exec(program, "-A", "FORWARD", "-j", "RETURN");
      }
      // The kernel tries its IPv6 address for a second or two.
      await eventually(
        () => show(one, "ip", "-6", "address", "show", "dev", "eth0"),
        (text) => text.includes("fe80::") && !text.includes("tentative"),
      );
      const before = everything(one);
      const given = {
        ...flags(etcd),
        "iptables-forward-rules": "true",
        "ip-masq": "true",
        "ip-blackhole-route": "true",
      };
      const a = new TestAgent(one, given);
      await using b = new TestAgent(two, given);
      await ready(one, two);
      await eventually(() => routes(two).length, (count) => count === 1);
      await eventually(
        () => show(one, "ip", "route"),
        (now) => now.includes("flannel.1") && now.includes("blackhole"),
      );
      await t.step("refuses while the agent runs", async () => {
        const { status, lines } = await clean(one);
        assert.equal(status, 1);
        assert.match(lines.join(), /stop it first/);
      });
      assert.equal(await a.stop(), 0);
      await t.step(
        "routes, device, rules and chains go, and no more",
        async () => {
          const { status, lines } = await clean(one);
          assert.equal(status, 0, lines.join("\n"));
          assert.equal(everything(one), before);
          const removed = lines.filter((line) => line.startsWith("I Removed"));
          for (
            const what of [
              /route 172\.7\.\d+\.0\/24 via 172\.7\.\d+\.0 dev flannel\.1/,
              /route blackhole/,
              /device flannel\.1/,
              nftables ? /table ip flannel-ipv4/ : /chain FLANNEL-POSTRTG/,
            ]
          ) assert.ok(removed.some((line) => what.test(line)), String(what));
        },
      );
      await t.step("subnet.env and the lease stay", async () => {
        const key = subnetOf(one).replace("/", "-");
        assert.notEqual(await store.readLease(key), null);
      });
      await t.step("a second time there is nothing", async () => {
        const { status, lines } = await clean(one);
        assert.equal(status, 0);
        assert.deepEqual(lines.slice(0, 2), [
          "I There are no routes or devices of ours",
          "I There are no firewall rules of ours",
        ]);
      });
      store.close();
      assert.equal(await b.stop(), 0);
    },
  });
}

Deno.test({
  name: "cleanUp() leaves a device that flanneld made, without our peers",
  ...REAL,
  async fn() {
    await using etcd = await startEtcd();
    const store = await setUp(etcd, "etcd-v3", config({ Type: "vxlan" }));
    using net = new TestHosts(2);
    const [one, two] = net.hosts as [TestHost, TestHost];
    one.netns.ip(
      "link add flannel.1 type vxlan id 1 local 192.168.77.1 dev eth0 dstport 8472 nolearning",
      "link set flannel.1 up",
    );
    const a = new TestAgent(one, flags(etcd));
    await using b = new TestAgent(two, flags(etcd));
    await converged(net.hosts);
    assert.equal(await a.stop(), 0);
    const entries = () =>
      show(one, "bridge", "fdb", "show", "dev", "flannel.1") +
      show(one, "ip", "neigh", "show", "dev", "flannel.1", "nud", "permanent");
    assert.match(entries(), /dst 192\.168\.77\.2/);
    assert.equal((await clean(one)).status, 0);
    assert.equal(entries(), "");
    assert.deepEqual(routes(one), []);
    assert.match(show(one, "ip", "link", "show", "flannel.1"), /flannel\.1/);
    store.close();
    assert.equal(await b.stop(), 0);
  },
});

Deno.test({
  name: "cleanUp() takes the chains of legacy iptables too",
  ...REAL,
  async fn() {
    using net = new TestHosts(1);
    const host = net.hosts[0]!;
    const run = (line: string) =>
      host.netns.exec("iptables-legacy", ...line.split(" "));
    run("-N FLANNEL-FWD");
    run("-A FLANNEL-FWD -s 172.7.0.0/16 -j ACCEPT");
    run("-A FORWARD -j FLANNEL-FWD");
    run("-A FORWARD -s 10.0.0.0/8 -j ACCEPT");
    const { status, lines } = await clean(host);
    assert.equal(status, 0, lines.join("\n"));
    const rules = show(host, "iptables-legacy-save", "-t", "filter")
      .split("\n").filter((line) => /^-A|FLANNEL/.test(line));
    assert.deepEqual(rules, ["-A FORWARD -s 10.0.0.0/8 -j ACCEPT"]);
  },
});

Deno.test({
  name: "cleanUp() leaves Docker's rule scoped, and says so",
  ...REAL,
  async fn(t) {
    using net = new TestHosts(1);
    const { netns, subnetFile } = net.hosts[0]!;
    const host = net.hosts[0]!;
    Deno.mkdirSync(subnetFile.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(
      subnetFile,
      "FLANNEL_NETWORK=172.7.0.0/16\nFLANNEL_SUBNET=172.7.21.1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n",
    );
    const scoped = "-A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 " +
      "! -o docker0 -j MASQUERADE";
    const own = "-A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
    const other = "-A POSTROUTING -s 10.9.1.0/24 ! -d 10.9.0.0/16 " +
      "! -o br-1 -j MASQUERADE";
    const type = (line: string) =>
      netns.exec("sh", "-c", `iptables -t nat ${line}`);
    const nat = () =>
      show(host, "iptables-save", "-t", "nat").split("\n")
        .filter((line) => line.startsWith("-A"));
    const told = async () => {
      const { status, lines } = await clean(host);
      assert.equal(status, 0);
      return lines.filter((line) => line.includes("scoped"));
    };
    type(other);
    await t.step("nothing where none is", async () => {
      assert.deepEqual(await told(), []);
    });
    type(scoped);
    await t.step("with what takes it back", async () => {
      const [line, ...more] = await told();
      assert.deepEqual(more, []);
      assert.deepEqual(nat(), [other, scoped]);
      assert.ok(line!.includes(`: ${scoped}. `), line!);
      for (const command of line!.split(" else: ")[1]!.split("; ")) {
        netns.exec("sh", "-c", command);
      }
      assert.deepEqual(nat(), [other, own]);
      assert.deepEqual(await told(), []);
    });
    await t.step("and beside Docker's own, after its restart", async () => {
      type(scoped);
      const [line] = await told();
      netns.exec("sh", "-c", line!.split(" else: ")[1]!);
      assert.deepEqual(nat(), [other, own]);
    });
    await t.step("in Docker's nftables", async () => {
      const chain = "ip docker-bridges nat-postrouting-out__docker0";
      netns.exec(
        "sh",
        "-c",
        `iptables -t nat -F POSTROUTING
nft add table ip docker-bridges
nft add chain ${chain}
nft 'add rule ${chain} ip saddr 172.7.21.0/24 ip daddr != 172.7.0.0/16 oifname != "docker0" counter masquerade'`,
      );
      const [line] = await told();
      netns.exec("sh", "-c", line!.split(" else: ")[1]!);
      assert.match(
        show(host, "nft", "list", "chain", ...chain.split(" ")),
        /ip saddr 172\.7\.21\.0\/24 oifname != "docker0" counter/,
      );
      assert.deepEqual(await told(), []);
    });
  },
});
