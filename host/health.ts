/**
 * The agent's health endpoint.
 *
 * @module
 */
import { type Fact, known } from "../snapshot/fact.ts";
import type { HealthFacts } from "../snapshot/facts.ts";

/** Longest body kept, characters. */
const BODY = 200;

/** URL of the endpoint; an address that means all is asked at loopback. */
export function healthUrl(ip: string, port: number): string {
  const host = ip === "" || ip === "0.0.0.0"
    ? "127.0.0.1"
    : ip === "::"
    ? "[::1]"
    : ip.includes(":")
    ? `[${ip}]`
    : ip;
  return `http://${host}:${port}/healthz`;
}

/**
 * Asks `/healthz` (flannel v0.28.9 main.go). No answer is known too: status
 * null, with the error. Null when the agent serves no port.
 *
 * @param timeoutMs deadline of the whole request
 */
export async function readHealth(
  ip: string,
  port: number,
  timeoutMs = 2000,
): Promise<Fact<HealthFacts | null>> {
  if (port === 0) return known(null);
  const answer = await readAgentPage(ip, port, "healthz", timeoutMs);
  return known({ ...answer, body: answer.body?.slice(0, BODY) ?? null });
}

/**
 * One page of the agent's server: `healthz`, `readyz`, `metrics`. No answer is
 * status null, with the error.
 *
 * @param timeoutMs deadline of the whole request
 */
export async function readAgentPage(
  ip: string,
  port: number,
  page: string,
  timeoutMs = 2000,
): Promise<HealthFacts> {
  const url = healthUrl(ip, port).replace(/healthz$/, page);
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: "manual",
    });
    const body = await response.text();
    return { url, status: response.status, body, error: null };
  } catch (error) {
    return { url, status: null, body: null, error: reason(error) };
  }
}

/** Says why in few words; runtimes put the cause at different depths. */
function reason(error: unknown): string {
  const chain: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === "TimeoutError") return "no answer in time";
    chain.push(at.message);
  }
  const text = chain.join(": ");
  return /refused/i.test(text) ? "connection refused" : text || String(error);
}
