import assert from "node:assert/strict";
import { pause } from "./backoff.ts";
import { Watchdog } from "./watchdog.ts";

const never = new AbortController().signal;

function watch(options: { silenceMs?: number; ping?: () => Promise<void> }) {
  const seen = { pings: 0, deaths: [] as string[] };
  const dog = new Watchdog({
    pingMs: 20,
    silenceMs: options.silenceMs ?? 60_000,
    ping: async () => {
      seen.pings++;
      await options.ping?.();
    },
    onDead: (error) => seen.deaths.push(error.message),
  });
  return { dog, seen };
}

Deno.test("Watchdog pings a silent stream, again and again", async () => {
  const { dog, seen } = watch({});
  await pause(130, never);
  dog.stop();
  assert.ok(seen.pings >= 2 && seen.pings <= 6, `${seen.pings}`);
  assert.deepEqual(seen.deaths, []);
});

Deno.test("Watchdog lets a busy stream alone", async () => {
  const { dog, seen } = watch({});
  const end = performance.now() + 100;
  while (performance.now() < end) {
    dog.feed();
    await pause(1, never);
  }
  dog.stop();
  assert.equal(seen.pings, 0);
});

Deno.test("Watchdog tells once when a ping fails", async () => {
  const { dog, seen } = watch({
    ping: () => Promise.reject(new Error("no answer")),
  });
  await pause(80, never);
  dog.stop();
  assert.deepEqual(seen, { pings: 1, deaths: ["no answer"] });
});

Deno.test("Watchdog does not trust a stream that is silent too long", async () => {
  const { dog, seen } = watch({ silenceMs: 50 });
  await pause(150, never);
  dog.stop();
  assert.equal(seen.deaths.length, 1);
  assert.match(seen.deaths[0] ?? "", /^Stream gave nothing for \d+ ms$/);
});

Deno.test("Watchdog says nothing after stop()", async () => {
  const { dog, seen } = watch({
    ping: async () => {
      await pause(30, never);
      throw new Error("late");
    },
  });
  await pause(30, never);
  dog.stop();
  await pause(50, never);
  assert.deepEqual(seen, { pings: 1, deaths: [] });
});
