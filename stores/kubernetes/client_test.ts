import assert from "node:assert/strict";
import { makeAuthority } from "../../tests/support/certificates.ts";
import { FakeKubeApi } from "../../tests/support/kube_api.ts";
import type { KubernetesAccess } from "./access.ts";
import type { ApiRequest } from "./api_request.ts";
import { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes_error.ts";
import { findNodeName } from "./node_name.ts";

const GET: ApiRequest = { verb: "get", resource: "nodes", name: "a" };

function access(
  server: string,
  more: Partial<KubernetesAccess> = {},
): KubernetesAccess {
  return {
    server,
    source: "test",
    ca: null,
    cert: null,
    key: null,
    token: null,
    tokenFile: null,
    ...more,
  };
}

function open(
  server: string,
  more: Partial<KubernetesAccess> = {},
  timeoutMs = 20_000,
) {
  const client = new KubernetesClient({
    access: access(server, more),
    timeoutMs,
  });
  return { client, [Symbol.dispose]: () => client.close() };
}

async function fails(
  work: Promise<unknown>,
  kind: KubernetesError["kind"],
  message: RegExp,
): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof KubernetesError, String(error));
    assert.match(error.message, message);
    assert.equal(error.kind, kind);
    return true;
  });
}

Deno.test("KubernetesClient shows its token and reads the answer", async () => {
  await using api = new FakeKubeApi();
  api.tokens = ["abc"];
  api.addNode("a");
  using opened = open(api.url, { token: "abc" });
  const node = await opened.client.request(GET) as {
    metadata: { name: string };
  };
  assert.equal(node.metadata.name, "a");
  const { version, latencyMs } = await opened.client.version();
  assert.equal(version, "v1.34.1");
  assert.ok(latencyMs > 0);
});

Deno.test("KubernetesClient reads a rotated token at once when the old one is refused", async () => {
  await using api = new FakeKubeApi();
  api.addNode("a");
  const tokenFile = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(tokenFile, "one");
    api.tokens = ["one"];
    using opened = open(api.url, { tokenFile });
    await opened.client.request(GET);
    Deno.writeTextFileSync(tokenFile, "two");
    api.tokens = ["two"];
    await opened.client.request(GET);
    assert.deepEqual(
      api.requests.map(({ token, status }) => [token, status]),
      [["one", 200], ["one", 401], ["two", 200]],
    );
    api.tokens = [];
    await fails(
      opened.client.request(GET),
      "auth",
      /Cannot get nodes "a": the API server does not accept the credentials \(test\)/,
    );
  } finally {
    Deno.removeSync(tokenFile);
  }
});

