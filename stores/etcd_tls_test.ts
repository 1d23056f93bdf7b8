import assert from "node:assert/strict";
import { makeAuthority } from "../tests/support/certificates.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import { createStore } from "./create_store.ts";
import { type EtcdOptions, StoreUnavailable } from "./store.ts";

const LOOPBACK = ["127.0.0.1"];
const PAST = {
  notBefore: new Date("2020-01-01T00:00:00Z"),
  notAfter: new Date("2021-01-01T00:00:00Z"),
};

/** `KIND: SENTENCE` of a request, by way of the error and of health(). */
async function failureOf(
  options: Omit<EtcdOptions, "prefix">,
  kind: "etcd-v2" | "etcd-v3" = "etcd-v3",
): Promise<string> {
  const store = createStore(kind, { ...options, prefix: "/p" });
  try {
    const [health] = await store.health();
    try {
      await store.readConfig();
      return health?.reachable ? "ok" : `health: ${health?.error}`;
    } catch (error) {
      assert.ok(error instanceof StoreUnavailable, String(error));
      const cause = error.causes[0];
      assert.ok(cause);
      assert.equal(health?.reachable, false);
      assert.deepEqual(
        [health?.errorKind, health?.error],
        [cause.kind, cause.error],
      );
      return `${cause.kind}: ${cause.error}`;
    }
  } finally {
    store.close();
  }
}

/** Sentences without what changes from run to run. */
function plain(text: string, directory: string): string {
  return text.replaceAll(`${directory}/`, "").replace(/:\d{4,5}/g, ":PORT");
}

Deno.test({
  name: "Store says what is wrong with a server's certificate",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    using directory = temporaryDirectory();
    const ca = makeAuthority(directory.path, "ca");
    const other = makeAuthority(directory.path, "other");
    // A midnight later than the next, which may be in a moment.
    const day = 86_400_000;
    const tomorrow = new Date((Math.ceil(Date.now() / day) + 1) * day);
    const servers = {
      good: ca.issue("good", { name: "etcd", hosts: LOOPBACK }),
      rsa: ca.issue("rsa", { name: "etcd", hosts: LOOPBACK, key: "rsa" }),
      expired: ca.issue("expired", { name: "e", hosts: LOOPBACK, ...PAST }),
      future: ca.issue("future", {
        name: "e",
        hosts: LOOPBACK,
        notBefore: tomorrow,
        notAfter: new Date(+tomorrow + 1e9),
      }),
      noSan: ca.issue("nosan", { name: "127.0.0.1" }),
      otherName: ca.issue("othername", {
        name: "127.0.0.1",
        hosts: ["172.26.216.164", "etcd.example"],
      }),
      foreign: other.issue("foreign", { name: "e", hosts: LOOPBACK }),
      client: ca.issue("client", {
        name: "e",
        hosts: LOOPBACK,
        usage: ["client"],
      }),
    };
    const start = tomorrow.toISOString().replace(".000", "");
    const wanted: Record<keyof typeof servers, string> = {
      good: "ok",
      rsa: "ok",
      expired:
        "tls-expired: The server's certificate expired on 2021-01-01T00:00:00Z",
      future:
        `tls-expired: The server's certificate is not valid before ${start}: is this host's clock right?`,
      noSan:
        "tls-name: The server's certificate is not valid for 127.0.0.1: it names no host at all (no subjectAltName)",
      otherName:
        "tls-name: The server's certificate is not valid for 127.0.0.1: it names 172.26.216.164, etcd.example",
      foreign:
        "tls-untrusted: The server's certificate is not signed by the CA in ca.pem",
      client:
        "tls-untrusted: The server's certificate is not for server use (extended key usage)",
    };
    await Promise.all(
      Object.entries(servers).map(async ([name, tls]) => {
        await using etcd = await startEtcd({ tls });
        const failure = await failureOf({
          endpoints: etcd.endpoints,
          cafile: ca.cert,
        });
        assert.equal(
          plain(failure, directory.path),
          wanted[name as keyof typeof servers],
          name,
        );
      }),
    );

    await using etcd = await startEtcd({ tls: servers.good });
    const endpoints = etcd.endpoints;

    await t.step("no CA file", async () => {
      assert.equal(
        await failureOf({ endpoints }),
        "tls-untrusted: The server's certificate is not signed by a CA this host trusts, and no --etcd-cafile is given",
      );
    });
    await t.step("a client certificate nobody asked for", async () => {
      const { cert: certfile, key: keyfile } = servers.client;
      assert.equal(
        await failureOf({ endpoints, cafile: ca.cert, certfile, keyfile }),
        "ok",
      );
    });
    await t.step("http:// to a TLS port", async () => {
      const [url = ""] = endpoints;
      const plainUrl = url.replace("https:", "http:");
      for (const kind of ["etcd-v2", "etcd-v3"] as const) {
        assert.equal(
          await failureOf({ endpoints: [plainUrl] }, kind),
          `scheme: The endpoint speaks TLS: use https://, not ${plainUrl}`,
        );
      }
    });
  },
});

