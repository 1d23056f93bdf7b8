import assert from "node:assert/strict";
import { type KubernetesAccessOptions, resolveAccess } from "./access.ts";

const OPTIONS: KubernetesAccessOptions = {
  apiUrl: "",
  kubeconfigFile: "",
  serviceHost: "10.96.0.1",
  servicePort: "443",
};

function files(present: Readonly<Record<string, string>>) {
  return (path: string) => {
    const text = present[path];
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  };
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

Deno.test("resolveAccess() takes a pod's service account", async () => {
  const readText = files({
    [`${ACCOUNT}/token`]: "t",
    [`${ACCOUNT}/ca.crt`]: "CA",
  });
  const file = `${ACCOUNT}/ca.crt`;
  assert.deepEqual(await resolveAccess({ ...OPTIONS, readText }), {
    server: "https://10.96.0.1",
    source: "in-cluster",
    ca: { text: "CA", source: file, file },
    cert: null,
    key: null,
    token: null,
    tokenFile: `${ACCOUNT}/token`,
  });
});

Deno.test("resolveAccess() puts an IPv6 service address in brackets", async () => {
  const readText = files({ [`${ACCOUNT}/token`]: "t" });
  const { server, ca } = await resolveAccess({
    ...OPTIONS,
    serviceHost: "fd00::1",
    readText,
  });
  assert.deepEqual([server, ca], ["https://[fd00::1]", null]);
});

Deno.test("resolveAccess() takes the first directory that holds a token", async () => {
  const readText = files({ "/proc/7/root/run/s/token": "t" });
  const { tokenFile } = await resolveAccess({
    ...OPTIONS,
    serviceAccount: ["/proc/7/root/var/run/s", "/proc/7/root/run/s"],
    readText,
  });
  assert.equal(tokenFile, "/proc/7/root/run/s/token");
});

Deno.test("resolveAccess() takes $KUBECONFIG's files where nothing is named", async () => {
  const kubeconfig = (host: string) =>
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "k" } }],
      clusters: [{ name: "k", cluster: { server: `https://${host}` } }],
    });
  const readText = files({
    "/a": kubeconfig("10.0.0.1"),
    "/flag": kubeconfig("10.0.0.2"),
  });
  const list = { ...OPTIONS, readText, kubeconfigList: "/nowhere::/a" };
  const server = async (options: KubernetesAccessOptions) =>
    (await resolveAccess(options)).server;
  assert.equal(await server(list), "https://10.0.0.1");
  assert.equal(
    await server({ ...list, kubeconfigFile: "/flag" }),
    "https://10.0.0.2",
  );
  assert.equal(
    await server({ ...list, apiUrl: "http://127.0.0.1:8001" }),
    "http://127.0.0.1:8001",
  );
});

Deno.test("resolveAccess() takes a URL alone without credentials", async () => {
  const access = await resolveAccess({
    ...OPTIONS,
    apiUrl: "http://127.0.0.1:8001/",
  });
  assert.deepEqual(
    [access.server, access.source, access.tokenFile],
    ["http://127.0.0.1:8001", "--kube-api-url", null],
  );
});

Deno.test("resolveAccess() says what is missing", async (t) => {
  await t.step("outside of a pod", async () => {
    await assert.rejects(
      () => resolveAccess({ ...OPTIONS, serviceHost: "" }),
      /not in a pod .* neither --kubeconfig-file nor --kube-api-url/,
    );
  });
  await t.step("a token that is not mounted", async () => {
    await assert.rejects(
      () => resolveAccess({ ...OPTIONS, readText: files({}) }),
      /serviceaccount\/token: is automountServiceAccountToken off\?/,
    );
  });
  await t.step("a URL that is none", async () => {
    await assert.rejects(
      () => resolveAccess({ ...OPTIONS, apiUrl: "unix:///run/api" }),
      /Cannot use --kube-api-url: expected "https:\/\/HOST:PORT"/,
    );
  });
});
