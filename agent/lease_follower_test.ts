import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { LeaseFollower } from "./lease_follower.ts";
import { agentMetrics } from "./metrics.ts";
import type { OwnLease } from "./subnet_manager.ts";

function lease(key: string, PublicIP = "192.168.1.11"): Lease {
  const value = JSON.stringify({ PublicIP, BackendType: "host-gw" });
  return parseLease({ key, value, ttl: 60 }) as Lease;
}

function own(key: string, expires: number | null = Infinity): OwnLease {
  return { lease: lease(key, "192.168.1.10"), expires, from: "free" };
}

function setUp(lease = own("10.5.1.0-24")) {
  const log = quietLog();
  const metrics = agentMetrics();
  const follower = new LeaseFollower({ own: lease, log, metrics });
  const told: string[] = [];
  follower.connect({
    peerPut: ({ key }) => told.push(`put ${key}`),
    peerGone: ({ key }) => told.push(`gone ${key}`),
    peersChanged: () => told.push("all"),
    leasesChanged: () => told.push("."),
    ownChanged: ({ key }) => told.push(`own ${key}`),
  });
  return { log, metrics, follower, told };
}

Deno.test("LeaseFollower tells of what is new, once", async () => {
  const { follower, told, metrics } = setUp();
  const { take } = follower;
  take({
    type: "snapshot",
    leases: [lease("10.5.1.0-24", "192.168.1.10"), lease("10.5.2.0-24")],
    trusted: true,
  });
  await follower.first;
  take({ type: "put", lease: lease("10.5.3.0-24") });
  take({ type: "put", lease: { ...lease("10.5.3.0-24"), ttl: 99 } });
  take({ type: "remove", key: "10.5.3.0-24" });
  await read();
  take({ type: "remove", key: "10.5.3.0-24" });
  await read();
  take({ type: "own", own: own("10.5.1.0-24") });
  assert.deepEqual(told, [
    ...["all", "."],
    ...["put 10.5.3.0-24", "."],
    ...["gone 10.5.3.0-24", "."],
    ".",
  ]);
  assert.equal(metrics.value("flandoc_renewals_total"), 1);
});

