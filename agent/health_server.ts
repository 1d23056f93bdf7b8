/**
 * The agent's HTTP server: `/healthz`, `/readyz`, `/metrics`.
 *
 * @module
 */
import type { Metrics } from "./metrics.ts";

/** What the server tells. */
export interface HealthState {
  /** Why the agent is not ready; empty when it is. */
  readonly problems: () => readonly string[];
  readonly metrics: Metrics;
  /** Called before metrics are printed. */
  readonly refresh: () => void;
}

/** Most reasons that an answer names. */
const SHOWN = 20;

/** Answers one request. */
export function healthResponse(request: Request, state: HealthState): Response {
  const { pathname } = new URL(request.url);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("method not allowed\n", { status: 405 });
  }
  switch (pathname) {
    case "/healthz":
      // As flanneld: it says that the agent runs, and no more.
      return new Response("flandoc is running\n");
    case "/readyz": {
      const problems = state.problems();
      if (problems.length === 0) return new Response("flandoc is ready\n");
      const more = problems.length > SHOWN
        ? [`and ${problems.length - SHOWN} more`]
        : [];
      const lines = [
        "flandoc is not ready yet",
        ...problems.slice(0, SHOWN),
        ...more,
      ];
      return new Response(`${lines.join("\n")}\n`, { status: 503 });
    }
    case "/metrics":
      state.refresh();
      return new Response(state.metrics.text(), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
    default:
      return new Response("not found\n", { status: 404 });
  }
}

/** A server that runs. */
export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves health requests.
 *
 * @throws {Error} when the address cannot be had
 */
export function serveHealth(
  hostname: string,
  port: number,
  state: HealthState,
): HealthServer {
  const where = hostname === "" ? "0.0.0.0" : hostname;
  const stop = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname: where,
      port,
      signal: stop.signal,
      onListen() {},
    }, (request) => healthResponse(request, state));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot serve health on ${where} port ${port}: ${reason}`);
  }
  return {
    port: server.addr.port,
    async close() {
      // Answers are short and made at once. An orderly shutdown waits for
      // clients that are slow, with Deno 2.7 for ever, and cannot be aborted.
      stop.abort();
      await server.finished;
    },
  };
}
