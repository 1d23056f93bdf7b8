/**
 * Says that it runs and crashes; the next one of the same counters is the
 * packet path's own worker.
 *
 * @module
 */
import { COUNTER } from "../counters.ts";
import type { ToWorker } from "../worker_messages.ts";

const scope = globalThis as unknown as Worker;
const early: MessageEvent<ToWorker>[] = [];
let loaded = false;

scope.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const { data } = event;
  if (data.type === "start" && data.counters[COUNTER.malformed] === 0) {
    data.counters[COUNTER.malformed] = 1;
    event.stopImmediatePropagation();
    scope.postMessage({ type: "running" });
    throw new Error("crashes on purpose");
  }
  if (!loaded) early.push(event);
});

await import("../worker.ts");
loaded = true;
for (const event of early) scope.onmessage?.(event);
