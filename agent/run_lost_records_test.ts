/**
 * Somebody deletes the leases of a network. flannel's hosts lose every route
 * until each of them has written its lease again; these go on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type MonitorEvent, openMonitor } from "../host/netlink/monitor.ts";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import {
  flags,
  networkConfig,
  routes,
  setUp,
} from "../tests/support/agent_network.ts";
import { type EtcdCluster, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const REAL = needs({ netns: true, programs: ["etcd", "etcdctl"] });
const SUBNETS = "/coreos.com/network/subnets";
const PEERS = 20;

function etcdctl(etcd: EtcdCluster, ...args: readonly string[]): void {
  const { success, stderr } = new Deno.Command("etcdctl", {
    args: ["--endpoints", etcd.endpoints.join(), ...args],
    env: { ETCDCTL_API: "3" },
  }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test({
  name: "flandoc run: all leases are deleted, at once and one by one",
  ...REAL,
  async fn(t) {
    await using etcd = await startEtcd();
    const config = networkConfig({ Type: "host-gw" });
    const store = await setUp(etcd, "etcd-v3", config);
    using net = new TestHosts(1);
    const [host] = net.hosts;
    const key = (n: number) => `172.7.${100 + n}.0-24`;
    const value = (n: number) =>
      `{"PublicIP":"192.168.77.${100 + n}","BackendType":"host-gw"}`;
    const peers = Array.from({ length: PEERS }, (_, n) => n);
    const write = () =>
      Promise.all(peers.map((n) => store.put(key(n), value(n), 3_600)));
    await write();
    await using agent = new TestAgent(host!, flags(etcd));
    const count = () => routes(host!).length;
    await eventually(count, (n) => n === PEERS);
    await using monitor = openMonitor({
      netns: host!.netns.name,
      routes: true,
    });
    const events: MonitorEvent[] = [];
    const watching = (async () => {
      for await (const event of monitor) {
        // The kernel makes IPv6 routes for the device in its own time.
        if (event.type !== "route" || event.route.family === 4) {
          events.push(event);
        }
      }
    })();
    const own = async () =>
      (await store.readLeases()).leases
        .filter(({ value }) => value.includes(host!.address)).length;

    await t.step("in one transaction: no route goes", async () => {
      etcdctl(etcd, "del", "--prefix", `${SUBNETS}/`);
      await eventually(own, (n) => n === 1);
      assert.equal(count(), PEERS);
      await write();
    });
    await t.step("one by one, in the same minute: none goes", async () => {
      assert.deepEqual(events, []);
      for (const n of peers) etcdctl(etcd, "del", `${SUBNETS}/${key(n)}`);
      await write();
      assert.equal(count(), PEERS);
      assert.deepEqual(events, []);
    });
    await t.step(
      "a host that comes back with another subnet moves",
      async () => {
        etcdctl(etcd, "del", "--prefix", `${SUBNETS}/`);
        await eventually(own, (n) => n === 1);
        // None of the first hundred, of which the host has one.
        await store.put("172.7.240.0-24", value(3), 3_600);
        await eventually(
          () => routes(host!).filter((line) => line.includes(".77.103 ")),
          (lines) =>
            lines.length === 1 && lines[0]!.startsWith("172.7.240.0/24"),
        );
        assert.equal(count(), PEERS);
      },
    );
    store.close();
    assert.equal(await agent.stop(), 0);
    await monitor.close();
    await watching;
  },
});
