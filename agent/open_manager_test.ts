import assert from "node:assert/strict";
import { makeAuthority } from "../tests/support/certificates.ts";
import { eventually } from "../tests/support/agents.ts";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { agentMetrics } from "./metrics.ts";
import { openManager } from "./open_manager.ts";
import { agentOptions } from "./options.ts";

function options(flags: Readonly<Record<string, string>>) {
  return agentOptions(
    new Map(
      Object.entries({ "kube-subnet-mgr": "true", ...flags })
        .map(([name, value]) => [name, [value]]),
    ),
    { NODE_NAME: "n" },
  );
}

Deno.test("openManager() opens Kubernetes by a kubeconfig with CA and token file", async () => {
  const directory = Deno.makeTempDirSync();
  const ca = makeAuthority(directory, "ca");
  const server = ca.issue("server", { name: "s", hosts: ["127.0.0.1"] });
  const read = Deno.readTextFileSync;
  await using api = new FakeKubeApi({
    tls: { cert: read(server.cert), key: read(server.key) },
  });
  api.tokens = ["secret"];
  api.addNode("n", {
    annotations: { "flannel.alpha.coreos.com/node-public-ip": "192.0.2.1" },
  });
  Deno.writeTextFileSync(`${directory}/token`, "secret\n");
  Deno.writeTextFileSync(
    `${directory}/kubeconfig`,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "k", user: "u" } }],
      clusters: [{
        name: "k",
        cluster: { server: api.url, "certificate-authority": "ca.pem" },
      }],
      users: [{ name: "u", user: { tokenFile: "token" } }],
    }),
  );
  const { signal } = new AbortController();
  const metrics = agentMetrics();
  const { manager, publishesVni } = await openManager(
    options({ "kubeconfig-file": `${directory}/kubeconfig` }),
    quietLog(),
    metrics,
    signal,
  );
  try {
    assert.equal(publishesVni, true);
    assert.deepEqual(await manager.publicAddresses?.(signal), {
      publicIP: "192.0.2.1",
      publicIPFrom: "annotation flannel.alpha.coreos.com/node-public-ip",
    });
    assert.equal(api.requests.at(-1)?.token, "secret");
    const count = (result: string) =>
      metrics.value("flandoc_store_requests_total", {
        operation: "get",
        result,
      });
    assert.deepEqual([count("ok"), count("error")], [1, 0]);
    const took = metrics.value("flandoc_store_request_seconds_total", {
      operation: "get",
      result: "ok",
    });
    assert.ok(took > 0 && took < 10, `${took} s`);
    await api[Symbol.asyncDispose]();
    const stop = new AbortController();
    const asking = manager.publicAddresses?.(stop.signal);
    await eventually(() => count("error"), (errors) => errors > 0);
    stop.abort();
    await assert.rejects(async () => await asking);
    assert.equal(count("ok"), 1);
  } finally {
    manager.close();
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("openManager() refuses what Kubernetes cannot be opened with", async (t) => {
  const cases = [
    [{}, /neither --kubeconfig-file nor --kube-api-url/],
    [{ "kubeconfig-file": "/nowhere" }, /kubeconfig \/nowhere: no such file/],
    [
      { "kube-api-url": "http://h", "kube-annotation-prefix": "a.b/c/d" },
      /--kube-annotation-prefix/,
    ],
  ] as const;
  for (const [flags, message] of cases) {
    await t.step(String(message), async () => {
      const { signal } = new AbortController();
      await assert.rejects(
        openManager(options(flags), quietLog(), agentMetrics(), signal),
        message,
      );
    });
  }
});
