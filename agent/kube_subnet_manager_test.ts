import assert from "node:assert/strict";
import type { LeaseAttributes } from "../flannel/lease.ts";
import { annotationNames } from "../stores/kubernetes/annotations.ts";
import { KubernetesClient } from "../stores/kubernetes/client.ts";
import { eventually } from "../tests/support/agents.ts";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { KubeOwnNode } from "./kube_own_node.ts";
import { KubeSubnetManager } from "./kube_subnet_manager.ts";
import type { AcquireRequest, LeaseEvent } from "./subnet_manager.ts";

const P = "flannel.alpha.coreos.com";

const HOST_GW: LeaseAttributes = {
  publicIP: "192.168.1.10",
  publicIPv6: null,
  backendType: "host-gw",
  backendData: null,
  backendV6Data: null,
};

/** A manager of node `own`, what it told, and a config file. */
class Managed implements AsyncDisposable {
  readonly log = quietLog();
  readonly events: LeaseEvent[] = [];
  readonly manager: KubeSubnetManager;
  readonly path = Deno.makeTempFileSync();
  readonly stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    readonly api: FakeKubeApi,
    config: unknown = {
      Network: "10.244.0.0/16",
      Backend: { Type: "host-gw" },
    },
    setNodeNetworkUnavailable = true,
  ) {
    Deno.writeTextFileSync(
      this.path,
      typeof config === "string" ? config : JSON.stringify(config),
    );
    const client = new KubernetesClient({
      access: {
        server: api.url,
        source: "test",
        ca: null,
        cert: null,
        key: null,
        token: null,
        tokenFile: null,
      },
      timeoutMs: 20_000,
    });
    this.manager = new KubeSubnetManager({
      client,
      node: new KubeOwnNode(client, {
        nodeName: "own",
        podName: "",
        podNamespace: "",
      }),
      names: annotationNames(P),
      log: this.log,
      netConfigPath: this.path,
      setNodeNetworkUnavailable,
      flannelVersion: "0.28.9",
    });
  }

  async request(attributes = HOST_GW): Promise<AcquireRequest> {
    return {
      config: await this.manager.config(this.stop.signal),
      identity: { publicIP: attributes.publicIP, publicIPv6: null },
      attributes: () => attributes,
      previous: null,
    };
  }

  /** Acquires and runs; returns once the first snapshot is there. */
  async run(): Promise<void> {
    const request = await this.request();
    const { signal } = this.stop;
    const own = await this.manager.acquire(request, signal);
    const sink = (event: LeaseEvent) => void this.events.push(event);
    this.#running = this.manager.run(request, own, sink, signal);
    await this.told("snapshot");
    const { api } = this;
    await eventually(() => api.watches, (watches) => watches > 0);
  }

  /** Waits for so many events of a type. */
  async told(type: LeaseEvent["type"], count = 1): Promise<LeaseEvent> {
    const found = await eventually(
      () => this.events.filter((event) => event.type === type),
      (list) => list.length >= count,
    );
    return found[count - 1]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.#running;
    this.manager.close();
    Deno.removeSync(this.path);
  }
}

function annotation(api: FakeKubeApi, name: string): string | undefined {
  return api.node("own").metadata.annotations[`${P}/${name}`];
}

Deno.test("KubeSubnetManager.config() refuses a file that cannot be used", async (t) => {
  await using api = new FakeKubeApi();
  const cases = [
    ["no JSON", "{", /error parsing subnet config in \/.*JSON/],
    ["no stack", { EnableIPv4: false }, /none defined stack/],
  ] as const;
  for (const [name, config, message] of cases) {
    await t.step(name, async () => {
      await using managed = new Managed(api, config);
      await assert.rejects(() => managed.request(), message);
    });
  }
  await t.step("missing", async () => {
    await using managed = new Managed(api);
    Deno.removeSync(managed.path);
    try {
      await assert.rejects(() => managed.request(), /failed to read net conf/);
    } finally {
      Deno.writeTextFileSync(managed.path, "");
    }
  });
});

