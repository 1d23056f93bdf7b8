import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  converged,
  flags,
  networkConfig as config,
  ready,
  routes,
  rulesOf,
  setUp,
  show,
} from "../tests/support/agent_network.ts";
import {
  eventually,
  promptly,
  TestAgent,
  type TestHost,
  TestHosts,
} from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const REAL = needs({ netns: true, programs: ["etcd", "bridge"] });

Deno.test({
  name: "runAgent() does both families of a dual stack network",
  ...REAL,
  async fn(t) {
    for (const type of ["host-gw", "vxlan"]) {
      await t.step(type, async () => {
        await using etcd = await startEtcd();
        const store = await setUp(
          etcd,
          "etcd-v3",
          config({ Type: type }, {
            EnableIPv6: true,
            IPv6Network: "fd00::/48",
          }),
        );
        using net = new TestHosts(2, true);
        const [one, two] = net.hosts as [TestHost, TestHost];
        // No default route for IPv6 here: the interface is named.
        const named = { ...flags(etcd), iface: "eth0" };
        await using a = new TestAgent(one, named);
        await using b = new TestAgent(two, named);
        await converged(net.hosts);
        const six = await eventually(
          () => routes(one, "-6").filter((r) => r.includes("via")),
          (r) => r.length === 1,
        );
        const { leases } = await store.readLeases();
        assert.equal(leases.length, 2);
        const peer = leases.find((l) => l.value.includes("192.168.77.2"))!;
        const [, subnet] = peer.key.split("&");
        const dst = subnet!.replace("-", "/");
        const gateway = type === "vxlan"
          ? `via ${dst.replace("/64", "")} dev flannel-v6.1`
          : "via fd01::2 dev eth0";
        assert.ok(six[0]!.startsWith(`${dst} ${gateway}`), `${six[0]}`);
        assert.match(
          Deno.readTextFileSync(one.subnetFile),
          /^FLANNEL_IPV6_NETWORK=fd00::\/48\nFLANNEL_IPV6_SUBNET=fd00:.*::1\/64$/m,
        );
        store.close();
        assert.equal(await a.stop(), 0);
        assert.equal(await b.stop(), 0);
      });
    }
  },
});

/** A host's IPv6 subnet by its subnet.env: `fd00:0:0:7::/64`. */
function ipv6SubnetOf(host: TestHost): string {
  const text = Deno.readTextFileSync(host.subnetFile);
  const address = /^FLANNEL_IPV6_SUBNET=(.*)$/m.exec(text)![1]!;
  return address.replace("::1/", "::/");
}

/** An address of a host's container, here the host's own. */
function container(host: TestHost): string {
  return ipv6SubnetOf(host).replace("::/64", "::7");
}

/** Whether a packet goes from one container to another and back. */
function reaches(from: TestHost, to: TestHost): boolean {
  const ping = "busybox ping6 -c 1 -W 1 -s 1200 -I".split(" ");
  return show(from, ping[0]!, ...ping.slice(1), container(from), container(to))
    .includes("1 packets received");
}

