import { Watchdog } from "../watchdog.ts";
import { Backoff, pause } from "../backoff.ts";
import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes_error.ts";
import {
  listNodes,
  type NodeList,
  type NodeSelection,
  selectorOf,
} from "./list_nodes.ts";
import { type KubeNode, parseNode } from "./node.ts";

/** A change of the nodes. */
export type NodeEvent =
  | { readonly type: "put"; readonly node: KubeNode }
  | { readonly type: "remove"; readonly name: string }
  /** The history was lost: everything anew, to be compared. */
  | { readonly type: "reset"; readonly list: NodeList };

/** Options of {@linkcode watchNodes}. */
export interface WatchNodesOptions extends NodeSelection {
  /** Asks for a sign of life when the stream is silent; throws if none. */
  readonly ping: () => Promise<void>;
  /** Called when the server has begun to answer. */
  readonly onOpen?: () => void;
  /** Called when a connection is lost, before the wait for the next one. */
  readonly onRetry?: (error: Error, waitMs: number) => void;
  /** Silence before a ping, milliseconds. @default 30000 */
  readonly pingMs?: number;
  /** Silence that ends the stream, milliseconds. @default 150000 */
  readonly silenceMs?: number;
}

/** What one line of a watch holds. */
interface Line {
  readonly type: string;
  readonly object: unknown;
}

const PING_MS = 30_000;
/** A server sends a bookmark about every minute. */
const SILENCE_MS = 150_000;
/** The server ends a watch after this time, so that load spreads, seconds. */
const STREAM_S = 300;

/**
 * Changes of nodes after a list, for ever, over lost connections: it goes on
 * from the last resource version it saw, of a bookmark too, and lists again
 * when the server no longer knows that one. Ends when the signal aborts.
 *
 * Source: kubernetes.io Efficient detection of changes; flannel uses
 * client-go's informer.
 */
export async function* watchNodes(
  client: KubernetesClient,
  resourceVersion: string,
  signal: AbortSignal,
  options: WatchNodesOptions,
): AsyncGenerator<NodeEvent, void, void> {
  const backoff = new Backoff(100, 30_000);
  let at = resourceVersion;
  while (!signal.aborted) {
    const opened = performance.now();
    try {
      if (at === "") {
        const list = await listNodes(client, options, signal);
        at = list.resourceVersion;
        yield { type: "reset", list };
      }
      for await (const line of stream(client, at, signal, options)) {
        if (line.type === "ERROR") throw errorOf(line.object);
        backoff.reset();
        at = versionOf(line.object) || at;
        const event = eventOf(line);
        if (event !== null) yield event;
      }
      // An orderly end, after minutes. One that comes at once is no reason to
      // ask in a loop.
      if (performance.now() - opened < 1_000) await backoff.wait(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isGone(error)) {
        at = "";
        if (performance.now() - opened < 1_000) await backoff.wait(signal);
        continue;
      }
      const failure = error instanceof Error ? error : new Error(String(error));
      const asked = error instanceof KubernetesError ? error.retryAfterMs : 0;
      const waitMs = Math.max(backoff.next(), asked);
      options.onRetry?.(failure, waitMs);
      await pause(waitMs, signal);
    }
  }
}

/** Lines of one connection, ended when it falls silent. */
async function* stream(
  client: KubernetesClient,
  resourceVersion: string,
  signal: AbortSignal,
  options: WatchNodesOptions,
): AsyncGenerator<Line, void, void> {
  const stop = new AbortController();
  const dog = new Watchdog({
    pingMs: options.pingMs ?? PING_MS,
    silenceMs: options.silenceMs ?? SILENCE_MS,
    ping: options.ping,
    onDead: (error) => stop.abort(error),
  });
  // Not all agents' streams are to end in one moment.
  const seconds = Math.round(STREAM_S * (1 + Math.random()));
  try {
    const lines = client.lines(
      {
        verb: "watch",
        resource: "nodes",
        query: {
          ...selectorOf(options),
          resourceVersion,
          allowWatchBookmarks: "true",
          timeoutSeconds: String(seconds),
        },
      },
      AbortSignal.any([signal, stop.signal]),
      () => {
        dog.feed();
        options.onOpen?.();
      },
    );
    for await (const text of lines) {
      dog.feed();
      yield parseLine(text);
    }
  } finally {
    dog.stop();
    stop.abort();
  }
}

function parseLine(text: string): Line {
  try {
    const line: unknown = JSON.parse(text);
    if (
      typeof line === "object" && line !== null && "type" in line &&
      typeof line.type === "string" && "object" in line
    ) return { type: line.type, object: line.object };
  } catch {
    // Cut off in the middle: the connection was.
  }
  throw new KubernetesError(
    "closed",
    "The watch ended in the middle of a line",
  );
}

function versionOf(object: unknown): string {
  const { metadata } = (object ?? {}) as {
    readonly metadata?: { readonly resourceVersion?: unknown };
  };
  const version = metadata?.resourceVersion;
  return typeof version === "string" ? version : "";
}

function eventOf({ type, object }: Line): NodeEvent | null {
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { type: "put", node: parseNode(object) };
    case "DELETED":
      return { type: "remove", name: parseNode(object).name };
    // A BOOKMARK brings a version to go on from, and nothing else.
    default:
      return null;
  }
}

function errorOf(object: unknown): KubernetesError {
  const { code, message } = (object ?? {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
  };
  const said = typeof message === "string" ? message : "no reason given";
  // What a server cannot go on with is to be listed anew, whatever its code.
  return new KubernetesError("gone", `Watch ended by the server: ${said}`, {
    ...typeof code === "number" ? { status: code } : {},
  });
}

function isGone(error: unknown): boolean {
  return error instanceof KubernetesError && error.kind === "gone";
}
