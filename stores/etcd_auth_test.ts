import assert from "node:assert/strict";
import { type EtcdCluster, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "./create_store.ts";
import { StoreUnavailable } from "./store.ts";

const KINDS = ["etcd-v2", "etcd-v3"] as const;
const PASSWORD = "p:ä s%";

function open(
  kind: typeof KINDS[number],
  etcd: EtcdCluster,
  username = "",
  password = "",
) {
  const store = createStore(kind, {
    endpoints: etcd.endpoints,
    prefix: "/p",
    username,
    password,
    pingMs: 200,
  });
  return { store, [Symbol.dispose]: () => store.close() };
}

async function post(etcd: EtcdCluster, path: string, message: unknown) {
  const response = await fetch(`${etcd.endpoints[0]}/v3/auth/${path}`, {
    method: "POST",
    body: JSON.stringify(message),
  });
  assert.equal(response.status, 200, await response.text());
}

/** Users root and reader; reader may only read below /p. */
async function enableV3(etcd: EtcdCluster): Promise<void> {
  await post(etcd, "role/add", { name: "root" });
  await post(etcd, "user/add", { name: "root", password: PASSWORD });
  await post(etcd, "user/grant", { user: "root", role: "root" });
  await post(etcd, "role/add", { name: "reader" });
  await post(etcd, "role/grant", {
    name: "reader",
    perm: { permType: "READ", key: btoa("/p/"), range_end: btoa("/p0") },
  });
  await post(etcd, "user/add", { name: "reader", password: "r" });
  await post(etcd, "user/grant", { user: "reader", role: "reader" });
  await post(etcd, "enable", {});
}

async function enableV2(etcd: EtcdCluster): Promise<void> {
  const put = async (path: string, body: unknown) => {
    const response = await fetch(`${etcd.endpoints[0]}/v2/auth/${path}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.text());
  };
  await put("users/root", { user: "root", password: PASSWORD });
  await put("roles/reader", {
    role: "reader",
    permissions: { kv: { read: ["/p/*"], write: [] } },
  });
  await put("users/reader", {
    user: "reader",
    password: "r",
    roles: ["reader"],
  });
  await put("enable", {});
  const response = await fetch(`${etcd.endpoints[0]}/v2/auth/roles/guest`, {
    method: "PUT",
    headers: {
      "Content-Type": "application/json",
      Authorization: `Basic ${
        new TextEncoder().encode(`root:${PASSWORD}`).toBase64()
      }`,
    },
    body: JSON.stringify({
      role: "guest",
      revoke: { kv: { read: ["/*"], write: ["/*"] } },
    }),
  });
  assert.ok(response.ok, await response.text());
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof StoreUnavailable, String(error));
    assert.deepEqual(error.causes.map(({ kind }) => kind), ["auth"]);
    return error.causes[0]?.error ?? "";
  }
  assert.fail("it was allowed");
}

for (const kind of KINDS) {
  Deno.test({
    name: `Store of ${kind} logs in`,
    ...needs({ programs: ["etcd"] }),
    fn: async (t) => {
      // Tokens of v3 end after a second unused.
      await using etcd = await startEtcd({ args: ["--auth-token-ttl=1"] });
      {
        using early = open(kind, etcd, "root", "any");
        await early.store.writeConfig("before"); // a login nobody asked for
      }
      await (kind === "etcd-v2" ? enableV2(etcd) : enableV3(etcd));

      await t.step("with user and password", async () => {
        using opened = open(kind, etcd, "root", PASSWORD);
        assert.equal(await opened.store.readConfig(), "before");
        assert.equal(await opened.store.create("a", "1", 100), "created");
        const [health] = await opened.store.health();
        assert.equal(health?.error, null);
        assert.equal(health?.reachable, true);
      });
      // The v2 API has no tokens.
      if (kind === "etcd-v3") {
        await t.step("again when the token has ended", async () => {
          using opened = open(kind, etcd, "root", PASSWORD);
          await opened.store.writeConfig("1");
          await new Promise((resolve) => setTimeout(resolve, 2_500));
          await opened.store.writeConfig("2");
          assert.equal(await opened.store.readConfig(), "2");
        });
      }
      await t.step("for a watch", async () => {
        using opened = open(kind, etcd, "root", PASSWORD);
        using watched = open(kind, etcd, "root", PASSWORD);
        const { cursor } = await opened.store.readLeases();
        await opened.store.put("a", "2", 100);
        const signal = new AbortController().signal;
        for await (const event of watched.store.watch(cursor, signal)) {
          assert.equal(event.type === "put" && event.record.value, "2");
          break;
        }
      });
      await t.step("and says when the password is wrong", async () => {
        using opened = open(kind, etcd, "root", "not-it");
        const said = await refusal(opened.store.readConfig());
        assert.match(said, /refuses/);
        assert.doesNotMatch(said, /not-it/);
        const [health] = await opened.store.health();
        assert.equal(health?.errorKind, "auth");
        assert.equal(health?.reachable, true);
      });
      await t.step("and says when there is none", async () => {
        using opened = open(kind, etcd);
        assert.match(
          await refusal(opened.store.readConfig()),
          /--etcd-username, --etcd-password/,
        );
        const [health] = await opened.store.health();
        assert.equal(health?.errorKind, "auth");
      });
      await t.step("and says when the role does not allow it", async () => {
        using opened = open(kind, etcd, "reader", "r");
        assert.notEqual(await opened.store.readConfig(), null);
        await refusal(opened.store.put("a", "3", null));
        await refusal(opened.store.create("b", "3", null));
        await refusal(opened.store.delete("a"));
        assert.equal((await opened.store.health())[0]?.errorKind, null);
      });
    },
  });
}
