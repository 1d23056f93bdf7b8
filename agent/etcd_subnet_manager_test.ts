import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { FakeTime } from "../tests/support/fake_time.ts";
import { MemoryStore } from "../tests/support/memory_store.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { subnetPair } from "../flannel/allocation.ts";
import { NetworkChanged } from "./config_change.ts";
import { EtcdSubnetManager } from "./etcd_subnet_manager.ts";
import {
  type AcquireRequest,
  type LeaseEvent,
  OutOfSubnets,
} from "./subnet_manager.ts";

const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}';
const ME = "192.168.1.10";

function value(publicIP: string): string {
  return `{"PublicIP":"${publicIP}","PublicIPv6":null,"BackendType":"host-gw"}`;
}

function request(more: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    config: parseNetworkConfig(CONFIG).config!,
    identity: { publicIP: ME, publicIPv6: null },
    attributes: () => ({
      publicIP: ME,
      publicIPv6: null,
      backendType: "host-gw",
      backendData: null,
      backendV6Data: null,
    }),
    previous: null,
    ...more,
  };
}

function setUp(options: { ttl?: number; margin?: number } = {}) {
  const store = new MemoryStore();
  store.config = CONFIG;
  const log = quietLog();
  const manager = new EtcdSubnetManager({
    store,
    log,
    ttl: options.ttl ?? 86_400,
    margin: options.margin ?? 3_600,
    flannelVersion: "0.28.9",
    form: "head",
    random: () => 0,
  });
  const stop = new AbortController();
  return { store, log, manager, stop, signal: stop.signal };
}

Deno.test("acquire() writes flannel's bytes under a free key", async () => {
  const { store, manager, signal } = setUp();
  store.set("10.5.1.0-24", value("192.168.1.11"));
  const own = await manager.acquire(request(), signal);
  assert.equal(own.lease.subnet, "10.5.2.0/24");
  assert.equal(own.from, "free");
  assert.deepEqual(store.records.get("10.5.2.0-24"), {
    key: "10.5.2.0-24",
    value: value(ME),
    ttl: 86_400,
  });
  const left = own.expires! - performance.now();
  assert.ok(left > 86_300_000 && left <= 86_400_000);
});

Deno.test("acquire() tries again when another host is faster", async () => {
  const { store, manager, signal } = setUp();
  let races = 3;
  store.beforeWrite = (key) => {
    if (races-- > 0) store.set(key, value(`192.168.2.${races}`));
  };
  const own = await manager.acquire(request(), signal);
  assert.equal(own.lease.subnet, "10.5.4.0/24");
});

Deno.test("acquire() keeps a reservation a reservation", async () => {
  const { store, manager, signal } = setUp();
  store.set("10.5.9.0-24", `{"PublicIP":"${ME}"}`, null);
  const own = await manager.acquire(request(), signal);
  assert.equal(own.from, "reuse");
  assert.equal(own.expires, null);
  assert.equal(store.records.get("10.5.9.0-24")!.ttl, null);
  assert.equal(store.records.get("10.5.9.0-24")!.value, value(ME));
});

Deno.test("acquire() leaves a lease that changed hands as it was read", async () => {
  const { store, manager, signal } = setUp();
  store.set("10.5.9.0-24", value(ME));
  store.beforeWrite = (key) => {
    store.beforeWrite = () => {};
    store.set(key, value("192.168.1.66"));
  };
  const own = await manager.acquire(request(), signal);
  assert.equal(own.lease.subnet, "10.5.1.0/24");
  assert.equal(store.records.get("10.5.9.0-24")!.value, value("192.168.1.66"));
});

Deno.test("acquire() deletes its misfits and leaves misfit reservations", async () => {
  const { store, manager, signal } = setUp();
  store.set("10.9.1.0-24", value(ME));
  store.set("10.9.2.0-24", value(ME), null);
  const own = await manager.acquire(request(), signal);
  assert.equal(own.lease.subnet, "10.5.1.0/24");
  assert.deepEqual([...store.records.keys()], ["10.9.2.0-24", "10.5.1.0-24"]);
});

Deno.test("acquire() takes the previous subnet unless it is another's", async () => {
  const { store, manager, signal } = setUp();
  const previous = subnetPair("10.5.40.1/24", null);
  const first = await manager.acquire(request({ previous }), signal);
  assert.equal(first.lease.subnet, "10.5.40.0/24");
  assert.equal(first.from, "previous");
  store.records.clear();
  store.set("10.5.40.0-24", value("192.168.1.11"));
  const second = await manager.acquire(request({ previous }), signal);
  assert.equal(second.lease.subnet, "10.5.1.0/24");
});

Deno.test("run() ignores stray keys and says so once", async () => {
  const { store, log, texts, finish } = await running();
  store.set("README", "hands off", null);
  store.set("README", "hands off", null);
  store.reset();
  await eventually(texts, (all) => all.length === 2);
  await finish();
  const lines = log.lines.filter((line) => line.includes("README"));
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^W Ignoring key README: Cannot parse subnet key/);
});

