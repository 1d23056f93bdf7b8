import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
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
  promptly,
  TestAgent,
  type TestHost,
  TestHosts,
} from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

import { probeEcho } from "../host/icmp_probe.ts";

const REAL = needs({ netns: true, programs: ["etcd"] });

Deno.test({
  name: "runAgent() carries packets by udp between three hosts",
  ...REAL,
  async fn(t) {
    await using etcd = await startEtcd();
    const text = config({ Type: "udp", Port: 9285 });
    const store = await setUp(etcd, "etcd-v2", text);
    using net = new TestHosts(3);
    const [one, two] = net.hosts as [TestHost, TestHost, TestHost];
    await using a = new TestAgent(one, flags(etcd));
    const others = net.hosts.slice(1)
      .map((host) => new TestAgent(host, flags(etcd)));
    try {
      await ready(...net.hosts);
      const address = (host: TestHost) => subnetOf(host).replace("/24", "");
      const ping = async (from: TestHost, to: readonly TestHost[]) => {
        const { reached } = await probeEcho({
          source: address(from),
          targets: to.map(address),
          netns: from.netns.name,
        });
        return [...reached.values()].every((each) => each);
      };
      const everybody = async () => {
        for (const host of net.hosts) {
          const peers = net.hosts.filter((each) => each !== host);
          if (!await ping(host, peers)) return false;
        }
        return true;
      };
      await t.step("every host reaches every other", async () => {
        await eventually(everybody, (reached) => reached);
      });
      await t.step("device, address, route, lease as flannel's", async () => {
        assert.match(
          show(one, "ip", "-o", "-4", "address", "show", "flannel0"),
          new RegExp(`inet ${address(one)}/32 scope global flannel0`),
        );
        assert.match(show(one, "ip", "link", "show", "flannel0"), /mtu 1472 /);
        assert.deepEqual(routes(one), [
          "172.7.0.0/16 dev flannel0 proto 107",
        ]);
        const { leases } = await store.readLeases();
        assert.ok(
          leases.some(({ value }) => value === '{"PublicIP":"192.168.77.1"}'),
        );
        assert.match(Deno.readTextFileSync(one.subnetFile), /_MTU=1472\n/);
      });
      const breaks: [string, string][] = [
        ["route", "route del 172.7.0.0/16"],
        ["device down", "link set flannel0 down"],
        ["address", "address flush dev flannel0"],
        ["MTU", "link set flannel0 mtu 1200"],
        ["name", "link set flannel0 name foo"],
        ["device", "link del flannel0"],
      ];
      const before = show(one, "ip", "-o", "link", "show", "flannel0");
      for (const [name, command] of breaks) {
        await t.step(`${name} comes back, packets pass`, async () => {
          one.netns.ip(command);
          await promptly(
            () => show(one, "ip", "-o", "link", "show", "flannel0"),
            (now) => now.replace(/^\d+/, "") === before.replace(/^\d+/, ""),
            2_000,
          );
          await promptly(() => routes(one).length, (n) => n === 1, 2_000);
          await promptly(() => ping(one, [two]), (reached) => reached, 3_000);
        });
      }
      await t.step(
        "a host that gets another subnet is reached there",
        async () => {
          const was = subnetOf(one);
          const key = was.replace("/", "-");
          await store.put(key, '{"PublicIP":"192.168.77.99"}', 3600);
          await eventually(() => subnetOf(one), (now) => now !== was);
          await store.delete(key);
          await promptly(everybody, (reached) => reached, 5_000);
          assert.ok(
            show(one, "ip", "-4", "address", "show", "flannel0")
              .includes(`inet ${address(one)}/32`),
          );
        },
      );
      assert.equal(await a.stop(), 0);
      assert.equal(show(one, "ip", "link", "show", "flannel0"), "");
    } finally {
      for (const agent of others) await agent.stop();
      store.close();
    }
  },
});

Deno.test({
  name: "runAgent() refuses udp where flannel0 is taken",
  ...REAL,
  async fn() {
    await using etcd = await startEtcd();
    const store = await setUp(etcd, "etcd-v3", config({ Type: "udp" }));
    using net = new TestHosts(1);
    const host = net.hosts[0]!;
    host.netns.ip("tuntap add dev flannel0 mode tun");
    await using agent = new TestAgent(host, flags(etcd));
    assert.equal(await agent.done, 1);
    store.close();
  },
});
