import assert from "node:assert/strict";
import { quietLog } from "../tests/support/quiet_log.ts";
import type { ChangeError, NetlinkChange } from "../host/netlink/changes.ts";
import { agentMetrics } from "./metrics.ts";
import type { Repair } from "./repair.ts";
import { RepairGuard } from "./repair_guard.ts";
import { RepairLog } from "./repair_log.ts";
import { RepairSender } from "./repair_sender.ts";

function route(n: number, why: Repair["why"]): Repair {
  const op = why === "stale" ? "delete" : "replace";
  const dst = `10.5.${n}.0/24`;
  const change: NetlinkChange = {
    kind: "route",
    op,
    route: { family: 4, dst, gateway: "192.168.0.2" },
  };
  return { kind: "route", key: `route ${dst}`, why, change, found: null };
}

Deno.test("RepairSender.send() counts what was made, and what was not", async () => {
  const log = quietLog();
  const metrics = agentMetrics();
  const errors = new Map<string, ChangeError>([
    ["10.5.3.0/24", { code: "ENETUNREACH", message: "Network is unreachable" }],
    ["10.5.5.0/24", { code: "ESRCH", message: "No such process" }],
  ]);
  const sender = new RepairSender({
    kernel: {
      apply: (changes) =>
        Promise.resolve(changes.map((change) => {
          const { dst } = (change as { route: { dst: string } }).route;
          return { change, error: errors.get(dst) ?? null };
        })),
    },
    metrics,
    guard: new RepairGuard(log),
    said: new RepairLog(log),
  });
  const outstanding = await sender.send([
    route(1, "missing"),
    route(2, "missing"),
    route(3, "missing"),
    route(4, "stale"),
    route(5, "stale"),
  ], false);
  const kind = "route";
  const count = (why: string) =>
    metrics.value("flandoc_repairs_total", { kind, why });
  assert.deepEqual([count("missing"), count("stale")], [2, 1]);
  assert.equal(metrics.value("flandoc_repair_errors_total", { kind }), 1);
  assert.deepEqual(outstanding, [{
    kind,
    message: "Cannot write route 10.5.3.0/24: Network is unreachable",
  }]);
});

Deno.test("RepairSender.send() does otherwise what the kernel is too busy for", async () => {
  const sent: string[] = [];
  const log = quietLog();
  const metrics = agentMetrics();
  const set = { kind: "link", op: "set" } as const;
  const rename = { ...set, name: "foo", rename: "flannel.1" };
  const down = { ...set, name: "foo", up: false };
  const up = { ...set, name: "flannel.1", up: true };
  // As Linux before 6.2.
  let isUp = true;
  let refused: NetlinkChange | null = null;
  const sender = new RepairSender({
    kernel: {
      apply: (changes) =>
        Promise.resolve(changes.map((change) => {
          sent.push(JSON.stringify(change));
          if ("up" in change) isUp = change.up === true;
          const busy = isUp && "rename" in change;
          const error = busy || change === refused
            ? { code: "EBUSY", message: "Device or resource busy" }
            : null;
          return { change, error };
        })),
    },
    metrics,
    guard: new RepairGuard(log),
    said: new RepairLog(log),
  });
  const repair: Repair = {
    kind: "device",
    key: "device flannel.1 name",
    why: "wrong",
    change: rename,
    ifBusy: [down, rename, up],
    found: "foo",
  };
  assert.deepEqual(await sender.send([repair], true), []);
  assert.deepEqual(
    sent,
    [rename, down, rename, up].map((change) => JSON.stringify(change)),
  );
  assert.match(
    log.lines.at(-1)!,
    /Corrected device flannel\.1 name.*found=foo/,
  );
  refused = up;
  isUp = true;
  assert.deepEqual(await sender.send([repair], true), [{
    kind: "device",
    message: "Cannot write device flannel.1 name: Device or resource busy",
  }]);
});
