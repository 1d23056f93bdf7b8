import assert from "node:assert/strict";
import { Etcd3 } from "etcd3";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "./create_store.ts";

/** In Deno 2.7 the client's HTTP/2 waits for ever, more often than not. */
const HTTP2_HANGS = Deno.version.deno.startsWith("2.7.");
const { ignore } = needs({ programs: ["etcd"] });

Deno.test({
  name: "EtcdV3Store writes what npm:etcd3 reads, and the reverse",
  // The client leaves timers of its own and its proto files open.
  sanitizeOps: false,
  sanitizeResources: false,
  ignore: ignore || HTTP2_HANGS,
  fn: async () => {
    await using etcd = await startEtcd();
    const store = createStore("etcd-v3", {
      endpoints: etcd.endpoints,
      prefix: "/coreos.com/network",
    });
    const client = new Etcd3({ hosts: [...etcd.endpoints] });
    try {
      const directory = "/coreos.com/network/subnets/";
      const value = '{"PublicIP":"192.168.1.10","PublicIPv6":null}';
      await store.writeConfig('{"Network":"10.5.0.0/16"}');
      await store.create("10.5.34.0-24", value, 86_400);
      await store.create("10.5.35.0-24", "é", null);
      assert.deepEqual(await client.getAll().prefix("/").strings(), {
        "/coreos.com/network/config": '{"Network":"10.5.0.0/16"}',
        [`${directory}10.5.34.0-24`]: value,
        [`${directory}10.5.35.0-24`]: "é",
      });
      const raw = await client.get(`${directory}10.5.34.0-24`).exec();
      const ttl = await client.leaseClient.leaseTimeToLive({
        ID: raw.kvs[0]?.lease ?? "0",
      });
      assert.equal(ttl.grantedTTL, "86400");
      assert.deepEqual(await leaseOf(client, `${directory}10.5.35.0-24`), "0");

      const { cursor } = await store.readLeases();
      const { ID } = await client.leaseClient.leaseGrant({ TTL: "600" });
      await client.put(`${directory}10.5.36.0-24`).value("theirs").lease(ID);
      await client.delete().key(`${directory}10.5.35.0-24`);
      const seen: string[] = [];
      const signal = new AbortController().signal;
      for await (const event of store.watch(cursor, signal)) {
        seen.push(
          event.type === "put"
            ? `${event.record.key}=${event.record.value}`
            : event.type,
        );
        if (seen.length === 2) break;
      }
      assert.deepEqual(seen, ["10.5.36.0-24=theirs", "delete"]);
      const found = await store.readLease("10.5.36.0-24");
      assert.ok((found?.ttl ?? 0) > 590 && (found?.ttl ?? 0) <= 600);
    } finally {
      client.close();
      store.close();
    }
  },
});

async function leaseOf(client: Etcd3, key: string): Promise<string> {
  return (await client.get(key).exec()).kvs[0]?.lease ?? "none";
}