/** Until the message that told of the last events is read. */
function read(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("LeaseFollower passes over a lease that is deleted and written again", async () => {
  const { follower, told } = setUp();
  follower.take({ type: "put", lease: lease("10.5.3.0-24") });
  follower.take({ type: "remove", key: "10.5.3.0-24" });
  follower.take({ type: "put", lease: lease("10.5.3.0-24") });
  await read();
  assert.deepEqual(told, ["put 10.5.3.0-24", "."]);
});

/** A network of so many peers. */
function crowd(count: number) {
  const set = setUp();
  const keys = Array.from({ length: count }, (_, n) => `10.5.${n + 2}.0-24`);
  const leases = keys.map((key, n) => lease(key, `192.168.1.${n + 11}`));
  set.follower.take({
    type: "snapshot",
    leases: [lease("10.5.1.0-24", "192.168.1.10"), ...leases],
    trusted: true,
  });
  set.told.length = 0;
  const remove = (some: readonly string[]) => {
    for (const key of some) set.follower.take({ type: "remove", key });
  };
  return { ...set, keys, leases, remove };
}

Deno.test("LeaseFollower holds leases that are deleted all at once", async () => {
  const { follower, told, log, keys, remove } = crowd(20);
  remove(keys);
  await read();
  assert.deepEqual(told, []);
  assert.equal(follower.leases.size, 21);
  assert.ok(follower.leases.holding);
  assert.match(
    log.lines.at(-1)!,
    /^W Most leases were deleted within a minute.*deleted=20$/,
  );
});

Deno.test("LeaseFollower has leases back that were deleted one by one", async () => {
  const { follower, told, keys, leases, remove } = crowd(20);
  for (const key of keys) {
    remove([key]);
    await read();
  }
  // Ten may go. With the eleventh it is most of them.
  assert.deepEqual(told.filter((each) => each !== "."), [
    ...keys.slice(0, 10).map((key) => `gone ${key}`),
    "all",
  ]);
  assert.equal(follower.leases.size, 21);
  // A host that comes back is no news, one that has another subnet leaves
  // its old one at once.
  told.length = 0;
  follower.take({ type: "put", lease: leases[0]! });
  follower.take({ type: "put", lease: lease("10.5.99.0-24", "192.168.1.12") });
  assert.deepEqual(told, [
    `gone ${keys[1]}`,
    ...["put 10.5.99.0-24", "."],
  ]);
  remove([keys[0]!]);
  await read();
  assert.ok(follower.leases.get(keys[0]!) !== null, "in the same minute");
});

Deno.test("LeaseFollower lets a few of many go at once", async () => {
  const { follower, told, keys, remove } = crowd(20);
  remove(keys.slice(0, 10));
  await read();
  assert.deepEqual(told, [
    ...keys.slice(0, 10).map((key) => `gone ${key}`),
    ".",
  ]);
  assert.ok(!follower.leases.holding);
});

Deno.test("LeaseFollower is loud about another subnet", () => {
  const { follower, told, log } = setUp();
  follower.take({ type: "lost", reason: "our lease was revoked" });
  assert.deepEqual(follower.problems, ["our lease was revoked"]);
  follower.take({ type: "own", own: own("10.5.9.0-24") });
  assert.deepEqual(follower.problems, []);
  assert.deepEqual(told, ["own 10.5.9.0-24", "."]);
  assert.deepEqual(
    follower.leases.effective().map(({ key }) => key),
    ["10.5.9.0-24"],
  );
  assert.match(
    log.lines.at(-1)!,
    /^E THIS HOST HAS ANOTHER SUBNET NOW: 10\.5\.9\.0\/24 instead of 10\.5\.1\.0\/24\. Restart Docker/,
  );
});

Deno.test("LeaseFollower holds peers that a doubtful list lacks", () => {
  const { follower, log } = setUp();
  const all = [lease("10.5.2.0-24"), lease("10.5.3.0-24")];
  follower.take({ type: "snapshot", leases: all, trusted: true });
  follower.take({ type: "snapshot", leases: [], trusted: false });
  assert.equal(follower.leases.size, 2);
  assert.match(log.lines.at(-1)!, /^W .*stay for five minutes missing=2$/);
});

Deno.test("LeaseFollower.problems names a lease that has expired", () => {
  assert.deepEqual(setUp(own("10.5.1.0-24", 1)).follower.problems, [
    "Our lease has expired",
  ]);
  assert.deepEqual(setUp(own("10.5.1.0-24", null)).follower.problems, []);
});

Deno.test("LeaseFollower.stored counts what the records have", async () => {
  const { follower } = setUp();
  const mine = lease("10.5.1.0-24", "192.168.1.10");
  const all = [mine, lease("10.5.2.0-24"), lease("10.5.3.0-24")];
  follower.take({ type: "snapshot", leases: all, trusted: true });
  assert.equal(follower.stored, 3);
  // A node that was deleted: its subnet stays in the table.
  follower.take({ type: "lost", reason: "our node was deleted" });
  assert.deepEqual([follower.stored, follower.leases.size], [2, 3]);
  // The list lacks it too: it is not counted out twice.
  follower.take({ type: "snapshot", leases: all.slice(1), trusted: false });
  assert.deepEqual([follower.stored, follower.leases.size], [2, 3]);
  follower.take({ type: "own", own: own("10.5.1.0-24") });
  follower.take({ type: "put", lease: mine });
  assert.equal(follower.stored, 3);
  // Another host has our subnet now: that is a lease.
  follower.take({ type: "lost", reason: "it was taken over", isTaken: true });
  assert.equal(follower.stored, 3);
  follower.take({ type: "remove", key: "10.5.3.0-24" });
  await read();
  assert.equal(follower.stored, 2);
});

Deno.test("LeaseFollower does not take its own subnet for a new one", () => {
  const { follower, log } = setUp();
  log.lines.length = 0;
  follower.take({ type: "put", lease: lease("10.5.2.0-24") });
  follower.take({ type: "put", lease: lease("10.5.1.0-24", "203.0.113.5") });
  assert.deepEqual(log.lines, [
    "I Subnet added: 10.5.2.0/24 via=192.168.1.11",
    "I The record of our own subnet is new: 10.5.1.0/24 via=203.0.113.5",
  ]);
});
