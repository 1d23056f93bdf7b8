import assert from "node:assert/strict";
import type { CertificateFacts as SnapshotFacts } from "../snapshot/facts.ts";
import { makeAuthority } from "../tests/support/certificates.ts";
import { freePorts, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import {
  type CertificateFacts,
  readCertificate,
  readCertificates,
} from "./certificates.ts";

const DATES = {
  notBefore: new Date("2024-02-29T12:00:00Z"),
  notAfter: new Date("2034-02-28T12:00:00Z"),
};
const PAST = {
  notBefore: new Date("2020-01-01T00:00:00Z"),
  notAfter: new Date("2021-01-01T00:00:00Z"),
};

/** An own certificate and its key, made by openssl as tutorials do. */
const EC_WITH_PARAMETERS = `-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
`;

Deno.test("readCertificates() describes each file", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const ca = makeAuthority(path, "ca", { name: "etcd CA", ...DATES });
  const client = ca.issue("client", {
    name: "flanneld",
    hosts: ["node-1", "10.0.0.7", "fd00::7"],
    ...DATES,
  });
  Deno.chmodSync(client.key, 0o644);
  const facts: CertificateFacts[] = await readCertificates({
    endpoints: ["http://127.0.0.1:2379"],
    prefix: "/p",
    cafile: ca.cert,
    certfile: client.cert,
    keyfile: client.key,
  });
  const common = {
    error: null,
    issuer: "CN=etcd CA",
    notBefore: "2024-02-29T12:00:00Z",
    notAfter: "2034-02-28T12:00:00Z",
  };
  const modes = facts.map(({ mode }) => mode);
  assert.deepEqual(modes.slice(2), [0o644]);
  const wanted: SnapshotFacts[] = [
    {
      ...common,
      role: "ca",
      source: ca.cert,
      subject: "CN=etcd CA",
      sans: [],
      mode: modes[0] ?? null,
      trusted: null,
    },
    {
      ...common,
      role: "client",
      source: client.cert,
      subject: "CN=flanneld",
      sans: ["DNS:node-1", "IP:10.0.0.7", "IP:fd00::7"],
      mode: modes[1] ?? null,
      trusted: true,
    },
    {
      role: "key",
      source: client.key,
      error: null,
      subject: null,
      issuer: null,
      sans: [],
      notBefore: null,
      notAfter: null,
      mode: 0o644,
      trusted: null,
    },
  ];
  assert.deepEqual(facts, wanted);
});

Deno.test("readCertificate() says why a file is no use", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const ca = makeAuthority(path, "ca");
  const client = ca.issue("client", { name: "c" });
  const other = ca.issue("other", { name: "c" });
  const write = (name: string, content: string | Uint8Array) => {
    const file = `${path}/${name}`;
    if (typeof content === "string") Deno.writeTextFileSync(file, content);
    else Deno.writeFileSync(file, content);
    return file;
  };
  const pem = Deno.readTextFileSync(client.cert);
  const key = Deno.readTextFileSync(client.key);
  const context = { cafile: ca.cert, certfile: client.cert };
  const cases = [
    [`${path}/absent`, "client", "No such file"],
    [path, "ca", "Is a directory"],
    [write("empty", ""), "ca", "The file holds no PEM certificate"],
    [write("text", "hello"), "client", "The file holds no PEM certificate"],
    [
      write("cut", pem.slice(0, pem.length / 2)),
      "client",
      "The file holds no PEM certificate",
    ],
    [
      write("broken", pem.replace(/[A-Za-z0-9]{20}/, "A".repeat(20))),
      "client",
      "The file holds no PEM certificate",
    ],
    [
      write("bytes", Uint8Array.of(0xff, 0xfe, 0)),
      "client",
      "The file holds no PEM certificate",
    ],
    [client.key, "client", "The file holds no PEM certificate"],
    [client.cert, "key", "The file holds no PEM private key"],
    [
      other.key,
      "key",
      "The key does not belong to the client certificate",
    ],
    [
      write(
        "encrypted",
        key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
      ),
      "key",
      "The key is encrypted; flanneld and etcd need it without passphrase",
    ],
    [
      write("odd", key.replace(/[A-Za-z0-9]{20}/, "A".repeat(20))),
      "key",
      "The file holds no private key of a known kind",
    ],
    [write("preamble", EC_WITH_PARAMETERS + key), "key", null],
    [write("explained", `Certificate:\n  Data:\n${pem}`), "client", null],
  ] as const;
  for (const [file, role, wanted] of cases) {
    const { error } = await readCertificate(file, role, context);
    assert.equal(error, wanted, file);
  }
});

