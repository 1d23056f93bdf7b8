import assert from "node:assert/strict";
import { KubernetesError } from "./kubernetes_error.ts";
import { readKubeconfig } from "./kubeconfig.ts";

const CA = "-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n";

function config(cluster: string, user: string): string {
  return `apiVersion: v1
kind: Config
current-context: here
contexts:
- name: there
  context: {cluster: other, user: nobody}
- name: here
  context: {cluster: main, user: admin}
clusters:
- name: main
  cluster: ${cluster}
users:
- name: admin
  user: ${user}
`;
}

function read(
  files: Readonly<Record<string, string>>,
  apiUrl = "",
): ReturnType<typeof readKubeconfig> {
  const readText = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  };
  return readKubeconfig(["/etc/k/config"], readText, apiUrl);
}

const PLAIN = "{server: 'https://10.0.0.1:6443/'}";

Deno.test("readKubeconfig() takes the current context's data", async () => {
  const data = new TextEncoder().encode(CA).toBase64();
  const access = await read({
    "/etc/k/config": config(
      `{server: 'https://10.0.0.1:6443/', certificate-authority-data: ${data}, certificate-authority: /nowhere}`,
      "{token: abc}",
    ),
  });
  assert.deepEqual(access, {
    server: "https://10.0.0.1:6443",
    source: "kubeconfig /etc/k/config",
    ca: {
      text: CA,
      source:
        'kubeconfig /etc/k/config, cluster "main", certificate-authority-data',
    },
    cert: null,
    key: null,
    token: "abc",
    tokenFile: null,
  });
});

Deno.test("readKubeconfig() resolves files from its own directory", async () => {
  const access = await read({
    "/etc/k/config": config(
      "{server: 'https://10.0.0.1:6443', certificate-authority: pki/ca.pem}",
      "{client-certificate: /pki/c.pem, client-key: k.pem, tokenFile: token}",
    ),
    "/etc/k/pki/ca.pem": "CA",
    "/pki/c.pem": "CERT",
    "/etc/k/k.pem": "KEY",
  });
  const file = "/etc/k/pki/ca.pem";
  assert.deepEqual(access.ca, { text: "CA", source: file, file });
  assert.deepEqual(access.cert, {
    text: "CERT",
    source: "/pki/c.pem",
    file: "/pki/c.pem",
  });
  assert.equal(access.key?.file, "/etc/k/k.pem");
  assert.equal(access.tokenFile, "/etc/k/token");
});

Deno.test("readKubeconfig() lets the URL given go before the file's", async () => {
  const text = config(PLAIN, "{token: abc}");
  const { server, token } = await read(
    { "/etc/k/config": text },
    "http://h:8080",
  );
  assert.deepEqual([server, token], ["http://h:8080", "abc"]);
});

Deno.test("readKubeconfig() puts several files together as kubectl does", async (t) => {
  const files: Record<string, string> = {
    // The context is chosen here, and its parts are in the others.
    "/a/context": "current-context: here\ncontexts: []",
    "/b/config": config(
      "{server: 'https://10.0.0.1:6443', certificate-authority: ca.pem}",
      "{token: abc}",
    ),
    "/b/ca.pem": "CA",
    "/c/config": config("{server: 'https://10.9.9.9'}", "{token: other}"),
  };
  const readList = (...paths: readonly string[]) =>
    readKubeconfig(paths, (path) => {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(path);
      return text;
    });
  await t.step("the first that has a section counts", async () => {
    const access = await readList("/a/context", "/b/config", "/c/config");
    assert.deepEqual(
      [access.server, access.token, access.ca?.file, access.source],
      [
        "https://10.0.0.1:6443",
        "abc",
        "/b/ca.pem",
        "kubeconfig /a/context:/b/config:/c/config",
      ],
    );
  });
  await t.step("one that is not there is passed over", async () => {
    const { server } = await readList("/nowhere", "/c/config");
    assert.equal(server, "https://10.9.9.9");
  });
  await t.step("none that is there", async () => {
    await assert.rejects(
      readList("/nowhere", "/neither"),
      /Cannot use kubeconfig \/nowhere:\/neither: no such file/,
    );
  });
  await t.step("a section that none has", async () => {
    await assert.rejects(
      readList("/a/context"),
      /Cannot use kubeconfig \/a\/context: there is no context "here" in it/,
    );
  });
});

Deno.test("readKubeconfig() refuses what it cannot use, and says why", async (t) => {
  const cases: readonly (readonly [string, string | null, RegExp])[] = [
    ["a missing file", null, /kubeconfig \/etc\/k\/config: no such file/],
    ["what is no YAML", "a: [", /it is not YAML/],
    ["a list", "- a", /it holds no mapping/],
    ["no context", "kind: Config", /no current-context/],
    [
      "a context that is not there",
      "current-context: x",
      /no context "x" in it/,
    ],
    ["no server", config("{}", "{}"), /cluster "main": it has no server/],
    ["a server that is no URL", config("{server: 'ftp://h'}", "{}"), /https:/],
    [
      "exec",
      config(PLAIN, "{exec: {command: aws}}"),
      /user "admin": it runs a program for its credentials \(exec\); flandoc takes a token/,
    ],
    [
      "auth-provider",
      config(PLAIN, "{auth-provider: {name: gcp}}"),
      /it uses an auth-provider/,
    ],
    ["a password", config(PLAIN, "{username: a, password: b}"), /user name/],
    [
      "no verification",
      config("{server: 'https://h', insecure-skip-tls-verify: true}", "{}"),
      /insecure-skip-tls-verify is set.*certificate-authority-data/,
    ],
    [
      "a proxy",
      config("{server: 'https://h', proxy-url: 'http://p'}", "{}"),
      /proxy-url/,
    ],
    [
      "another server name",
      config("{server: 'https://h', tls-server-name: x}", "{}"),
      /tls-server-name/,
    ],
    [
      "a certificate without key",
      config(PLAIN, "{client-certificate-data: QQ==}"),
      /needs its key/,
    ],
    [
      "data that is not base64",
      config("{server: 'https://h', certificate-authority-data: '%%'}", "{}"),
      /certificate-authority-data: it is not base64/,
    ],
    [
      "a CA file that is missing",
      config("{server: 'https://h', certificate-authority: ca.pem}", "{}"),
      /certificate-authority \/etc\/k\/ca.pem of .*: no such file/,
    ],
  ];
  for (const [name, text, message] of cases) {
    await t.step(name, async () => {
      const files: Record<string, string> = text === null
        ? {}
        : { "/etc/k/config": text };
      await assert.rejects(
        read(files),
        (error: unknown) =>
          error instanceof KubernetesError && error.kind === "config" &&
          message.test(error.message),
      );
    });
  }
});

Deno.test("readKubeconfig() takes insecure-skip-tls-verify where there is no TLS", async () => {
  const text = config(
    "{server: 'http://127.0.0.1:8001', insecure-skip-tls-verify: true}",
    "{}",
  );
  assert.equal(
    (await read({ "/etc/k/config": text })).server,
    "http://127.0.0.1:8001",
  );
});