Deno.test("KubeSubnetManager.acquire() patches only what differs", async () => {
  await using api = new FakeKubeApi();
  api.addNode("own", {
    podCIDRs: ["10.244.1.0/24"],
    annotations: { [`${P}/public-ip`]: "10.0.0.1", "other/thing": "kept" },
  });
  await using managed = new Managed(api);
  const request = await managed.request();
  const { lease, expires, from } = await managed.manager.acquire(
    request,
    managed.stop.signal,
  );
  assert.deepEqual([lease.key, lease.ttl, expires, from], [
    "10.244.1.0-24",
    null,
    null,
    "assigned",
  ]);
  const [patch] = api.asked("patch", "nodes/status");
  assert.deepEqual(patch?.body, {
    metadata: {
      annotations: {
        [`${P}/kube-subnet-manager`]: "true",
        [`${P}/backend-type`]: "host-gw",
        [`${P}/backend-data`]: "null",
        [`${P}/public-ip`]: "192.168.1.10",
      },
    },
  });
  assert.equal(api.node("own").metadata.annotations["other/thing"], "kept");
  // Again: all is as it should be.
  await managed.manager.acquire(request, managed.stop.signal);
  assert.equal(api.asked("patch", "nodes/status").length, 1);
});

Deno.test("KubeSubnetManager.acquire() waits for the API and for its role", async () => {
  await using api = new FakeKubeApi();
  api.forbidden.add("patch nodes/status");
  await using managed = new Managed(api);
  const request = await managed.request();
  const acquired = managed.manager.acquire(request, managed.stop.signal);
  const said = (text: RegExp) =>
    eventually(() => managed.log.lines.join("\n"), (log) => text.test(log));
  await said(
    /W Cannot acquire a lease yet: Cannot get nodes "own": nodes "own" not found/,
  );
  api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
  await said(/the role lacks verb "patch" on resource "nodes\/status"/);
  api.forbidden.clear();
  assert.equal((await acquired).lease.subnet, "10.244.1.0/24");
});

Deno.test("KubeSubnetManager.acquire() throws for pod CIDRs of no use", async (t) => {
  const cases = [
    [[], /node "own" pod cidr not assigned/],
    [
      ["10.9.0.0/24"],
      /Network "10\.244\.0\.0\/16" of the flannel net config doesn't contain "10\.9\.0\.0\/24", the PodCIDR of the "own" node/,
    ],
    [["fd00::/64"], /node "own" has no IPv4 pod CIDR, only fd00::\/64/],
    [["10.244.1.0/24", "fd00::/64", "fd01::/64"], /has 3 pod CIDRs/],
  ] as const;
  for (const [podCIDRs, message] of cases) {
    await t.step(podCIDRs.join(" and ") || "none", async () => {
      await using api = new FakeKubeApi();
      api.addNode("own", { podCIDRs });
      await using managed = new Managed(api);
      const request = await managed.request();
      await assert.rejects(
        managed.manager.acquire(request, managed.stop.signal),
        message,
      );
    });
  }
});

Deno.test("KubeSubnetManager.publicAddresses() reads the own node", async (t) => {
  await using api = new FakeKubeApi();
  api.addNode("own", {
    annotations: { [`${P}/node-public-ip`]: "192.0.2.7" },
  });
  await using managed = new Managed(api);
  const { signal } = managed.stop;
  assert.deepEqual(await managed.manager.publicAddresses(signal), {
    publicIP: "192.0.2.7",
    publicIPFrom: `annotation ${P}/node-public-ip`,
  });
  await t.step("what is no address is refused", async () => {
    api.editNode("own", ({ metadata }) => {
      metadata.annotations[`${P}/node-public-ip`] = "eth0";
    });
    await assert.rejects(
      managed.manager.publicAddresses(signal),
      /node-public-ip is no address: "eth0"/,
    );
  });
});

Deno.test("KubeSubnetManager.run() puts annotations back, and does not fight", async () => {
  await using api = new FakeKubeApi();
  api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
  await using managed = new Managed(api);
  await managed.run();
  const rival = () =>
    api.editNode("own", ({ metadata }) => {
      metadata.annotations[`${P}/public-ip`] = "10.0.0.99";
    });
  for (let n = 0; n < 3; n++) {
    rival();
    await eventually(
      () => annotation(api, "public-ip"),
      (ip) => ip === "192.168.1.10",
    );
  }
  rival();
  const held = () => managed.log.lines.filter((line) => line.startsWith("E"));
  await eventually(held, (lines) => lines.length > 0);
  const asked = api.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(annotation(api, "public-ip"), "10.0.0.99");
  assert.ok(api.requests.length - asked <= 1, "it asks in a loop");
  assert.equal(held().length, 1);
  assert.match(held()[0] ?? "", /second agent.*left so for some minutes/);
});