for (const type of ["host-gw", "vxlan"]) {
  Deno.test({
    name: `runAgent() is a ${type} agent of an IPv6 network on etcd`,
    ...needs({ netns: true, programs: ["etcd", "bridge", "busybox"] }),
    async fn(t) {
      await using etcd = await startEtcd();
      const text = JSON.stringify({
        EnableIPv4: false,
        EnableIPv6: true,
        IPv6Network: "fd00::/48",
        Backend: { Type: type },
      });
      const store = await setUp(etcd, "etcd-v3", text);
      using net = new TestHosts(3, true);
      const named = { ...flags(etcd), "iface": "eth0", "ip-masq": "true" };
      const agents = net.hosts.map((host) => new TestAgent(host, named));
      const peers = (host: TestHost) =>
        routes(host, "-6").filter((line) => line.includes("via"));
      try {
        await ready(...net.hosts);
        await eventually(
          () => net.hosts.map((host) => peers(host).length),
          (counts) => counts.every((count) => count === 2),
        );
        const [one, two] = net.hosts as [TestHost, TestHost, TestHost];
        await t.step("a lease each, though PublicIP is 0.0.0.0", async () => {
          const { leases } = await store.readLeases();
          assert.equal(leases.length, 3);
          for (const { key, value } of leases) {
            assert.match(key, /^0\.0\.0\.0-0&fd00:.*-64$/);
            assert.match(value, /"PublicIP":"0\.0\.0\.0","PublicIPv6":"fd01::/);
          }
          const v6 = leases.map(({ value }) => JSON.parse(value).PublicIPv6);
          assert.deepEqual(v6.sort(), ["fd01::1", "fd01::2", "fd01::3"]);
        });
        await t.step("subnet.env names IPv6 only", () => {
          assert.match(
            Deno.readTextFileSync(one.subnetFile),
            /^FLANNEL_IPV6_NETWORK=fd00::\/48\nFLANNEL_IPV6_SUBNET=fd00:[^\n]*::1\/64\nFLANNEL_MTU=1[45][50]0\n/,
          );
        });
        await t.step("ip6tables' rules, and none of IPv4", () => {
          const subnet = ipv6SubnetOf(one);
          const rules = rulesOf(one, "ip6tables-save", "nat");
          assert.equal(rules.filter((r) => r.includes(subnet)).length, 3);
          assert.ok(
            !rulesOf(one, "iptables-save", "nat").join().includes("FL"),
          );
        });
        await t.step("packets pass between containers", async () => {
          for (const host of net.hosts) {
            host.netns.ip(`address add ${container(host)}/128 dev lo nodad`);
          }
          await eventually(() => reaches(one, two), (reached) => reached);
          assert.ok(reaches(two, one));
        });
        await t.step("a deleted route comes back within a second", async () => {
          const was = peers(one);
          one.netns.ip(`-6 route del ${ipv6SubnetOf(two)}`);
          await promptly(
            () => peers(one).join(),
            (now) => now === was.join(),
            1_000,
          );
          assert.ok(reaches(one, two));
        });
        await t.step("a restart keeps the subnet", async () => {
          const was = ipv6SubnetOf(one);
          assert.equal(await agents[0]!.stop(), 0);
          Deno.removeSync(one.subnetFile);
          agents[0] = new TestAgent(one, named);
          await ready(one);
          assert.equal(ipv6SubnetOf(one), was);
          assert.equal((await store.readLeases()).leases.length, 3);
        });
      } finally {
        for (const agent of agents) await agent.stop();
        store.close();
      }
    },
  });
}

Deno.test({
  name:
    "runAgent() carries both families of a dual stack vxlan, and heals both",
  ...needs({ netns: true, programs: ["etcd", "bridge", "busybox"] }),
  async fn(t) {
    await using etcd = await startEtcd();
    const text = config({ Type: "vxlan" }, {
      EnableIPv6: true,
      IPv6Network: "fd00::/48",
    });
    const store = await setUp(etcd, "etcd-v3", text);
    using net = new TestHosts(2, true);
    const [one, two] = net.hosts as [TestHost, TestHost];
    const named = { ...flags(etcd), iface: "eth0" };
    await using a = new TestAgent(one, named);
    await using b = new TestAgent(two, named);
    await ready(one, two);
    await converged(net.hosts);
    for (const host of net.hosts) {
      host.netns.ip(`address add ${container(host)}/128 dev lo nodad`);
    }
    const state = () =>
      ["flannel.1", "flannel-v6.1"].map((device) =>
        [
          show(one, "ip", "-o", "address", "show", "dev", device)
            .split("\n").filter((line) => !line.includes("scope link"))
            .map((line) => line.replace(/^\d+: /, "")).join("\n"),
          show(one, "ip", "neigh", "show", "dev", device, "nud", "permanent"),
          show(one, "bridge", "fdb", "show", "dev", device),
          show(one, "ip", "route", "show", "dev", device),
          show(one, "ip", "-6", "route", "show", "dev", device)
            .split("\n").filter((line) => line.includes("via")).join("\n"),
        ].join("\n")
      ).join("\n").split("\n").filter((line) => line.trim() !== "").sort();
    await eventually(() => reaches(one, two), (reached) => reached);
    const before = state();
    assert.equal(before.filter((line) => line.includes("via")).length, 2);
    for (
      const command of [
        "link del flannel-v6.1",
        "link set flannel-v6.1 down",
        "-6 address flush dev flannel-v6.1 scope global",
        "-6 neigh flush dev flannel-v6.1 nud permanent",
        "link del flannel.1",
      ]
    ) {
      await t.step(`${command}: all comes back`, async () => {
        one.netns.ip(command);
        await promptly(
          state,
          (now) => now.join("\n") === before.join("\n"),
          3_000,
        );
        await promptly(() => reaches(one, two), (reached) => reached, 3_000);
      });
    }
    store.close();
    assert.equal(await a.stop(), 0);
    assert.equal(await b.stop(), 0);
  },
});

Deno.test({
  name: "runAgent() keeps Docker's rule of IPv6 in its bounds",
  ...needs({ netns: true, programs: ["etcd", "iptables", "ip6tables"] }),
  async fn() {
    await using etcd = await startEtcd();
    const ipv6 = { EnableIPv6: true, IPv6Network: "fd00::/48" };
    await setUp(etcd, "etcd-v3", config({ Type: "host-gw" }, ipv6));
    using net = new TestHosts(1, true);
    const [host] = net.hosts as [TestHost];
    await using agent = new TestAgent(host, {
      ...flags(etcd),
      iface: "eth0",
      // No timer: what comes back was seen to be gone.
      "iptables-resync": "3600",
    }, { snat: true });
    await ready(host);
    const subnet = ipv6SubnetOf(host);
    host.netns.ip(
      "link add docker0 type bridge",
      `address add ${subnet.replace("::/", "::1/")} dev docker0 nodad`,
    );
    const rule =
      `-t nat -I POSTROUTING -s ${subnet} ! -o docker0 -j MASQUERADE`;
    host.netns.exec("ip6tables", ...rule.split(" "));
    await eventually(
      () =>
        rulesOf(host, "ip6tables-save", "nat")
          .filter((line) => line.includes("! -o docker0")).join("\n"),
      (now) =>
        now ===
          `-A POSTROUTING -s ${subnet} ! -d fd00::/48 ! -o docker0 -j MASQUERADE`,
    );
    assert.equal(await agent.stop(), 0);
  },
});
