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
  const rivals: [string, string][] = [
    ["the IPv4 subnet", "10.5.1.0-24&fd00:0:0:9::-64"],
    ["the IPv6 subnet", "10.5.9.0-24&fd00:0:0:1::-64"],
  ];
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