Deno.test("readCertificate() judges a client certificate by the CA", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const ca = makeAuthority(path, "ca");
  // The same name, another key: the signature tells them apart.
  const namesake = makeAuthority(path, "namesake", { name: "ca authority" });
  const rsa = makeAuthority(path, "rsa", { key: "rsa" });
  const bundle = `${path}/bundle.pem`;
  Deno.writeTextFileSync(
    bundle,
    [ca, rsa].map(({ cert }) => Deno.readTextFileSync(cert)).join("\n"),
  );
  const own = ca.issue("own", { name: "c", ...PAST });
  const foreign = namesake.issue("foreign", { name: "c" });
  const signedByRsa = rsa.issue("signed-by-rsa", { name: "c", key: "rsa" });
  const cases = [
    [own.cert, ca.cert, true],
    [foreign.cert, ca.cert, false],
    [signedByRsa.cert, ca.cert, false],
    [signedByRsa.cert, bundle, true],
    [own.cert, bundle, true],
    [ca.cert, ca.cert, true],
    [own.cert, `${path}/absent`, null],
    [own.cert, ca.key, null],
  ] as const;
  for (const [cert, cafile, wanted] of cases) {
    const { trusted } = await readCertificate(cert, "client", { cafile });
    assert.equal(trusted, wanted, `${cert} by ${cafile}`);
  }
  assert.equal((await readCertificate(own.cert, "client")).trusted, null);
});

Deno.test({
  name: "readCertificates() shows what servers show, trusted or not",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const ca = makeAuthority(path, "ca");
    const other = makeAuthority(path, "other", { key: "rsa" });
    await using expired = await startEtcd({
      tls: {
        ...ca.issue("expired", { name: "a", hosts: ["10.0.0.1"], ...PAST }),
        clientCa: ca.cert,
      },
    });
    await using foreign = await startEtcd({
      tls: other.issue("foreign", {
        name: "b",
        hosts: ["etcd-1.example", "*.etcd.example"],
        key: "rsa",
        ...DATES,
      }),
    });
    await using plain = await startEtcd();
    const https = (url: string | undefined) =>
      (url ?? "").replace("http:", "https:");
    const [closed = 0] = freePorts(1);
    const endpoints = [
      ...expired.endpoints,
      ...foreign.endpoints,
      ...foreign.endpoints,
      https(plain.endpoints[0]),
      `https://127.0.0.1:${closed}`,
      "https://no-such-host.invalid:2379",
      ...plain.endpoints,
    ];
    const [, ...servers] = await readCertificates({
      endpoints,
      prefix: "/p",
      cafile: ca.cert,
    });
    const blank = {
      role: "server",
      subject: null,
      issuer: null,
      sans: [],
      notBefore: null,
      notAfter: null,
      mode: null,
      trusted: null,
    };
    assert.deepEqual(servers, [
      {
        ...blank,
        source: endpoints[0],
        error: null,
        subject: "CN=a",
        issuer: "CN=ca authority",
        sans: ["IP:10.0.0.1"],
        notBefore: "2020-01-01T00:00:00Z",
        notAfter: "2021-01-01T00:00:00Z",
        trusted: true,
      },
      {
        ...blank,
        source: endpoints[1],
        error: null,
        subject: "CN=b",
        issuer: "CN=other authority",
        sans: ["DNS:etcd-1.example", "DNS:*.etcd.example"],
        notBefore: "2024-02-29T12:00:00Z",
        notAfter: "2034-02-28T12:00:00Z",
        trusted: false,
      },
      {
        ...blank,
        source: endpoints[3],
        error: "The endpoint does not speak TLS",
      },
      {
        ...blank,
        source: endpoints[4],
        error: `Connection refused: nothing listens on 127.0.0.1:${closed}`,
      },
      {
        ...blank,
        source: endpoints[5],
        error: 'Cannot resolve the host name "no-such-host.invalid"',
      },
    ]);
  },
});

Deno.test("readCertificates() waits no longer than its deadline", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = listener.accept();
  const started = performance.now();
  const [silent] = await readCertificates({
    endpoints: [`https://127.0.0.1:${listener.addr.port}`],
    prefix: "/p",
    timeoutMs: 200,
  });
  const took = performance.now() - started;
  (await taken).close();
  listener.close();
  assert.equal(silent?.error, "No answer within 200 ms");
  assert.ok(took < 30_000, `${took} ms`);
});
