import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { Renewal, renewAt, retryAfter } from "./renewal.ts";

Deno.test("renewAt() is a margin before the end, half way for a short lease", () => {
  const day = 86_400_000;
  assert.equal(renewAt(day, 0, 3_600_000), day - 3_600_000);
  assert.equal(renewAt(10_000, 0, 3_600_000), 5_000);
  assert.equal(renewAt(10_000, 20_000, 3_600_000), 10_000);
});

Deno.test("retryAfter() is a minute, less near the end, never none", () => {
  assert.equal(retryAfter(3_600_000, 0), 60_000);
  assert.equal(retryAfter(40_000, 0), 10_000);
  assert.equal(retryAfter(0, 5_000), 1_000);
});

Deno.test("Renewal renews, tries again after trouble, and can be moved", async () => {
  const stop = new AbortController();
  const log = quietLog();
  const times: number[] = [];
  let fail = true;
  const renewal: Renewal = new Renewal({
    log,
    marginMs: 3_600_000,
    signal: stop.signal,
    renew: () => {
      times.push(performance.now());
      if (fail) {
        fail = false;
        return Promise.reject(new Error("away"));
      }
      renewal.set(performance.now() + 1_000_000);
      return Promise.resolve(true);
    },
  });
  const started = performance.now();
  renewal.set(null);
  const running = renewal.run();
  renewal.set(started + 200);
  await eventually(() => times.length, (n) => n === 2);
  stop.abort();
  await running;
  assert.ok(times[0]! - started >= 99, "half way");
  assert.ok(times[1]! - times[0]! >= 700, "a second later, give or take");
  assert.match(log.lines[0]!, /^E Cannot renew our lease: away/);
  assert.equal(log.lines[1], "I Renewed our lease");
});

Deno.test("Renewal renews by the clock that says so first", async (t) => {
  const hour = 3_600_000;
  /** Renewals after both clocks moved on, of a lease of a day. */
  const renewals = async (now: number, wall: number) => {
    let clocks = { now: 0, wall: 1_000 * hour };
    let count = 0;
    const stop = new AbortController();
    const renewal = new Renewal({
      log: quietLog(),
      marginMs: hour,
      signal: stop.signal,
      renew: () => {
        count++;
        renewal.set(clocks.now + 24 * hour);
        return Promise.resolve(true);
      },
      now: () => clocks.now,
      wall: () => clocks.wall,
    });
    renewal.set(24 * hour);
    clocks = { now, wall: clocks.wall + wall };
    const running = renewal.run();
    await new Promise((resolve) => setTimeout(resolve, 0));
    stop.abort();
    await running;
    return count;
  };
  const table: [string, number, number, number][] = [
    ["neither", 22 * hour, 22 * hour, 0],
    ["both", 23 * hour, 23 * hour, 1],
    ["the host slept", hour, 23 * hour, 1],
    ["the clock was set back", 23 * hour, -hour, 1],
    ["the clock was set on", 0, 24 * 365 * hour, 1],
  ];
  for (const [name, now, wall, wanted] of table) {
    await t.step(name, async () => {
      assert.equal(await renewals(now, wall), wanted);
    });
  }
});
