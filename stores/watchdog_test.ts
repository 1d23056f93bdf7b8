import assert from "node:assert/strict";
import { FakeTime } from "../tests/support/fake_time.ts";
import { pause } from "./backoff.ts";
import { Watchdog } from "./watchdog.ts";

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
  using time = new FakeTime();
  const { dog, seen } = watch({});
  await time.pass(19);
  assert.equal(seen.pings, 0);
  await time.pass(111);
  dog.stop();
  assert.deepEqual(seen, { pings: 6, deaths: [] });
});

Deno.test("Watchdog lets a busy stream alone", async () => {
  using time = new FakeTime();
  const { dog, seen } = watch({});
  for (let i = 0; i < 30; i++) {
    await time.pass(7);
    dog.feed();
  }
  assert.equal(seen.pings, 0);
  await time.pass(20);
  dog.stop();
  assert.equal(seen.pings, 1);
});

Deno.test("Watchdog tells once when a ping fails", async () => {
  using time = new FakeTime();
  const { dog, seen } = watch({
    ping: () => Promise.reject(new Error("no answer")),
  });
  await time.pass(80);
  dog.stop();
  assert.deepEqual(seen, { pings: 1, deaths: ["no answer"] });
});

Deno.test("Watchdog does not trust a stream that is silent too long", async () => {
  using time = new FakeTime();
  const { dog, seen } = watch({ silenceMs: 50 });
  await time.pass(150);
  dog.stop();
  assert.deepEqual(seen, {
    pings: 2,
    deaths: ["Stream gave nothing for 60 ms"],
  });
});

Deno.test("Watchdog says nothing after stop()", async () => {
  using time = new FakeTime();
  const { dog, seen } = watch({
    ping: async () => {
      await pause(30, new AbortController().signal);
      throw new Error("late");
    },
  });
  await time.pass(30);
  dog.stop();
  await time.pass(50);
  assert.deepEqual(seen, { pings: 1, deaths: [] });
});
