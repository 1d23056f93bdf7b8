import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { takeNetnsLock } from "../host/netns_lock.ts";
import {
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
import { freePorts, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { AGENT_LOCK } from "./run.ts";

/** A container with address .2 of its host's subnet. */
function startContainer(host: TestHost): TestNetns & { address: string } {
  const gateway = subnetOf(host).replace(".0/24", ".1");
  const address = gateway.replace(/\.1$/, ".2");
  const container = new TestNetns("link set lo up");
  host.netns.ip(
    `link add web type veth peer name eth0 netns ${container.name}`,
    `address add ${gateway}/24 dev web`,
    "link set web up",
  );
  container.ip(
    "link set eth0 up",
    `address add ${address}/24 dev eth0`,
    `route add default via ${gateway}`,
  );
  const forward = "echo 1 >/proc/sys/net/ipv4/ip_forward";
  host.netns.exec("sh", "-c", forward);
  return Object.assign(container, { address });
}

/** Who a container is for one on another host: the source it answers to. */
function sourceOf(from: TestNetns, to: TestNetns & { address: string }) {
  const nft = `add table ip seen
add set ip seen sources { type ipv4_addr; flags dynamic; }
add chain ip seen input { type filter hook input priority 0; }
flush set ip seen sources
add rule ip seen input icmp type echo-request add @sources { ip saddr }`;
  to.exec("sh", "-c", `nft -f - <<'EOF'\n${nft}\nEOF`);
  from.exec("busybox", "ping", "-c", "1", "-W", "10", to.address);
  const text = to.exec("nft", "list", "set", "ip", "seen", "sources");
  return /elements = \{ (.*) \}/.exec(text)?.[1];
}

/** Waits for a lock that programs started meanwhile hold until they run. */
async function unlocked(host: TestHost): Promise<void> {
  await eventually(() => {
    using lock = takeNetnsLock(AGENT_LOCK, host.netns.name);
    return lock !== null;
  }, (isFree) => isFree);
}

async function ask(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    return await response.text();
  } catch (error) {
    return String(error);
  }
}

for (const nft of [false, true]) {
  Deno.test({
    name: `runAgent() without --ip-masq takes what it left with it, ${
      nft ? "nftables" : "iptables"
    }`,
    ...needs({
      netns: true,
      programs: ["etcd", "iptables", "nft", "busybox"],
    }),
    async fn(t) {
      await using etcd = await startEtcd();
      const text = config({ Type: "host-gw" }, { EnableNFTables: nft });
      const store = await setUp(etcd, "etcd-v2", text);
      using net = new TestHosts(2);
      const [one, two] = net.hosts as [TestHost, TestHost];
      const [port = 0] = freePorts(1);
      const start = (host: TestHost, more: Record<string, string> = {}) =>
        new TestAgent(host, {
          "etcd-endpoints": etcd.endpoints.join(","),
          "iptables-resync": "3600",
          ...more,
        }, { store: "etcd-v2" });
      const left = () =>
        nft
          ? show(one, "nft", "list", "chain", "ip", "flannel-ipv4", "postrtg")
          : show(one, "iptables-save", "-t", "nat");
      const isThere = (text: string) => /MASQUERADE|masquerade/.test(text);
      await using peer = start(two);
      const before = start(one, { "ip-masq": "true" });
      await ready(one, two);
      await eventually(left, isThere);
      assert.equal(await before.stop(), 0);
      await unlocked(one);

      await using agent = start(one, {
        "healthz-ip": "127.0.0.1",
        "healthz-port": String(port),
      });
      await eventually(() => ask(port), (text) => /is ready/.test(text));
      const was = subnetOf(one);
      await t.step("while the subnet is the same, they stay", () => {
        assert.match(left(), /MASQUERADE|masquerade/);
      });
      const value = '{"PublicIP":"192.168.77.9","BackendType":"host-gw"}';
      await store.put(was.replace("/", "-"), value, 3600);
      await eventually(() => subnetOf(one), (now) => now !== was);
      await t.step("with another subnet they go", async () => {
        await eventually(left, (text) => !isThere(text), 10_000);
        assert.doesNotMatch(left(), /FLANNEL-POSTRTG/);
        await eventually(() => ask(port), (text) => /is ready/.test(text));
      });
      await t.step("containers keep their address", async () => {
        await eventually(() => routes(two).length, (count) => count >= 2);
        await eventually(() => routes(one).length, (count) => count >= 2);
        using here = startContainer(one);
        using there = startContainer(two);
        assert.equal(sourceOf(here, there), here.address);
      });
      store.close();
      assert.equal(await agent.stop(), 0);
      assert.equal(await peer.stop(), 0);
    },
  });
}
