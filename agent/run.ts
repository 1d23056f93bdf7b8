/**
 * `flandoc run`: the flannel agent.
 *
 * @module
 */
import { takeNetnsLock } from "../host/netns_lock.ts";
import { NetworkChanged } from "./config_change.ts";
import { type HealthServer, serveHealth } from "./health_server.ts";
import { createLogger, type Logger } from "./log.ts";
import { agentMetrics } from "./metrics.ts";
import { notify } from "./notify.ts";
import { openManager } from "./open_manager.ts";
import type { AgentOptions } from "./options.ts";
import { rivalOf } from "./rival.ts";
import { Session, type SessionContext } from "./session.ts";

/** Name of the lock by which a second agent in a network namespace is told. */
export const AGENT_LOCK = "flandoc-agent";

/** Exit status of an agent that could not do its work. */
const FAILED = 1;

/**
 * Runs the agent until SIGTERM, SIGINT or the signal in the options. Routes,
 * devices and the lease stay in place, as flanneld leaves them.
 *
 * @returns exit status: 0 after a stop that was asked for, 1 otherwise
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  const log = createLogger({
    format: options.logFormat,
    level: options.verbosity > 0 ? "debug" : "info",
  });
  for (const variable of options.ignoredVariables ?? []) {
    log.error(`Ignoring ${variable}`);
  }
  if (options.ignoredFlags?.length) {
    const flags = options.ignoredFlags.map((name) => `--${name}`).join(", ");
    log.info(`Passing over ${flags}: the log goes to stderr, -v=1 says more`);
  }
  using lock = takeNetnsLock(AGENT_LOCK, options.netns);
  if (lock === null) {
    log.error("Another flandoc runs as the agent of this host already");
    return FAILED;
  }
  using stop = stopSignals(options, log);
  const metrics = agentMetrics();
  // The store works on its answers while this host is looked at.
  const { signal } = stop;
  const opening = openManager(options, log, metrics, signal);
  opening.catch(() => {});
  try {
    const rival = rivalOf(options);
    if (rival !== null) {
      log.error(rival);
      return FAILED;
    }
    return await serve({ options, log, metrics, opening }, signal);
  } finally {
    // Whatever the end was: etcd may be waited for still.
    stop.abort();
    await opening.then(({ manager }) => manager.close(), () => {});
  }
}

interface Stop extends Disposable {
  readonly signal: AbortSignal;
  abort(): void;
}

/** First signal: an orderly stop; second: at once, as flanneld. */
function stopSignals(options: AgentOptions, log: Logger): Stop {
  const controller = new AbortController();
  const outer = options.signal;
  const onAbort = () => controller.abort();
  outer?.addEventListener("abort", onAbort);
  if (outer?.aborted) controller.abort();
  const numbers = { SIGTERM: 15, SIGINT: 2 } as const;
  const listeners = (["SIGTERM", "SIGINT"] as const).map((name) => {
    const listener = () => {
      if (controller.signal.aborted) Deno.exit(128 + numbers[name]);
      log.info(`Stopping on ${name}; routes and lease stay in place`);
      controller.abort();
    };
    Deno.addSignalListener(name, listener);
    return () => Deno.removeSignalListener(name, listener);
  });
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    [Symbol.dispose]() {
      outer?.removeEventListener("abort", onAbort);
      for (const remove of listeners) remove();
    },
  };
}

/** Health server and session after session. */
async function serve(
  context: SessionContext,
  signal: AbortSignal,
): Promise<number> {
  const { options, log, metrics } = context;
  let session: Session | null = null;
  let health: HealthServer | null = null;
  try {
    const { healthzIP, healthzPort } = options;
    if (healthzPort !== 0) {
      health = serveHealth(healthzIP, healthzPort, {
        metrics,
        problems: () => session?.problems() ?? ["The agent is starting"],
        refresh: () => session?.refreshMetrics(),
      });
    }
    for (let next = context;; next = { options, log, metrics }) {
      session = new Session(next);
      try {
        await session.run(signal);
        return 0;
      } catch (error) {
        if (signal.aborted) return 0;
        if (!(error instanceof NetworkChanged)) throw error;
        log.warning(`${error.message}; starting over with it`);
      }
    }
  } catch (error) {
    log.error(error instanceof Error ? error.message : String(error));
    return FAILED;
  } finally {
    notify(options.notifySocket, "STOPPING=1", log);
    await health?.close();
  }
}