Deno.test({
  name: "Store says what is wrong with our client certificate",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const ca = makeAuthority(path, "ca");
    const other = makeAuthority(path, "other");
    await using etcd = await startEtcd({
      tls: {
        ...ca.issue("server", { name: "etcd", hosts: LOOPBACK }),
        clientCa: ca.cert,
      },
    });
    const { endpoints } = etcd;
    const good = ca.issue("client", { name: "client" });
    const cases = {
      none: undefined,
      good,
      foreign: other.issue("foreign", { name: "client" }),
      expired: ca.issue("expired", { name: "client", ...PAST }),
      server: ca.issue("server-use", { name: "client", usage: ["server"] }),
    };
    for (const [name, files] of Object.entries(cases)) {
      await t.step(name, async () => {
        for (const kind of ["etcd-v2", "etcd-v3"] as const) {
          const failure = await failureOf({
            endpoints,
            cafile: ca.cert,
            ...(files ? { certfile: files.cert, keyfile: files.key } : {}),
          }, kind);
          const wanted = {
            good: "ok",
            none:
              "tls-client-certificate: The server requires a client certificate and none is configured (--etcd-certfile, --etcd-keyfile)",
          }[name] ??
            `tls-client-certificate: The server refuses the client certificate ${files?.cert}: it must be within its validity, for client use, and signed by the server's trusted CA`;
          assert.equal(failure, wanted);
        }
      });
    }

    await t.step("writes and watches work with it", async () => {
      const store = createStore("etcd-v3", {
        endpoints,
        prefix: "/p",
        cafile: ca.cert,
        certfile: good.cert,
        keyfile: good.key,
      });
      try {
        const { cursor } = await store.readLeases();
        assert.equal(await store.create("a", "1", 100), "created");
        const signal = new AbortController().signal;
        for await (const event of store.watch(cursor, signal)) {
          assert.equal(event.type, "put");
          break;
        }
      } finally {
        store.close();
      }
    });

    await t.step("one that is renewed is taken", async () => {
      const { cert, key } = other.issue("renewed", { name: "client" });
      const store = createStore("etcd-v3", {
        endpoints,
        prefix: "/p",
        cafile: ca.cert,
        certfile: cert,
        keyfile: key,
      });
      const renew = async (from: string, to: string) => {
        Deno.writeTextFileSync(to, Deno.readTextFileSync(from));
        // Files are looked at once a second.
        await new Promise((resolve) => setTimeout(resolve, 1_050));
      };
      try {
        const refused = /refuses the client certificate/;
        await assert.rejects(store.readConfig(), refused);
        // Half of a pair is no news.
        await renew(good.key, key);
        await assert.rejects(store.readConfig(), refused);
        await renew(good.cert, cert);
        assert.equal(await store.readConfig(), null);
      } finally {
        store.close();
      }
    });

    await t.step("a key that belongs to another certificate", async () => {
      assert.equal(
        await failureOf({
          endpoints,
          cafile: ca.cert,
          certfile: good.cert,
          keyfile: cases.foreign.key,
        }),
        `file: The key in ${cases.foreign.key} does not belong to the certificate in ${good.cert}`,
      );
    });
  },
});

Deno.test({
  name: "Store says that https:// went to a plain port",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    const url = (etcd.endpoints[0] ?? "").replace("http:", "https:");
    assert.equal(
      await failureOf({ endpoints: [url] }),
      `scheme: The endpoint speaks plain HTTP: use http://, not ${url}`,
    );
  },
});
