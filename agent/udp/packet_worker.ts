/**
 * One run of a worker, seen from the agent's side.
 *
 * @module
 */
import { libc } from "../../host/libc.ts";
import { openWakeup, signalWakeup } from "../../host/wakeup.ts";
import type { PeerTable } from "./peer_table.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./worker_messages.ts";

/** Milliseconds a worker has to stop before it is ended by force. */
const PATIENCE = 2000;

/** Why a worker runs no longer. */
export type WorkerEnd = "stopped" | "device-gone";

/** A worker that moves packets. */
export class PacketWorker {
  readonly #worker: Worker;
  readonly #wakeup: number;
  readonly #running = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<WorkerEnd>();
  #open = true;

  /**
   * @param module URL of the worker's module.
   * @param start All of the first message but the `eventfd`.
   */
  constructor(module: URL, start: Omit<WorkerStart, "type" | "wakeup">) {
    this.#wakeup = openWakeup();
    // Both are looked at only by those who wait for them.
    this.#running.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
    this.#worker = new Worker(module, { type: "module", name: "flannel-udp" });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) =>
      this.#take(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`Packet path crashed: ${event.message}`));
    };
    this.#worker.postMessage(
      {
        type: "start",
        wakeup: this.#wakeup,
        ...start,
      } satisfies WorkerStart,
    );
  }

  /** Resolves when packets move; rejects when it crashed before. */
  get running(): Promise<void> {
    return this.#running.promise;
  }

  /** Resolves when packets move no longer; rejects when the worker crashed. */
  get ended(): Promise<WorkerEnd> {
    return this.#ended.promise;
  }

  /** Replaces the peers, between two batches. */
  setPeers(peers: PeerTable): void {
    this.#tell({ type: "peers", peers });
  }

  /**
   * Ends the worker: when this resolves it touches no descriptor any more. One
   * that does not answer is ended by force.
   */
  async stop(): Promise<void> {
    if (!this.#open) return;
    this.#tell({ type: "stop" });
    const timer = setTimeout(() => this.#over.resolve(), PATIENCE);
    await this.#over.promise;
    clearTimeout(timer);
    this.#close();
    this.#ended.resolve("stopped");
  }

  #tell(message: ToWorker): void {
    if (!this.#open) return;
    this.#worker.postMessage(message);
    signalWakeup(this.#wakeup);
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case "running":
        return this.#running.resolve();
      case "device-gone":
        return this.#ended.resolve("device-gone");
      case "stopped":
        return this.#over.resolve();
    }
  }

  #fail(error: Error): void {
    this.#close();
    this.#running.reject(error);
    this.#ended.reject(error);
    this.#over.resolve();
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#worker.terminate();
    libc().close(this.#wakeup);
  }
}
