import assert from "node:assert/strict";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { MemoryStore } from "../tests/support/memory_store.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { acquireOnce } from "./etcd_acquire.ts";

const DUAL =
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":{"Type":"host-gw"}}';

function acquire(store: MemoryStore) {
  return acquireOnce(
    { store, log: quietLog(), ttl: 60, form: "head", random: () => 0 },
    {
      config: parseNetworkConfig(DUAL).config!,
      identity: { publicIP: "192.168.1.10", publicIPv6: "fd01::10" },
      attributes: () => ({
        publicIP: "192.168.1.10",
        publicIPv6: "fd01::10",
        backendType: "host-gw",
        backendData: null,
        backendV6Data: null,
      }),
      previous: null,
    },
    new AbortController().signal,
  );
}

Deno.test("acquireOnce() gives a pair back of which another host has a half", async (t) => {
  const value = '{"PublicIP":"192.168.1.11","PublicIPv6":"fd01::11"}';
  const rivals = [
    ["the IPv4 subnet", "10.5.1.0-24&fd00:0:0:9::-64"],
    ["the IPv6 subnet", "10.5.9.0-24&fd00:0:0:1::-64"],
  ] as const;
  for (const [name, rival] of rivals) {
    await t.step(name, async () => {
      const store = new MemoryStore();
      store.beforeWrite = () => {
        store.beforeWrite = () => {};
        store.set(rival, value);
      };
      assert.equal(await acquire(store), null);
      assert.deepEqual([...store.records.keys()], [rival]);
      const acquired = await acquire(store);
      assert.equal(acquired?.from, "free");
      assert.equal(store.records.size, 2);
      const [subnet, ipv6Subnet] = rival.split("&");
      assert.notEqual(acquired.lease.subnet, subnet!.replace("-", "/"));
      assert.notEqual(acquired.lease.ipv6Subnet, ipv6Subnet!.replace("-", "/"));
    });
  }
});

Deno.test("acquireOnce() keeps a pair that nobody shares", async () => {
  const store = new MemoryStore();
  store.set("10.5.9.0-24&fd00:0:0:9::-64", '{"PublicIP":"192.168.1.11"}');
  const acquired = await acquire(store);
  assert.equal(acquired?.lease.key, "10.5.1.0-24&fd00:0:0:1::-64");
  assert.ok(store.records.has("10.5.1.0-24&fd00:0:0:1::-64"));
});

Deno.test("acquireOnce() of two that share a half lets the first keep it", async (t) => {
  const value = '{"PublicIP":"192.168.1.11","PublicIPv6":"fd01::11"}';
  const own = "10.5.1.0-24&fd00:0:0:1::-64";
  const rival = "10.5.1.0-24&fd00:0:0:9::-64";
  // The store is away just when it is asked who else has a half of it.
  const create = async (rivalIsFirst: boolean) => {
    const store = new MemoryStore();
    store.beforeWrite = () => {
      store.beforeWrite = () => {};
      if (rivalIsFirst) store.set(rival, value);
      store.down = true;
    };
    await assert.rejects(acquire(store), /The store is away/);
    store.down = false;
    if (!rivalIsFirst) store.set(rival, value);
    assert.deepEqual([...store.records.keys()].sort(), [own, rival]);
    return store;
  };
  await t.step("the other one", async () => {
    const store = await create(true);
    assert.equal(await acquire(store), null);
    assert.deepEqual([...store.records.keys()], [rival]);
    const acquired = await acquire(store);
    assert.equal(acquired?.lease.subnet, "10.5.2.0/24");
  });
  await t.step("this host", async () => {
    const acquired = await acquire(await create(false));
    assert.equal(acquired?.lease.key, own);
    assert.equal(acquired?.from, "reuse");
  });
  await t.step("a reservation stays, whoever was first", async () => {
    const store = await create(true);
    store.set(own, store.records.get(own)!.value, null);
    assert.equal((await acquire(store))?.lease.ttl, null);
  });
});
