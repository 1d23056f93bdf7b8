import assert from "node:assert/strict";
import {
  flags,
  networkConfig,
  routes,
  setUp,
} from "../tests/support/agent_network.ts";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const PEER = {
  BackendType: "vxlan",
  BackendData: { VNI: 1, VtepMAC: "02:00:00:00:00:0b" },
};

Deno.test({
  name: "runAgent() with DirectRouting uses all legs of its host",
  ...needs({ netns: true, programs: ["etcd"] }),
  async fn(t) {
    await using etcd = await startEtcd();
    const config = networkConfig({ Type: "vxlan", DirectRouting: true });
    const store = await setUp(etcd, "etcd-v3", config);
    using net = new TestHosts(1);
    const [host] = net.hosts;
    const { netns } = host!;
    netns.ip(
      "link add eth1 type veth peer name leg",
      "link set leg up",
      "link set eth1 up",
      "address add 192.168.88.1/24 dev eth1",
    );
    const near = [["172.7.40.0-24", "192.168.77.40"], [
      "172.7.41.0-24",
      "192.168.88.41",
    ]] as const;
    for (const [key, PublicIP] of near) {
      await store.put(key, JSON.stringify({ PublicIP, ...PEER }), 3_600);
    }
    store.close();
    await using agent = new TestAgent(host!, {
      ...flags(etcd),
      iface: "eth0",
    });
    const lines = (...wanted: string[]) =>
      eventually(
        () => routes(host!),
        (now) => JSON.stringify(now) === JSON.stringify(wanted),
        2_000,
      );
    const [byEth0, byEth1, byTunnel] = [
      "172.7.40.0/24 via 192.168.77.40 dev eth0 proto 107",
      "172.7.41.0/24 via 192.168.88.41 dev eth1 proto 107",
      "172.7.41.0/24 via 172.7.41.0 dev flannel.1 proto 107 onlink",
    ];
    await eventually(() => routes(host!).length, (n) => n === 2);
    await t.step("each peer by the leg on its segment", async () => {
      await lines(byEth0!, byEth1!);
    });
    // Without the leg the default route leads to the peer, if anything does.
    await t.step("through the tunnel while a leg is down", async () => {
      netns.ip("link set eth1 down");
      await lines(byEth0!, byTunnel!);
      netns.ip("link set eth1 up");
      await lines(byEth0!, byEth1!);
    });
    assert.equal(await agent.stop(), 0);
  },
});