Deno.test("KubeSubnetManager.run() tells an administrator's annotation from a second agent", async () => {
  await using api = new FakeKubeApi();
  api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
  await using managed = new Managed(api);
  await managed.run();
  const overwrite = (ip: string | null) =>
    api.editNode("own", ({ metadata: { annotations } }) => {
      if (ip === null) delete annotations[`${P}/public-ip-overwrite`];
      else annotations[`${P}/public-ip-overwrite`] = ip;
    });
  const published = (wanted: string) =>
    eventually(() => annotation(api, "public-ip"), (ip) => ip === wanted);
  overwrite("203.0.113.5");
  await published("203.0.113.5");
  overwrite(null);
  await published("192.168.1.10");
  assert.deepEqual(
    managed.log.lines.filter((line) => line.startsWith("W")),
    [
      'W Public address of node "own" is overwritten by annotation: 203.0.113.5.',
      'W Public address of node "own" is no longer overwritten by annotation: 192.168.1.10 again.',
    ],
  );
});

Deno.test("KubeSubnetManager.run() takes its node up again when it was deleted", async () => {
  await using api = new FakeKubeApi();
  api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
  await using managed = new Managed(api);
  await managed.run();
  api.deleteNode("own");
  const lost = await managed.told("lost");
  assert.match(lost.type === "lost" ? lost.reason : "", /"own" was deleted/);
  // As kubelet registers it, before the controller gave it a CIDR.
  api.addNode("own");
  await managed.told("lost", 2);
  api.editNode("own", ({ spec }) => void (spec.podCIDRs = ["10.244.8.0/24"]));
  const own = await managed.told("own");
  assert.equal(
    own.type === "own" ? own.own.lease.key : "",
    "10.244.8.0-24",
  );
  assert.equal(annotation(api, "public-ip"), "192.168.1.10");
  const last = managed.events.at(-1);
  assert.deepEqual(
    last?.type === "snapshot" ? last.leases.map(({ key }) => key) : [],
    ["10.244.8.0-24"],
  );
});

Deno.test("KubeSubnetManager.run() says when the API is away, and when it is back", async () => {
  await using api = new FakeKubeApi();
  api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
  await using managed = new Managed(api);
  await managed.run();
  api.failing = ["watch"];
  const refused = () =>
    Response.json({ kind: "Status", code: 503, message: "starting" }, {
      status: 503,
    });
  api.failures.push(refused(), refused());
  api.closeWatches();
  const away = await managed.told("store");
  assert.match(away.type === "store" ? away.error ?? "" : "", /starting/);
  const back = await managed.told("store", 2);
  assert.deepEqual(back, { type: "store", error: null });
});

Deno.test("KubeSubnetManager.run() keeps NetworkUnavailable at False", async (t) => {
  const condition = (api: FakeKubeApi) =>
    api.node("own").status.conditions.find(({ type }) =>
      type === "NetworkUnavailable"
    )?.status;
  await t.step("also when it is set again", async () => {
    await using api = new FakeKubeApi();
    api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
    await using managed = new Managed(api);
    await managed.run();
    await eventually(() => condition(api), (status) => status === "False");
    api.editNode("own", ({ status }) => {
      status.conditions = [{ type: "NetworkUnavailable", status: "True" }];
    });
    await eventually(() => condition(api), (status) => status === "False");
  });
  await t.step("not with --set-node-network-unavailable=false", async () => {
    await using api = new FakeKubeApi();
    api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
    await using managed = new Managed(api, undefined, false);
    await managed.run();
    api.editNode("own", ({ metadata }) => {
      metadata.annotations[`${P}/backend-data`] = "{}";
    });
    await eventually(
      () => annotation(api, "backend-data"),
      (d) => d === "null",
    );
    assert.equal(condition(api), undefined);
  });
});

Deno.test("KubeSubnetManager.run() with alloc watches its own node alone", async () => {
  await using api = new FakeKubeApi();
  api.addNode("own", { podCIDRs: ["10.244.1.0/24"] });
  api.addNode("other", { podCIDRs: ["10.244.2.0/24"] });
  await using managed = new Managed(api, {
    Network: "10.244.0.0/16",
    Backend: { Type: "alloc" },
  });
  await managed.run();
  for (const verb of ["list", "watch"]) {
    const [request] = api.asked(verb, "nodes");
    assert.equal(request?.query["fieldSelector"], "metadata.name=own");
  }
});