Deno.test("acquire() leaves a subnet whose key has no readable value", async () => {
  const { store, manager, signal } = setUp();
  store.set("10.5.1.0-24", "garbage");
  const own = await manager.acquire(request(), signal);
  assert.equal(own.lease.subnet, "10.5.2.0/24");
});

Deno.test("acquire() says when the range is full", async () => {
  const { store, manager, signal } = setUp();
  const config = parseNetworkConfig('{"Network":"10.5.0.0/28"}').config!;
  for (const n of [4, 8, 12]) store.set(`10.5.0.${n}-30`, value("1.1.1.1"));
  await assert.rejects(
    () => manager.acquire(request({ config }), signal),
    (error) =>
      error instanceof OutOfSubnets &&
      error.message === "out of subnets: no free IPv4 subnet among 3 leases",
  );
});

Deno.test("acquire() waits for a store that is away", async () => {
  const { store, manager, signal } = setUp();
  store.down = true;
  setTimeout(() => store.down = false, 50);
  const own = await manager.acquire(request(), signal);
  assert.equal(own.lease.subnet, "10.5.1.0/24");
});

Deno.test("config() waits for one that can be used", async () => {
  const { store, manager, signal, log } = setUp();
  store.config = '{"Network":"10.5.0.0/29"}';
  setTimeout(() => store.config = CONFIG, 100);
  const config = await manager.config(signal);
  assert.equal(config.backendType, "host-gw");
  assert.deepEqual(log.lines, [
    "W The network config cannot be used: network is too small. Minimum useful network prefix is /28",
  ]);
});

/** Runs a manager that holds a lease; collects what it tells. */
async function running(options: { ttl?: number; margin?: number } = {}) {
  const set = setUp(options);
  const { manager, signal, stop } = set;
  const events: LeaseEvent[] = [];
  const ask = request();
  const own = await manager.acquire(ask, signal);
  const done = manager.run(ask, own, (event) => events.push(event), signal);
  await eventually(() => events.length, (count) => count > 0);
  const texts = () =>
    events.map((event) =>
      event.type === "put"
        ? `put ${event.lease.key}`
        : event.type === "remove"
        ? `remove ${event.key}`
        : event.type === "own"
        ? `own ${event.own.lease.key}`
        : event.type === "snapshot"
        ? `snapshot ${event.leases.length} ${event.trusted}`
        : event.type === "lost" && event.isTaken
        ? "lost to another"
        : event.type
    );
  return {
    ...set,
    texts,
    done,
    async finish() {
      stop.abort();
      await done;
    },
  };
}

const has = (text: string) => (texts: string[]) => texts.includes(text);

Deno.test("run() goes on from the list by which its lease was acquired", async () => {
  const { store, manager, signal, stop } = setUp();
  store.set("10.5.7.0-24", value("192.168.1.11"));
  store.set("10.5.8.0-24", value(ME));
  let lists = 0;
  const { readLeases } = store;
  store.readLeases = () => {
    lists++;
    return readLeases.call(store);
  };
  const own = await manager.acquire(request(), signal);
  // Between the list and the watch: neither may be missed.
  store.unset("10.5.7.0-24");
  store.set("10.5.9.0-24", value("192.168.1.12"));
  const told: string[] = [];
  const done = manager.run(request(), own, (event) => {
    if (event.type === "snapshot") {
      told.push(event.leases.map(({ key }) => key).join(" "));
    } else if (event.type === "put") told.push(`put ${event.lease.key}`);
    else if (event.type === "remove") told.push(`remove ${event.key}`);
    else told.push(event.type);
  }, signal);
  await eventually(() => told.length, (count) => count === 3);
  stop.abort();
  await done;
  assert.deepEqual(told, [
    "10.5.7.0-24 10.5.8.0-24",
    "remove 10.5.7.0-24",
    "put 10.5.9.0-24",
  ]);
  assert.equal(lists, 1);
});

Deno.test("run() tells of peers and keeps a garbled peer's last lease", async () => {
  const { store, texts, finish } = await running();
  store.set("10.5.7.0-24", value("192.168.1.11"));
  store.set("10.5.7.0-24", "garbage");
  store.set("README", "hands off");
  store.unset("10.5.7.0-24");
  await eventually(texts, has("remove 10.5.7.0-24"));
  await finish();
  assert.deepEqual(texts(), [
    "snapshot 1 true",
    "put 10.5.7.0-24",
    "remove 10.5.7.0-24",
  ]);
});

Deno.test("run() renews before the lease's end", async () => {
  const { store, texts, finish } = await running({ ttl: 1, margin: 3600 });
  await eventually(texts, has("own 10.5.1.0-24"));
  await finish();
  assert.equal(store.records.get("10.5.1.0-24")!.value, value(ME));
});

