import assert from "node:assert/strict";
import { known, unknown } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import type { Check, Finding } from "./check.ts";
import { defineCheck } from "./check.ts";
import { type CheckResult, runChecks } from "./engine.ts";
import { exitStatus, summarize } from "./summary.ts";

const TEXT = {
  title: "",
  messages: { default: "" },
  meaning: "",
  symptoms: "",
  repair: "",
};
const FINDING: Finding = {
  subject: "it",
  arguments: {},
  evidence: [],
  commands: [],
};

function check(code: `FD${number}`, parts: Partial<Check> = {}): Check {
  return defineCheck({
    code,
    name: `check-${code.toLowerCase()}`,
    severity: "error",
    needs: [],
    judge: () => [],
    text: { en: TEXT, zh: TEXT },
    sources: [],
    ...parts,
  });
}

function run(checks: Check[], facts: Partial<Facts> = {}): CheckResult[] {
  return runChecks(checks, facts as Facts, { now: () => 0 });
}

function verdicts(results: CheckResult[]): string[] {
  return results.map(({ verdict, reason }) =>
    reason?.kind === "moot" ? `${verdict} ${reason.after}` : verdict
  );
}

Deno.test("runChecks() says ok only for what was judged", () => {
  assert.deepEqual(verdicts(run([check("FD101")])), ["ok"]);
});

Deno.test("runChecks() reports a root cause once, through a chain", () => {
  const results = run([
    check("FD101", { after: ["FD201"] }),
    check("FD201", { judge: () => [FINDING] }),
    check("FD401", { after: ["FD101"] }),
    check("FD402", { after: ["FD401"] }),
  ]);
  assert.deepEqual(verdicts(results), [
    "skipped FD201",
    "failed",
    "skipped FD201",
    "skipped FD201",
  ]);
});

Deno.test("runChecks() judges what does not follow from the cause", () => {
  const cause = check("FD201", { judge: () => [FINDING] });
  const between = check("FD303", { after: ["FD201"] });
  const causes: string[] = [];
  const apart = check("FD305", {
    after: ["FD303"],
    judge: () => [FINDING],
    follows: (_facts, code) => {
      causes.push(code);
      return false;
    },
  });
  const bound = check("FD306", { after: ["FD303"], follows: () => true });
  assert.deepEqual(verdicts(run([cause, between, apart, bound])), [
    "failed",
    "skipped FD201",
    "failed",
    "skipped FD201",
  ]);
  assert.deepEqual(causes, ["FD201"]);
});

Deno.test("runChecks() goes on after a check that only informs", () => {
  const info: Finding = { ...FINDING, severity: "info" };
  const results = run([
    check("FD201", { judge: () => [info] }),
    check("FD401", { after: ["FD201"] }),
  ]);
  assert.deepEqual(verdicts(results), ["failed", "ok"]);
});

Deno.test("runChecks() blames for an unknown fact whoever leaves it so", async (t) => {
  const run803 = (finding: Partial<Finding>, node: Facts["node"]) =>
    verdicts(run([
      check("FD204", { needs: ["node"] }),
      check("FD301", { needs: ["links"], after: ["FD204"] }),
      check("FD501", { needs: ["sysctls"] }),
      check("FD803", {
        leaves: ["node"],
        judge: () => [{ ...FINDING, ...finding }],
      }),
    ], { node, links: known([]), sysctls: unknown("not looked at") }));
  const lost = unknown<never>("no external interface");
  await t.step("and judges what needs it not", () => {
    assert.deepEqual(run803({}, lost), [
      "skipped FD803",
      "ok",
      "unknown",
      "failed",
    ]);
  });
  await t.step("unless nothing follows from it", () => {
    assert.deepEqual(run803({ alone: true }, lost), [
      "unknown",
      "ok",
      "unknown",
      "failed",
    ]);
  });
  await t.step("unless the fact is known", () => {
    const { node } = healthyFacts();
    assert.deepEqual(run803({}, node), ["ok", "ok", "unknown", "failed"]);
  });
});

Deno.test("runChecks() names the reasons of unknown facts once each", () => {
  const results = run(
    [check("FD401", { needs: ["routes", "rules", "links"] })],
    {
      routes: unknown("Cannot dump: not permitted"),
      rules: unknown("Cannot dump: not permitted"),
      links: known([]),
    },
  );
  assert.equal(results[0]?.verdict, "unknown");
  assert.deepEqual(results[0]?.reason, {
    kind: "unknown",
    reasons: ["Cannot dump: not permitted"],
  });
});

Deno.test("runChecks() is unknown where a check finds nothing and is unsure", () => {
  const unsure = () => ["a rule", "a rule", "another"];
  const [clean, unclear, found] = run([
    check("FD101", { unsure: () => [] }),
    check("FD102", { unsure }),
    check("FD103", { unsure, judge: () => [FINDING] }),
  ]);
  assert.equal(clean!.verdict, "ok");
  assert.equal(unclear!.verdict, "unknown");
  assert.deepEqual(unclear!.reason, {
    kind: "unknown",
    reasons: ["a rule", "another"],
  });
  assert.equal(found!.verdict, "failed");
});

Deno.test("runChecks() skips what cannot apply before it asks for facts", () => {
  const results = run(
    [check("FD309", { needs: ["docker"], applies: () => "no-docker" })],
    { docker: unknown("no answer") },
  );
  assert.deepEqual(results[0]?.reason, {
    kind: "inapplicable",
    key: "no-docker",
  });
});

Deno.test("runChecks() gives judge() only the facts it declared", () => {
  let seen: string[] = [];
  run(
    [check("FD401", {
      needs: ["routes"],
      judge: (facts) => (seen = Object.keys(facts), []),
    })],
    { routes: known([]), rules: known([]) },
  );
  assert.deepEqual(seen, ["routes"]);
});

Deno.test("runChecks() survives a check that throws", () => {
  const results = run([
    check("FD101", {
      judge: () => {
        throw new TypeError("Cannot read it");
      },
    }),
    check("FD102"),
  ]);
  assert.deepEqual(verdicts(results), ["crashed", "ok"]);
  assert.equal(exitStatus(summarize(results), false), 3);
});

Deno.test("runChecks() judges no check that is not selected", () => {
  const results = runChecks([check("FD101"), check("FD102")], {} as Facts, {
    now: () => 0,
    selected: ({ code }) => code === "FD102",
  });
  assert.deepEqual(verdicts(results), ["skipped", "ok"]);
});

Deno.test("exitStatus()", async (t) => {
  const none = {
    ok: 0,
    failed: 0,
    unknown: 0,
    skipped: 0,
    crashed: 0,
    errors: 0,
    warnings: 0,
  };
  const cases: [string, Partial<typeof none>, boolean, number][] = [
    ["is 0 when nothing is wrong", { ok: 3 }, true, 0],
    ["is 0 for a warning", { ok: 3, failed: 1, warnings: 1 }, false, 0],
    ["is 1 for a warning with strict", { ok: 3, warnings: 1 }, true, 1],
    ["is 1 for an unknown with strict", { ok: 3, unknown: 1 }, true, 1],
    ["is 0 for an unknown among verdicts", { ok: 3, unknown: 1 }, false, 0],
    ["is 1 for an error", { failed: 1, errors: 1 }, false, 1],
    ["is 3 for a crash, whatever else", { errors: 1, crashed: 1 }, false, 3],
    ["is 3 when nothing could be judged", { unknown: 9, skipped: 1 }, false, 3],
  ];
  for (const [name, counts, strict, status] of cases) {
    await t.step(name, () => {
      assert.equal(exitStatus({ ...none, ...counts }, strict), status);
    });
  }
});