Deno.test("KubernetesClient names the verb and resource that a role lacks", async () => {
  await using api = new FakeKubeApi();
  using opened = open(api.url);
  api.forbidden.add("patch nodes/status");
  await fails(
    opened.client.request({
      verb: "patch",
      resource: "nodes/status",
      name: "a",
      patch: {},
    }),
    "forbidden",
    /Cannot patch nodes\/status "a": the role lacks verb "patch" on resource "nodes\/status" \(.*system:serviceaccount/,
  );
});

Deno.test("KubernetesClient says what kind of refusal it got", async (t) => {
  await using api = new FakeKubeApi();
  using opened = open(api.url);
  const status = (code: number, message: string, headers = {}) =>
    Response.json({ kind: "Status", message, code }, { status: code, headers });
  await t.step("no such node", async () => {
    await fails(opened.client.request(GET), "not-found", /nodes "a" not found/);
  });
  await t.step("too many requests, with a wait", async () => {
    api.failures.push(status(429, "slow down", { "retry-after": "2" }));
    await assert.rejects(
      opened.client.request(GET),
      (error: unknown) =>
        error instanceof KubernetesError && error.kind === "busy" &&
        error.retryAfterMs === 2000 && error.status === 429,
    );
  });
  await t.step("an error of the server", async () => {
    api.failures.push(status(500, "etcdserver: request timed out"));
    await fails(
      opened.client.request(GET),
      "http",
      /HTTP status 500: etcdserver/,
    );
  });
  await t.step("another web server", async () => {
    api.failures.push(new Response("<html>", { status: 404 }));
    await fails(
      opened.client.request(GET),
      "not-kubernetes",
      /HTTP status 404, not from a Kubernetes API server/,
    );
    api.failures.push(new Response("<html>"));
    await fails(opened.client.request(GET), "not-kubernetes", /not JSON/);
  });
});

Deno.test("KubernetesClient gives up on a server that does not answer", async () => {
  await using api = new FakeKubeApi();
  api.freeze();
  using opened = open(api.url, {}, 200);
  await fails(
    opened.client.request(GET),
    "timeout",
    /no answer from http:\/\/127\.0\.0\.1:\d+ within 200 ms/,
  );
});

Deno.test("KubernetesClient says when nothing listens", async () => {
  const api = new FakeKubeApi();
  const { url } = api;
  await api[Symbol.asyncDispose]();
  using opened = open(url);
  await fails(opened.client.request(GET), "refused", /nothing listens on 127/);
});

Deno.test("KubernetesClient speaks TLS with the cluster's CA", async (t) => {
  const directory = Deno.makeTempDirSync();
  try {
    const ca = makeAuthority(directory, "ca");
    const other = makeAuthority(directory, "other");
    const server = ca.issue("server", { name: "s", hosts: ["127.0.0.1"] });
    const pem = (path: string) => ({
      text: Deno.readTextFileSync(path),
      source: path,
    });
    const tls = { cert: pem(server.cert).text, key: pem(server.key).text };
    await using api = new FakeKubeApi({ tls });
    api.addNode("a");

    await t.step("trusted", async () => {
      using opened = open(api.url, { ca: pem(ca.cert) });
      await opened.client.request(GET);
    });
    await t.step("another CA", async () => {
      using opened = open(api.url, { ca: pem(other.cert) });
      await fails(
        opened.client.request(GET),
        "tls-untrusted",
        /not signed by the CA in .*other\.pem/,
      );
    });
    await t.step("a CA that is renewed is taken", async () => {
      const file = `${directory}/renewed-ca.pem`;
      const write = (from: string) =>
        Deno.writeTextFileSync(file, Deno.readTextFileSync(from));
      write(other.cert);
      using opened = open(api.url, { ca: { ...pem(file), file } });
      await fails(opened.client.request(GET), "tls-untrusted", /not signed/);
      write(ca.cert);
      await new Promise((resolve) => setTimeout(resolve, 1_050));
      await opened.client.request(GET);
    });
    await t.step("without CA", async () => {
      using opened = open(api.url);
      await fails(
        opened.client.request(GET),
        "tls-untrusted",
        /this system's trust store/,
      );
    });
    await t.step("a client certificate goes along", async () => {
      const client = ca.issue("client", { name: "system:node:a" });
      using opened = open(api.url, {
        ca: pem(ca.cert),
        cert: pem(client.cert),
        key: pem(client.key),
      });
      await opened.client.request(GET);
    });
    await t.step("a key that is another's is refused before", () => {
      const client = ca.issue("client", { name: "system:node:a" });
      const config = {
        ca: pem(ca.cert),
        cert: pem(client.cert),
        key: pem(server.key),
      };
      assert.throws(
        () => open(api.url, config),
        /The key in .*server-key\.pem does not belong to the certificate/,
      );
    });
    await t.step("http:// to it is told", async () => {
      using opened = open(api.url.replace("https", "http"));
      await assert.rejects(opened.client.request(GET), KubernetesError);
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("findNodeName() asks for the own pod when it must", async (t) => {
  await using api = new FakeKubeApi();
  api.addPod("kube-system", "flandoc-x", "node-7");
  api.addPod("kube-system", "pending");
  using opened = open(api.url);
  const find = (nodeName: string, podName: string, podNamespace: string) =>
    findNodeName(opened.client, { nodeName, podName, podNamespace });

  await t.step("$NODE_NAME is enough", async () => {
    assert.equal(await find("node-1", "", ""), "node-1");
    assert.deepEqual(api.rules(), []);
  });
  await t.step("of the pod", async () => {
    assert.equal(await find("", "flandoc-x", "kube-system"), "node-7");
    assert.deepEqual(api.rules(), ["get pods"]);
  });
  await t.step("neither", async () => {
    await fails(
      find("", "flandoc-x", ""),
      "config",
      /set \$NODE_NAME, or \$POD_NAME and \$POD_NAMESPACE/,
    );
  });
  await t.step("a pod that is not there", async () => {
    await fails(find("", "x", "y"), "not-found", /get pods "y\/x"/);
  });
  await t.step("a pod without node", async () => {
    await fails(
      find("", "pending", "kube-system"),
      "config",
      /pod "kube-system\/pending" has no spec\.nodeName/,
    );
  });
});
