/**
 * A worker of the packet path. It blocks its thread, and comes back to its
 * event loop only when the `eventfd` says that a message was posted.
 *
 * @module
 */
import { PacketLoop } from "./packet_loop.ts";
import type { FromWorker, ToWorker } from "./worker_messages.ts";

/** The global scope of a dedicated worker, as far as it is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const inbox: ToWorker[] = [];
let arrived = () => {};

scope.onmessage = ({ data }) => {
  inbox.push(data);
  arrived();
};

/** The next message, when it is there. */
async function nextMessage(): Promise<ToWorker> {
  while (inbox.length === 0) {
    await new Promise<void>((resolve) => arrived = resolve);
  }
  const message = inbox.shift();
  if (message === undefined) throw new Error("Cannot read message: no message");
  return message;
}

async function work(): Promise<void> {
  const start = await nextMessage();
  if (start.type !== "start") {
    throw new Error(`Cannot start: expected "start", got "${start.type}"`);
  }
  const loop = new PacketLoop(start);
  scope.postMessage({ type: "running" });
  for (;;) {
    const event = loop.run();
    if (event === "device-gone") {
      scope.postMessage({ type: "device-gone" });
      continue;
    }
    for (let left = event; left > 0; left--) {
      const message = await nextMessage();
      if (message.type === "stop") return;
      if (message.type === "peers") loop.peers = message.peers;
    }
  }
}

// Nothing catches a failure here: it ends the worker, and the agent hears of it.
work().then(() => {
  scope.postMessage({ type: "stopped" });
  scope.close();
});