Deno.test("run() acquires a revoked lease again, with the same subnet", async () => {
  const { store, texts, finish, log } = await running();
  store.unset("10.5.1.0-24");
  await eventually(texts, has("own 10.5.1.0-24"));
  await finish();
  assert.deepEqual(texts(), ["snapshot 1 true", "lost", "own 10.5.1.0-24"]);
  assert.equal(store.records.get("10.5.1.0-24")!.value, value(ME));
  assert.ok(log.lines.some((l) => l.includes("was revoked or has expired")));
});

Deno.test("run() takes another subnet when its own was taken over", async () => {
  const { store, texts, finish, log } = await running();
  store.set("10.5.1.0-24", value("192.168.1.66"));
  await eventually(texts, has("snapshot 2 true"));
  await finish();
  // The taker is a peer from now on: a list tells of it.
  assert.deepEqual(texts(), [
    "snapshot 1 true",
    "lost to another",
    "own 10.5.2.0-24",
    "snapshot 2 true",
  ]);
  assert.equal(store.records.get("10.5.1.0-24")!.value, value("192.168.1.66"));
  assert.ok(
    log.lines.some((l) => l.includes("was taken over by 192.168.1.66")),
  );
});

Deno.test("run() follows peers while there is no subnet to be had", async () => {
  const { store, texts, finish, log } = await running();
  store.config = CONFIG;
  for (let n = 1; n <= 255; n++) {
    if (n !== 1) store.set(`10.5.${n}.0-24`, value(`192.168.2.${n}`));
  }
  store.set("10.5.1.0-24", value("192.168.1.66"));
  await eventually(
    () => log.lines.at(-1) ?? "",
    (l) => l.includes("every minute"),
  );
  store.unset("10.5.7.0-24");
  await eventually(texts, has("remove 10.5.7.0-24"));
  await finish();
});

Deno.test("run() says once that its lease is lost while the store is away", async () => {
  const { store, texts, finish } = await running();
  store.unset("10.5.1.0-24");
  await eventually(texts, has("lost"));
  store.down = true;
  await new Promise((resolve) => setTimeout(resolve, 300));
  store.down = false;
  await eventually(texts, has("own 10.5.1.0-24"));
  await finish();
  assert.equal(texts().filter((text) => text === "lost").length, 1);
});

Deno.test("run() puts its value back three times, then leaves it", async () => {
  const { store, finish, log } = await running();
  const other = `{"PublicIP":"${ME}","BackendType":"vxlan"}`;
  for (let round = 0; round < 3; round++) {
    store.set("10.5.1.0-24", other);
    await eventually(
      () => store.records.get("10.5.1.0-24")!.value,
      (text) => text === value(ME),
    );
  }
  store.set("10.5.1.0-24", other);
  await eventually(
    () => log.lines.at(-1) ?? "",
    (line) => line.endsWith("It is left so for some minutes."),
  );
  await finish();
  assert.equal(store.records.get("10.5.1.0-24")!.value, other);
});

Deno.test("run() says that its lease is rewritten, and puts it back when that is over", async () => {
  const { store, texts, log, finish } = await running();
  using time = new FakeTime();
  const other = `{"PublicIP":"${ME}","BackendType":"vxlan"}`;
  for (let round = 0; round < 4; round++) {
    store.set("10.5.1.0-24", other);
    await time.pass(10);
  }
  assert.equal(store.records.get("10.5.1.0-24")!.value, other);
  assert.equal(texts().at(-1), "lost to another");
  // Three in ten minutes, so the next after more than three.
  await time.pass(201_000);
  assert.equal(store.records.get("10.5.1.0-24")!.value, value(ME));
  assert.equal(texts().at(-1), "own 10.5.1.0-24");
  // Once more, and now the other one puts it right itself.
  store.set("10.5.1.0-24", other);
  await time.pass(10);
  assert.equal(texts().at(-1), "lost to another");
  store.set("10.5.1.0-24", value(ME));
  await time.pass(201_000);
  assert.equal(texts().at(-1), "own 10.5.1.0-24");
  assert.equal(
    log.lines.filter((line) => line.includes("It is left so")).length,
    1,
  );
  await finish();
});

Deno.test("run() does not trust records that were lost", async () => {
  const { store, texts, finish } = await running();
  store.records.clear();
  store.reset();
  await eventually(texts, has("own 10.5.1.0-24"));
  await finish();
  assert.deepEqual(texts(), [
    "snapshot 1 true",
    "snapshot 0 false",
    "lost",
    "own 10.5.1.0-24",
  ]);
});

Deno.test("run() starts over when lease and config are other ones", async () => {
  const { store, done } = await running();
  store.config = '{"Network":"10.6.0.0/16","Backend":{"Type":"host-gw"}}';
  store.unset("10.5.1.0-24");
  await assert.rejects(done, NetworkChanged);
});
