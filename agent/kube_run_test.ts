import assert from "node:assert/strict";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import { needs } from "../tests/support/needs.ts";
import { agentOptions } from "./options.ts";

const P = "flannel.alpha.coreos.com";

const NET_ADMIN = needs({ netns: true, programs: ["bridge", "busybox"] });

/** A file with the network config, gone at the end of the block. */
class NetConf implements Disposable {
  readonly path = Deno.makeTempFileSync({ prefix: "flandoc-net-conf-" });

  constructor(config: unknown) {
    Deno.writeTextFileSync(this.path, JSON.stringify(config));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

function start(
  hosts: TestHosts,
  n: number,
  api: FakeKubeApi,
  conf: NetConf,
  flags: Record<string, string> = {},
): TestAgent {
  const given = {
    "kube-subnet-mgr": "true",
    "kube-api-url": api.url,
    "net-config-path": conf.path,
    "iptables-forward-rules": "false",
    ...flags,
  };
  const { kubernetes } = agentOptions(
    new Map(Object.entries(given).map(([k, v]) => [k, [v]])),
    { NODE_NAME: `node-${n}` },
  );
  return new TestAgent(hosts.hosts[n - 1]!, given, { kubernetes });
}

function routes(hosts: TestHosts, n: number, family = 4): string[] {
  const { netns } = hosts.hosts[n - 1]!;
  return netns.ipJson<{ dst: string; gateway?: string; dev: string }>(
    `-${family} route show`,
  ).filter(({ gateway, dst }) => gateway !== undefined && dst !== "default")
    .map(({ dst, gateway, dev }) => `${dst} via ${gateway} dev ${dev}`)
    .sort();
}

const HOST_GW = { Network: "10.244.0.0/16", Backend: { Type: "host-gw" } };

Deno.test({
  name: "runAgent() with Kubernetes keeps host-gw routes to the nodes",
  ...NET_ADMIN,
  async fn(t) {
    await using api = new FakeKubeApi();
    using conf = new NetConf(HOST_GW);
    using hosts = new TestHosts(2);
    api.addNode("node-1", { podCIDRs: ["10.244.1.0/24"] });
    api.addNode("node-2", { podCIDRs: ["10.244.2.0/24"] });
    api.addNode("unmanaged", { podCIDRs: ["10.244.9.0/24"] });
    await using _one = start(hosts, 1, api, conf);
    await using _two = start(hosts, 2, api, conf);
    const wanted = ["10.244.2.0/24 via 192.168.77.2 dev eth0"];
    const same = (list: string[]) => (now: string[]) =>
      JSON.stringify(now) === JSON.stringify(list);
    const look = () => routes(hosts, 1);

    await t.step("both nodes are annotated as flannel does", async () => {
      await eventually(look, same(wanted));
      await eventually(
        () => routes(hosts, 2),
        same(["10.244.1.0/24 via 192.168.77.1 dev eth0"]),
      );
      assert.deepEqual(api.node("node-1").metadata.annotations, {
        [`${P}/kube-subnet-manager`]: "true",
        [`${P}/backend-type`]: "host-gw",
        [`${P}/backend-data`]: "null",
        [`${P}/public-ip`]: "192.168.77.1",
      });
      const patches = api.asked("patch", "nodes/status");
      assert.equal(
        patches[0]?.contentType,
        "application/strategic-merge-patch+json",
      );
    });

    await t.step("subnet.env holds the pod CIDR", async () => {
      const text = await eventually(
        () => Deno.readTextFile(hosts.hosts[0]!.subnetFile).catch(() => ""),
        (text) => text !== "",
      );
      assert.equal(
        text,
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n",
      );
    });

    await t.step("NetworkUnavailable is set to False", async () => {
      const condition = await eventually(
        () =>
          api.node("node-1").status.conditions.find(({ type }) =>
            type === "NetworkUnavailable"
          ),
        (found) => found !== undefined,
      );
      assert.equal(condition?.status, "False");
      assert.equal(condition?.["reason"], "FlannelIsUp");
      assert.equal(condition?.["message"], "Flannel is running on this node");
      assert.match(
        String(condition?.["lastHeartbeatTime"]),
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
      );
    });

    await t.step("a pod CIDR edited after the start is followed", async () => {
      api.editNode("node-2", ({ spec }) => {
        spec.podCIDR = "10.244.7.0/24";
        spec.podCIDRs = ["10.244.7.0/24"];
      });
      await eventually(
        look,
        same(["10.244.7.0/24 via 192.168.77.2 dev eth0"]),
      );
      await eventually(
        () => Deno.readTextFile(hosts.hosts[1]!.subnetFile),
        (text) => text.includes("FLANNEL_SUBNET=10.244.7.1/24"),
      );
    });

    await t.step("our annotations come back", async () => {
      api.editNode("node-1", ({ metadata }) => {
        metadata.annotations[`${P}/public-ip`] = "192.168.77.99";
      });
      await eventually(
        () => api.node("node-1").metadata.annotations[`${P}/public-ip`],
        (ip) => ip === "192.168.77.1",
      );
    });

    await t.step("changes in a gap are not missed", async () => {
      api.freeze();
      api.closeWatches();
      api.addNode("node-3", {
        podCIDRs: ["10.244.3.0/24"],
        annotations: {
          [`${P}/kube-subnet-manager`]: "true",
          [`${P}/backend-type`]: "host-gw",
          [`${P}/backend-data`]: "null",
          [`${P}/public-ip`]: "192.168.77.3",
        },
      });
      api.compact();
      api.thaw();
      await eventually(
        look,
        same([
          "10.244.3.0/24 via 192.168.77.3 dev eth0",
          "10.244.7.0/24 via 192.168.77.2 dev eth0",
        ]),
      );
    });

    await t.step("the route to a deleted node goes", async () => {
      api.deleteNode("node-3");
      await eventually(
        look,
        same(["10.244.7.0/24 via 192.168.77.2 dev eth0"]),
      );
    });
  },
});

const MAC = "c6:d2:32:6f:8f:44";

Deno.test({
  name: "runAgent() with Kubernetes keeps a dual-stack vxlan network",
  ...NET_ADMIN,
  async fn(t) {
    await using api = new FakeKubeApi();
    using conf = new NetConf({
      Network: "10.244.0.0/16",
      EnableIPv6: true,
      IPv6Network: "fd00:244::/48",
      Backend: { Type: "vxlan", VNI: 7 },
    });
    using hosts = new TestHosts(2, true);
    for (const { netns } of hosts.hosts) {
      netns.ip("-6 route add default via fd01::254 dev eth0");
    }
    api.addNode("node-1", {
      podCIDRs: ["10.244.1.0/24", "fd00:244:0:1::/64"],
      annotations: {
        // What flanneld published before: its MAC is kept.
        [`${P}/kube-subnet-manager`]: "true",
        [`${P}/backend-type`]: "vxlan",
        [`${P}/backend-data`]: `{"VNI":7,"VtepMAC":"${MAC}"}`,
        [`${P}/public-ip`]: "192.168.77.1",
      },
    });
    api.addNode("node-2", { podCIDRs: ["10.244.2.0/24", "fd00:244:0:2::/64"] });
    await using _one = start(hosts, 1, api, conf);
    await using _two = start(hosts, 2, api, conf);
    const { netns } = hosts.hosts[0]!;

    await t.step("routes of both families lead into the tunnels", async () => {
      await eventually(
        () => [...routes(hosts, 1), ...routes(hosts, 1, 6)],
        (list) => list.length === 2,
      );
      assert.deepEqual(routes(hosts, 1), [
        "10.244.2.0/24 via 10.244.2.0 dev flannel.7",
      ]);
      assert.deepEqual(routes(hosts, 1, 6), [
        "fd00:244:0:2::/64 via fd00:244:0:2:: dev flannel-v6.7",
      ]);
    });

    await t.step("the annotated MAC is the device's", () => {
      const [link] = netns.ipJson<{ address: string }>("link show flannel.7");
      assert.equal(link?.address, MAC);
      assert.equal(
        api.node("node-1").metadata.annotations[`${P}/backend-data`],
        `{"VNI":7,"VtepMAC":"${MAC}"}`,
      );
      const v6 = netns.ipJson<{ address: string }>("link show flannel-v6.7");
      assert.equal(
        api.node("node-1").metadata.annotations[`${P}/backend-v6-data`],
        `{"VNI":7,"VtepMAC":"${v6[0]?.address}"}`,
      );
      assert.equal(
        api.node("node-1").metadata.annotations[`${P}/public-ipv6`],
        "fd01::1",
      );
    });

    const neighbours = () =>
      netns.ipJson<{ dst: string; lladdr: string }>(
        "neigh show dev flannel.7 nud permanent",
      ).map(({ dst, lladdr }) => `${dst} ${lladdr}`);

    await t.step("a peer's new MAC of one family is followed", async () => {
      api.addNode("node-3", {
        podCIDRs: ["10.244.3.0/24", "fd00:244:0:3::/64"],
        annotations: {
          [`${P}/kube-subnet-manager`]: "true",
          [`${P}/backend-type`]: "vxlan",
          [`${P}/backend-data`]: '{"VNI":7,"VtepMAC":"aa:bb:cc:dd:ee:01"}',
          [`${P}/backend-v6-data`]: '{"VNI":7,"VtepMAC":"aa:bb:cc:dd:ee:61"}',
          [`${P}/public-ip`]: "192.168.77.3",
          [`${P}/public-ipv6`]: "fd01::3",
        },
      });
      const has = (line: string) => (list: string[]) => list.includes(line);
      await eventually(neighbours, has("10.244.3.0 aa:bb:cc:dd:ee:01"));
      api.editNode("node-3", ({ metadata }) => {
        metadata.annotations[`${P}/backend-data`] =
          '{"VNI":7,"VtepMAC":"aa:bb:cc:dd:ee:02"}';
      });
      await eventually(neighbours, has("10.244.3.0 aa:bb:cc:dd:ee:02"));
      api.deleteNode("node-3");
      await eventually(neighbours, (list) => list.length === 1);
      await eventually(() => routes(hosts, 1, 6), (list) => list.length === 1);
    });

    await t.step("a pod CIDR of one family is followed", async () => {
      api.editNode("node-2", ({ spec }) => {
        spec.podCIDRs = ["10.244.2.0/24", "fd00:244:0:9::/64"];
      });
      await eventually(
        () => routes(hosts, 1, 6),
        (list) =>
          list.join() ===
            "fd00:244:0:9::/64 via fd00:244:0:9:: dev flannel-v6.7",
      );
      assert.deepEqual(routes(hosts, 1), [
        "10.244.2.0/24 via 10.244.2.0 dev flannel.7",
      ]);
    });

    await t.step("pods' addresses reach each other through it", async () => {
      for (const [n, host] of hosts.hosts.entries()) {
        host.netns.ip(
          "link add cni0 type bridge",
          "link set cni0 up",
          `address add 10.244.${n + 1}.1/24 dev cni0`,
        );
      }
      await eventually(
        () => {
          try {
            return netns.exec(
              "busybox",
              "ping",
              "-c1",
              "-W1",
              "-I",
              "10.244.1.1",
              "10.244.2.1",
            );
          } catch (error) {
            return String(error);
          }
        },
        (said) => / 0% packet loss/.test(said),
      );
    });
  },
});

Deno.test({
  name:
    "runAgent() with Kubernetes exits when the node is no part of the network",
  ...NET_ADMIN,
  async fn(t) {
    await using api = new FakeKubeApi();
    using conf = new NetConf(HOST_GW);
    using hosts = new TestHosts(1);
    const cases = [
      ["without pod CIDR", []],
      ["with one outside of the network", ["10.9.1.0/24"]],
      ["with three", ["10.244.1.0/24", "fd00::/64", "fd01::/64"]],
    ] as const;
    for (const [name, podCIDRs] of cases) {
      await t.step(name, async () => {
        api.addNode("node-1", { podCIDRs });
        const agent = start(hosts, 1, api, conf);
        assert.equal(await agent.done, 1);
        assert.deepEqual(api.node("node-1").metadata.annotations, {});
      });
    }
  },
});

Deno.test({
  name: "runAgent() with Kubernetes takes annotations for --public-ip and NAT",
  ...NET_ADMIN,
  async fn() {
    await using api = new FakeKubeApi();
    using conf = new NetConf({
      Network: "10.244.0.0/16",
      Backend: { Type: "vxlan" },
    });
    using hosts = new TestHosts(2);
    hosts.hosts[0]!.netns.ip("address add 192.168.77.101/24 dev eth0");
    api.addNode("node-1", {
      podCIDRs: ["10.244.1.0/24"],
      annotations: { [`${P}/node-public-ip`]: "192.168.77.101" },
    });
    api.addNode("node-2", {
      podCIDRs: ["10.244.2.0/24"],
      annotations: { [`${P}/public-ip-overwrite`]: "203.0.113.2" },
    });
    await using _one = start(hosts, 1, api, conf);
    await using _two = start(hosts, 2, api, conf);
    const published = (n: number) => () =>
      api.node(`node-${n}`).metadata.annotations[`${P}/public-ip`];
    await eventually(published(1), (ip) => ip === "192.168.77.101");
    await eventually(published(2), (ip) => ip === "203.0.113.2");
    // The peer sends to the overwritten address, the host has no route to its
    // own subnet.
    await eventually(() => routes(hosts, 1).length, (n) => n === 1);
    await eventually(
      () => routes(hosts, 2),
      (now) => now.join() === "10.244.1.0/24 via 10.244.1.0 dev flannel.1",
    );
    await eventually(
      () =>
        hosts.hosts[0]!.netns.exec(
          ..."bridge fdb show dev flannel.1".split(" ") as [
            string,
            ...string[],
          ],
        ),
      (fdb) => / dst 203\.0\.113\.2 self permanent/.test(fdb),
    );

    api.editNode("node-2", ({ metadata }) => {
      metadata.annotations[`${P}/public-ip-overwrite`] = "203.0.113.3";
    });
    await eventually(published(2), (ip) => ip === "203.0.113.3");
  },
});
