import assert from "node:assert/strict";
import { TTL_NOT_ASKED } from "../flannel/lease.ts";
import type { Facts, HealthFacts } from "../snapshot/facts.ts";
import {
  withConfig,
  withLeases,
  withoutAgent,
} from "../tests/fixtures/changes.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { without } from "../tests/support/judged.ts";
import { agentStatus, renderStatus } from "./status.ts";

const STYLE = {
  language: "en",
  color: false,
  verbose: false,
  columns: 80,
} as const;

function page(status: number, body: string): HealthFacts {
  return { url: "http://127.0.0.1:2401/readyz", status, body, error: null };
}

/** What a status says behind one label. */
function said(
  label: string,
  facts: Facts,
  ready: HealthFacts | null = null,
  metrics: string | null = null,
): string[] {
  const text = renderStatus(agentStatus(facts, ready, metrics), facts, STYLE);
  const lines = text.trimEnd().split("\n").slice(2);
  const at = lines.findIndex((line) => line.startsWith(`  ${label} `));
  const more = lines.slice(at + 1).findIndex((line) => !/^ {14}/.test(line));
  const end = more < 0 ? lines.length : at + 1 + more;
  return at < 0 ? [] : lines.slice(at, end).map((line) => line.slice(14));
}

function ownTtl(ttl: number | null): Facts {
  return withLeases(([own, ...rest]) => [{ ...own!, ttl }, ...rest]);
}

Deno.test("renderStatus() says what is left of the lease, where it is known", () => {
  const cases = [
    [ownTtl(5400), "172.7.21.0/24, 1 h 30 min left"],
    [ownTtl(null), "172.7.21.0/24, reserved: it does not end"],
    [ownTtl(TTL_NOT_ASKED), "172.7.21.0/24"],
    [withLeases(([, ...rest]) => rest), "none"],
  ] as const;
  for (const [facts, text] of cases) {
    assert.deepEqual(said("lease", facts), [text]);
  }
});

Deno.test("renderStatus() counts peers, with one route for all of them too", () => {
  assert.deepEqual(said("peers", healthyFacts()), ["2"]);
  const udp = withConfig('{"Network":"172.7.0.0/16","Backend":{"Type":"udp"}}');
  assert.deepEqual(said("routes", udp), ["1 wanted, 0 present"]);
  assert.deepEqual(said("peers", udp), ["2"]);
});

Deno.test("renderStatus() counts routes wanted and present", () => {
  assert.deepEqual(said("routes", healthyFacts()), ["2 wanted, 2 present"]);
  assert.deepEqual(said("routes", without(healthyFacts(), "routes")), [
    "unknown: not looked at",
  ]);
});

Deno.test("agentStatus() is ready only where the agent says so", () => {
  const facts = healthyFacts();
  const problems = "not ready\nno answer from etcd";
  assert.equal(agentStatus(facts, page(200, "ok"), null).ready, true);
  assert.equal(agentStatus(facts, null, null).ready, null);
  assert.equal(agentStatus(facts, page(404, ""), null).ready, null);
  assert.equal(
    agentStatus(withoutAgent(), page(200, "ok"), null).ready,
    false,
  );
  assert.deepEqual(said("ready", facts, page(503, problems)), [
    "no",
    "no answer from etcd",
  ]);
  assert.deepEqual(said("agent", withoutAgent()), ["none runs here"]);
});

Deno.test("renderStatus() adds up the repairs of the agent's metrics", () => {
  const metrics =
    'flandoc_repairs_total{kind="route"} 3\nflandoc_repairs_total{kind="rule"} 2\n';
  const [line] = said("repairs", healthyFacts(), null, metrics);
  assert.match(line ?? "", /^5 /);
  assert.deepEqual(said("repairs", healthyFacts()), []);
});
