import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { LeaseFollower } from "./lease_follower.ts";
import { noteLeases } from "./lease_metrics.ts";
import { agentMetrics, type Metrics } from "./metrics.ts";
import type { OwnLease } from "./subnet_manager.ts";

function own(expires: number | null): OwnLease {
  const value = '{"PublicIP":"192.168.1.10","BackendType":"host-gw"}';
  const lease = parseLease({ key: "10.5.1.0-24", value, ttl: 60 }) as Lease;
  return { lease, expires, from: "free" };
}

/** The gauges of leases as Prometheus reads them. */
function gauges(metrics: Metrics): string[] {
  return metrics.text().split("\n").filter((line) =>
    /^flandoc_lease(?:s|_expiry_seconds) /.test(line)
  );
}

Deno.test("noteLeases() lets the expiry end with the lease", async (t) => {
  const metrics = agentMetrics();
  const end = performance.now() + 86_400_000;
  const follower = new LeaseFollower({
    own: own(end),
    log: quietLog(),
    metrics,
  });
  const noted = () => {
    noteLeases(metrics, follower);
    return gauges(metrics);
  };
  const take = (event: Parameters<typeof follower.take>[0]) =>
    follower.take(event);
  await t.step("a lease", () => {
    take({ type: "snapshot", leases: [own(end).lease], trusted: true });
    assert.match(noted().join(), /^flandoc_leases 1,.*seconds 86(?:400|399)$/);
  });
  await t.step("lost, though its end has not come", () => {
    take({ type: "lost", reason: "taken over" });
    assert.deepEqual(noted(), [
      "flandoc_leases 0",
      "flandoc_lease_expiry_seconds 0",
    ]);
  });
  await t.step("regained, and past its end", () => {
    take({ type: "own", own: own(performance.now() - 5_000) });
    assert.equal(noted()[1], "flandoc_lease_expiry_seconds -5");
  });
  await t.step("one without an end", () => {
    take({ type: "own", own: own(null) });
    assert.deepEqual(noted(), ["flandoc_leases 1"]);
  });
  await t.step("one without an end, lost", () => {
    take({ type: "lost", reason: "our node was deleted" });
    assert.equal(noted()[1], "flandoc_lease_expiry_seconds 0");
  });
  await t.step("none yet", () => {
    noteLeases(metrics, null);
    assert.deepEqual(gauges(metrics), ["flandoc_lease_expiry_seconds 0"]);
  });
});
