import { Backoff, pause } from "./backoff.ts";
import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import {
  parseAnswer,
  V2_CODE,
  type V2Client,
  V2Error,
  type V2Node,
} from "./etcd_v2_client.ts";
import { childName, keyPath } from "./key_path.ts";
import { type LeaseList, type StoreEvent, StoreUnavailable } from "./store.ts";
import type { HttpStream, Transport } from "./transport.ts";
import { Watchdog } from "./watchdog.ts";

/** What a watch works with. */
export interface V2WatchContext {
  readonly client: V2Client;
  readonly transport: Transport;
  /** `{prefix}/subnets` */
  readonly directory: string;
  readonly pingMs: number;
  readonly list: (signal: AbortSignal) => Promise<LeaseList>;
  readonly onRetry: ((error: Error, waitMs: number) => void) | undefined;
  readonly onOpen: (() => void) | undefined;
}

/**
 * A quiet poll is ended and opened anew after so many pings: the new one
 * begins at the index of the old one's start, and so the cursor of a quiet
 * directory stays within the 1,000 events etcd remembers.
 */
const PINGS_PER_POLL = 12;

/** etcd ends a quiet poll after 5 minutes; one this short was cut, ms. */
const SHORT_MS = 250;

/** A step of the watch: what to tell, and where to go on after it. */
interface Step {
  readonly events: readonly StoreEvent[];
  readonly index: number;
}

/**
 * Changes of the lease directory after index `cursor`, for ever, one long
 * poll after the other: over lost connections, to another endpoint when one
 * is gone or frozen, and with a new list when the history was cleared.
 */
export async function* watchEtcdV2(
  context: V2WatchContext,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<StoreEvent, void, void> {
  const { transport } = context;
  const backoff = new Backoff();
  const stop = AbortSignal.any([signal, transport.closed]);
  let index = parseCursor(cursor);
  while (!stop.aborted) {
    const endpoint = transport.current;
    if (!endpoint) {
      throw new StoreUnavailable(
        "Cannot watch leases: no etcd endpoint is given",
        [],
      );
    }
    let step: Step;
    try {
      step = await poll(context, endpoint, index, stop);
    } catch (error) {
      if (stop.aborted) return;
      transport.skip(endpoint);
      const waitMs = backoff.next();
      context.onRetry?.(
        error instanceof Error ? error : new Error(String(error)),
        waitMs,
      );
      await pause(waitMs, stop);
      continue;
    }
    index = step.index;
    yield* step.events;
    // A server that always says "cleared" must not be listed without pause.
    if (step.events[0]?.type === "reset") await backoff.wait(stop);
    else backoff.reset();
  }
}

function parseCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new TypeError(
    `Cannot watch leases: expected a cursor of this store, got "${cursor}"`,
  );
}

async function reset(
  context: V2WatchContext,
  signal: AbortSignal,
): Promise<Step> {
  const list = await context.list(signal);
  return { events: [{ type: "reset", list }], index: Number(list.cursor) };
}

/** One long poll: the next event, or a later index with nothing before it. */
async function poll(
  context: V2WatchContext,
  endpoint: Endpoint,
  index: number,
  signal: AbortSignal,
): Promise<Step> {
  const stream = await context.client.poll(
    endpoint,
    context.directory,
    `wait=true&recursive=true&waitIndex=${index + 1}`,
    signal,
  );
  try {
    context.onOpen?.();
    const start = Number(stream.headers.get("X-Etcd-Index") ?? 0);
    if (stream.status === 200 && start < index) {
      // The store is behind us: this member lags, or the data are not those
      // we read. A list that asks the majority tells which.
      const step = await reset(context, signal);
      if (step.index < index) return step;
    }
    const started = performance.now();
    const text = await wait(context, endpoint, stream);
    if (text === "" && performance.now() - started < SHORT_MS) {
      throw new EndpointError("closed", "The server ended the watch");
    }
    if (text === "") return { events: [], index: Math.max(index, start) };
    const { node, action } = parseAnswer({
      status: stream.status,
      headers: stream.headers,
      text,
    });
    return await toStep(context, action, node, index, signal);
  } catch (error) {
    if (error instanceof V2Error && error.code === V2_CODE.indexCleared) {
      return await reset(context, signal);
    }
    throw error;
  } finally {
    stream.close();
  }
}

/**
 * The body of a poll, or the empty text when nothing came for a while and the
 * server gave signs of life since: what it had at the start it has sent.
 */
async function wait(
  context: V2WatchContext,
  endpoint: Endpoint,
  stream: HttpStream,
): Promise<string> {
  let death: Error | undefined;
  let pings = 0;
  let quiet = false;
  const watchdog = new Watchdog({
    pingMs: context.pingMs,
    silenceMs: Infinity,
    ping: async () => {
      await ping(context, endpoint, pings === PINGS_PER_POLL - 1);
      if (++pings < PINGS_PER_POLL) return;
      quiet = true;
      stream.close();
    },
    onDead: (error) => {
      death = error;
      stream.close();
    },
  });
  let text = "";
  try {
    const decoder = new TextDecoder();
    for await (const chunk of stream.body) {
      watchdog.feed();
      text += decoder.decode(chunk, { stream: true });
    }
    return text.trim();
  } catch (error) {
    if (quiet && text === "") return "";
    throw death ?? error;
  } finally {
    watchdog.stop();
  }
}

/**
 * A sign of life. The last of a poll asks the majority, too: a member that is
 * cut off from the others answers, and never has an event.
 */
async function ping(
  context: V2WatchContext,
  endpoint: Endpoint,
  quorum: boolean,
): Promise<void> {
  if (!quorum) {
    const { status } = await context.client.get(endpoint, "/v2/stats/self");
    if (status < 500) return;
    throw new EndpointError("http", `The endpoint answers HTTP ${status}`);
  }
  await context.client.keys(
    endpoint,
    "GET",
    keyPath(context.directory, "..", "config"),
    "quorum=true",
  ).catch((error) => {
    if (!(error instanceof V2Error)) throw error;
  });
}

async function toStep(
  context: V2WatchContext,
  action: string,
  node: V2Node,
  before: number,
  signal: AbortSignal,
): Promise<Step> {
  const index = node.modifiedIndex ?? before;
  const cursor = String(index);
  const isGone = /^(delete|expire|compareAndDelete)$/.test(action);
  const key = childName(context.directory, node.key ?? "");
  if (key === null || node.dir) {
    // Deleting a directory is one event for all that was below it.
    const isAbove = `${context.directory}/`.startsWith(`${node.key}/`);
    if (isGone && isAbove) return await reset(context, signal);
    return { events: [], index };
  }
  if (isGone) return { events: [{ type: "delete", key, cursor }], index };
  const ttl = node.ttl === undefined ? null : Math.max(0, node.ttl);
  const record = { key, value: node.value ?? "", ttl };
  return { events: [{ type: "put", record, cursor }], index };
}
