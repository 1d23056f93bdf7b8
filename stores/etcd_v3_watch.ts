import { Backoff, pause } from "./backoff.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import {
  CODE,
  parseObject,
  statusError,
  statusOf,
  type V3Client,
  type V3Header,
  type V3KeyValue,
} from "./etcd_v3_client.ts";
import { childName } from "./key_path.ts";
import { readLines } from "./read_lines.ts";
import {
  type LeaseList,
  type StoreEvent,
  StoreUnavailable,
  TTL_NOT_ASKED,
} from "./store.ts";
import type { HttpStream, Transport } from "./transport.ts";
import { Watchdog } from "./watchdog.ts";

/** What a watch works with. */
export interface WatchContext {
  readonly client: V3Client;
  readonly transport: Transport;
  /** `{prefix}/subnets` */
  readonly directory: string;
  readonly pingMs: number;
  readonly list: (signal: AbortSignal) => Promise<LeaseList>;
  readonly onRetry: ((error: Error, waitMs: number) => void) | undefined;
  readonly onOpen: (() => void) | undefined;
}

interface WatchEvent {
  readonly type?: string;
  readonly kv?: V3KeyValue;
}

/** etcdserverpb.WatchResponse */
interface WatchResponse {
  readonly header?: V3Header;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compact_revision?: string;
  readonly cancel_reason?: string;
  readonly events?: readonly WatchEvent[];
}

/** etcd notifies of its progress every 10 minutes: longer silence is none. */
const SILENCE_MS = 12 * 60_000;

/** A connection that lasted so long was a good one. */
const GOOD_MS = 5_000;

/** A step of the watch: what to tell, and where to go on after it. */
interface Step {
  readonly events: readonly StoreEvent[];
  readonly revision: number;
}

/**
 * Changes of the lease directory after revision `cursor`, for ever: over
 * lost connections, to another endpoint when one is gone or frozen, and with
 * a new list when the history was compacted or the cluster replaced.
 */
export async function* watchEtcdV3(
  context: WatchContext,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<StoreEvent, void, void> {
  const { transport } = context;
  const backoff = new Backoff();
  const stop = AbortSignal.any([signal, transport.closed]);
  let revision = parseCursor(cursor);
  while (!stop.aborted) {
    const endpoint = transport.current;
    if (!endpoint) {
      throw new StoreUnavailable(
        "Cannot watch leases: no etcd endpoint is given",
        [],
      );
    }
    const started = performance.now();
    let failure: unknown;
    try {
      for await (const step of connect(context, endpoint, revision, stop)) {
        revision = step.revision;
        if (step.events[0]?.type !== "reset") backoff.reset();
        yield* step.events;
        if (stop.aborted) return;
      }
    } catch (error) {
      failure = error;
      transport.skip(endpoint);
    }
    if (stop.aborted) return;
    if (performance.now() - started > GOOD_MS) backoff.reset();
    // After a reset, too: a server that always says "compacted" must not be
    // listed without pause.
    const waitMs = backoff.next();
    if (failure !== undefined) context.onRetry?.(asError(failure), waitMs);
    await pause(waitMs, stop);
  }
}

function parseCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new TypeError(
    `Cannot watch leases: expected a cursor of this store, got "${cursor}"`,
  );
}

/** One connection. Ends after a reset, from where a new one is to start. */
async function* connect(
  context: WatchContext,
  endpoint: Endpoint,
  revision: number,
  signal: AbortSignal,
): AsyncGenerator<Step, void, void> {
  const { client, directory } = context;
  const stream = await client.stream(endpoint, "watch", {
    create_request: {
      key: toBase64(`${directory}/`),
      range_end: toBase64(`${directory}0`),
      start_revision: String(revision + 1),
      progress_notify: true,
    },
  }, signal);
  let at = revision;
  for await (const response of responses(context, endpoint, stream)) {
    const current = Number(response.header?.revision ?? 0);
    if (Number(response.compact_revision ?? 0) > 0) {
      return yield await reset(context, signal);
    }
    if (response.canceled) {
      throw canceledError(client, response.cancel_reason ?? "no reason");
    }
    if (response.created) {
      context.onOpen?.();
      if (current >= at) continue;
      // The store is behind us: this member lags, or the data are not those
      // we read. A list that asks the majority tells which.
      const step = await reset(context, signal);
      if (step.revision < at) return yield step;
      continue;
    }
    const events = response.events ?? [];
    const last = Number(events.at(-1)?.kv?.mod_revision ?? 0);
    // A notice of progress has no events: all up to its revision were sent.
    at = Math.max(at, events.length > 0 ? last : current);
    yield { events: toStoreEvents(events, directory), revision: at };
  }
  throw new EndpointError("closed", "The server ended the watch");
}

async function reset(
  context: WatchContext,
  signal: AbortSignal,
): Promise<Step> {
  const list = await context.list(signal);
  return { events: [{ type: "reset", list }], revision: Number(list.cursor) };
}

function canceledError(client: V3Client, reason: string): EndpointError {
  client.forgetLogin();
  return new EndpointError("http", `etcd cancelled the watch: ${reason}`);
}

/** The responses of a stream, for as long as its server is alive. */
async function* responses(
  context: WatchContext,
  endpoint: Endpoint,
  stream: HttpStream,
): AsyncGenerator<WatchResponse, void, void> {
  let death: Error | undefined;
  const watchdog = new Watchdog({
    pingMs: context.pingMs,
    silenceMs: SILENCE_MS,
    ping: () => ping(context.client, endpoint),
    onDead: (error) => {
      death = error;
      stream.close();
    },
  });
  try {
    for await (const line of readLines(stream.body)) {
      watchdog.feed();
      yield parseResponse(line);
    }
  } catch (error) {
    throw death ?? error;
  } finally {
    watchdog.stop();
    stream.close();
  }
}

async function ping(client: V3Client, endpoint: Endpoint): Promise<void> {
  const { leader } = await client.call<
    { header?: V3Header; leader?: string }
  >(endpoint, "maintenance/status", {}, { leaderless: true });
  if (!leader || leader === "0") {
    throw new EndpointError("http", "The member has no leader");
  }
}

function parseResponse(line: string): WatchResponse {
  const answer = parseObject(line);
  const result = answer?.["result"];
  if (typeof result === "object" && result !== null) return result;
  if (statusOf(answer).code === CODE.outOfRange) {
    return { compact_revision: "1" };
  }
  throw statusError(200, answer, line);
}

function toStoreEvents(
  events: readonly WatchEvent[],
  directory: string,
): StoreEvent[] {
  return events.flatMap(({ type, kv }, i): StoreEvent[] => {
    const key = childName(directory, fromBase64(kv?.key));
    if (!kv || key === null) return [];
    const revision = Number(kv.mod_revision ?? 0);
    // One transaction gives several events of one revision: a watch resumed
    // before the last of them must get them all again.
    const more = events[i + 1]?.kv?.mod_revision === kv.mod_revision;
    const cursor = String(more ? revision - 1 : revision);
    if (type === "DELETE") return [{ type: "delete", key, cursor }];
    const ttl = kv.lease && kv.lease !== "0" ? TTL_NOT_ASKED : null;
    const record = { key, value: fromBase64(kv.value), ttl };
    return [{ type: "put", record, cursor }];
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
