import assert from "node:assert/strict";
import { runSweep, type SweepPlan } from "./sweep.ts";

/** A plan over targets that answer after so many requests (0 for never). */
function planOf(
  answersAfter: readonly number[],
  more: Partial<SweepPlan> = {},
): { readonly plan: SweepPlan; readonly requests: number[] } {
  const requests = answersAfter.map(() => 0);
  const plan: SweepPlan = {
    count: answersAfter.length,
    timeoutMs: 10,
    retries: 2,
    ratePerSecond: 100_000,
    lingerMs: 0,
    answered: (target) => {
      const after = answersAfter[target] ?? 0;
      return after !== 0 && (requests[target] ?? 0) >= after;
    },
    send: (targets) => {
      for (const target of targets) {
        requests[target] = (requests[target] ?? 0) + 1;
      }
      return targets.length;
    },
    receive: () => {},
    ...more,
  };
  return { plan, requests };
}

Deno.test("runSweep() asks again only those that were silent", async () => {
  const { plan, requests } = planOf([1, 2, 3, 0]);
  await runSweep(plan);
  assert.deepEqual(requests, [1, 2, 3, 3]);
});

Deno.test("runSweep() ends when everyone has answered", async () => {
  const { plan } = planOf([1, 1, 1], { timeoutMs: 60_000 });
  const elapsed = await runSweep(plan);
  assert.ok(elapsed < 30_000, `${elapsed} ms`);
});

Deno.test("runSweep() lingers for second answers", async () => {
  let reads = 0;
  const { plan } = planOf([1], { lingerMs: 60, receive: () => reads++ });
  const elapsed = await runSweep(plan);
  assert.ok(elapsed >= 60, `${elapsed} ms`);
  assert.ok(reads >= 3, `${reads} reads`);
});

Deno.test("runSweep() asks everyone also when others have the processor", async () => {
  const { plan, requests } = planOf([1, 1, 1, 1], { retries: 0 });
  const { send } = plan;
  const held = {
    ...plan,
    send: (targets: readonly number[]) => {
      const end = performance.now() + 20;
      while (performance.now() < end);
      return send(targets.slice(0, 1));
    },
  };
  await runSweep(held);
  assert.deepEqual(requests, [1, 1, 1, 1]);
});

Deno.test("runSweep() keeps to its rate", async () => {
  const { plan } = planOf(Array(100).fill(1), { ratePerSecond: 1000 });
  const elapsed = await runSweep(plan);
  assert.ok(elapsed >= 95, `${elapsed} ms`);
});

Deno.test("runSweep() gives again what a busy device did not take", async () => {
  const taken: number[] = [];
  const { plan } = planOf([], {
    count: 10,
    // Far more than the ticks need, also where the machine is busy.
    timeoutMs: 5000,
    answered: (target) => taken.includes(target),
    send: (targets) => {
      taken.push(...targets.slice(0, 3));
      return Math.min(targets.length, 3);
    },
  });
  await runSweep(plan);
  assert.deepEqual(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("runSweep() ends in bounded time when nothing can be sent", async () => {
  const { plan } = planOf([0, 0, 0], { send: () => 0, retries: 1 });
  const elapsed = await runSweep(plan);
  assert.ok(elapsed < 30_000, `${elapsed} ms`);
});

Deno.test("runSweep() over nothing ends at once", async () => {
  const { plan, requests } = planOf([], { timeoutMs: 60_000 });
  assert.ok(await runSweep(plan) < 30_000);
  assert.deepEqual(requests, []);
});
