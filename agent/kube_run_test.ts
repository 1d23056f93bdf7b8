import assert from "node:assert/strict";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import { needs } from "../tests/support/needs.ts";
import { agentOptions } from "./options.ts";

const P = "flannel.alpha.coreos.com";

const NET_ADMIN = needs({ netns: true });

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
