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
 * @throws {Deno.errors.AddrInUse} when the port is taken
 */
export function serveHealth(
  hostname: string,
  port: number,
  state: HealthState,
): HealthServer {
  const server = Deno.serve({
    hostname: hostname === "" ? "0.0.0.0" : hostname,
    port,
    onListen() {},
  }, (request) => healthResponse(request, state));
  return {
    port: server.addr.port,
    close: () => server.shutdown(),
  };
}
