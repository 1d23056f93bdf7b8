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
  take({ type: "remove", key: "10.5.3.0-24" });
  take({ type: "own", own: own("10.5.1.0-24") });
  assert.deepEqual(told, [
    ...["all", "."],
    ...["put 10.5.3.0-24", "."],
    ...["gone 10.5.3.0-24", "."],
    ".",
  ]);
  assert.equal(metrics.value("flandoc_renewals_total"), 1);
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
