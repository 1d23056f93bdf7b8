import assert from "node:assert/strict";
import { makeAuthority } from "../tests/support/certificates.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import { EndpointError } from "./endpoint_error.ts";
import { createHttpClient, type TlsFiles } from "./http_client.ts";

function problem(files: TlsFiles): string {
  try {
    createHttpClient(files).close();
    return "none";
  } catch (error) {
    assert.ok(error instanceof EndpointError, String(error));
    assert.equal(error.kind, "file");
    return error.message;
  }
}

Deno.test("createHttpClient() names the file that is at fault", () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const ca = makeAuthority(path, "ca");
  const client = ca.issue("client", { name: "c" });
  const other = ca.issue("other", { name: "c" });
  const rsa = ca.issue("rsa", { name: "c", key: "rsa" });
  const write = (name: string, text: string) => {
    Deno.writeTextFileSync(`${path}/${name}`, text);
    return `${path}/${name}`;
  };
  const certfile = client.cert;
  const key = Deno.readTextFileSync(client.key);
  const preamble = write(
    "preamble.pem",
    `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${key}`,
  );
  const encrypted = write(
    "encrypted.pem",
    key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
  );
  const text = write("text.pem", "hello");
  const cases = [
    [{}, "none"],
    [{ cafile: "" }, "none"],
    [{ cafile: ca.cert }, "none"],
    [{ cafile: ca.cert, certfile, keyfile: client.key }, "none"],
    [{ certfile: rsa.cert, keyfile: rsa.key }, "none"],
    [{ certfile, keyfile: preamble }, "none"],
    [
      { cafile: `${path}/absent` },
      `Cannot read --etcd-cafile ${path}/absent: no such file`,
    ],
    [{ cafile: text }, `${text} holds no PEM certificate`],
    [{ cafile: ca.key }, `${ca.key} holds no PEM certificate`],
    [
      { certfile },
      "A client certificate needs its key and a key its certificate: only one of --etcd-certfile and --etcd-keyfile is given",
    ],
    [
      { certfile: text, keyfile: client.key },
      `${text} holds no PEM certificate`,
    ],
    [{ certfile, keyfile: text }, `${text} holds no PEM private key`],
    [
      { certfile, keyfile: encrypted },
      `The key in ${encrypted} is encrypted; it is needed without a passphrase`,
    ],
    [
      { certfile, keyfile: other.key },
      `The key in ${other.key} does not belong to the certificate in ${certfile}`,
    ],
    [
      { certfile, keyfile: rsa.key },
      `The key in ${rsa.key} does not belong to the certificate in ${certfile}`,
    ],
  ] as const;
  for (const [files, wanted] of cases) assert.equal(problem(files), wanted);
});

// Deno 2.7 ends the process at such a key.
Deno.test("createHttpClient() refuses a key no TLS client takes", () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const ca = makeAuthority(path, "ca");
  const weak = ca.issue("weak", { name: "c", key: "rsa", bits: 1024 });
  assert.match(
    problem({ certfile: weak.cert, keyfile: weak.key }),
    /weak-key\.pem is of a kind that TLS 1\.2 and 1\.3 clients do not take/,
  );
});

Deno.test("createHttpClient() does not use a proxy of the shell", async () => {
  const serve = (text: string) =>
    Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => new Response(text),
    );
  const direct = serve("direct");
  const proxy = serve("proxy");
  const before = Deno.env.get("HTTP_PROXY");
  Deno.env.set("HTTP_PROXY", `http://127.0.0.1:${proxy.addr.port}`);
  const client = createHttpClient({});
  try {
    assert.ok(Deno.env.get("HTTP_PROXY")?.endsWith(`${proxy.addr.port}`));
    const init: RequestInit & { client: Deno.HttpClient } = { client };
    const response = await fetch(`http://127.0.0.1:${direct.addr.port}/`, init);
    assert.equal(await response.text(), "direct");
  } finally {
    client.close();
    if (before === undefined) Deno.env.delete("HTTP_PROXY");
    else Deno.env.set("HTTP_PROXY", before);
    await direct.shutdown();
    await proxy.shutdown();
  }
});
