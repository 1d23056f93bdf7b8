import assert from "node:assert/strict";
import { defineCheck, type Finding } from "../checks/check.ts";
import { runChecks } from "../checks/engine.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import type { Report, TextStyle } from "./report.ts";
import { renderJson } from "./json.ts";
import { renderJunit } from "./junit.ts";
import { renderSarif } from "./sarif.ts";
import { renderShort } from "./short.ts";
import { renderText } from "./text.ts";

const FINDING: Finding = {
  subject: "-A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE",
  arguments: { address: "192.168.1.10", peers: ["a", "b"] },
  evidence: [{ label: "rule", text: "-A POSTROUTING -j MASQUERADE" }],
  commands: ["iptables -t nat -D POSTROUTING 1"],
};

const SKELETON = {
  severity: "error",
  needs: [],
  sources: ["https://example.org/why"],
  judge: () => [],
} as const;

function texts(message: string) {
  const text = {
    title: "Title & more",
    messages: { default: message },
    meaning: "m",
    symptoms: "s",
    repair: "r",
    skips: { none: "no Docker here" },
  };
  return {
    en: text,
    zh: { ...text, messages: { default: "容器以 {address} 出现，{peers}" } },
  };
}

const CHECKS = [
  defineCheck({
    ...SKELETON,
    code: "FD101",
    name: "config-missing",
    text: texts(""),
  }),
  defineCheck({
    ...SKELETON,
    code: "FD309",
    name: "docker-options-unapplied",
    applies: () => "none",
    text: texts(""),
  }),
  defineCheck({
    ...SKELETON,
    code: "FD401",
    name: "route-missing",
    needs: ["routes"],
    text: texts(""),
  }),
  defineCheck({
    ...SKELETON,
    code: "FD601",
    name: "masquerade-overlay",
    fix: "snat",
    judge: () => [FINDING],
    text: texts("Containers appear as {address} to {peers}."),
  }),
];

function report(): Report {
  const facts = healthyFacts({
    routes: { unknown: "Cannot dump routes: not permitted" },
  });
  const results = runChecks(CHECKS, facts, { now: () => 0 });
  return { version: "9.9.9", facts, results, elapsedMs: 412 };
}

const STYLE: TextStyle = {
  language: "en",
  color: false,
  verbose: false,
  columns: 72,
};

Deno.test("renderText() shows the finding, the unknown and honest counts", () => {
  const lines = renderText([report()], STYLE).split("\n");
  assert.match(
    lines[0] ?? "",
    /host-gw · 172\.7\.21\.0\/24 of 172\.7\.0\.0\/16 · etcd v2/,
  );
  assert.deepEqual(lines.slice(1), [
    "",
    "  ✓ network config         1          ? routes                 1 of 1",
    "  – subnet.env, bridge    skipped     ✗ NAT and filter         1 of 1",
    "",
    "✗ FD601 masquerade-overlay",
    "  Containers appear as 192.168.1.10 to a, b.",
    "    rule       -A POSTROUTING -j MASQUERADE",
    "    repair     flandoc fix --snat   (by hand: flandoc explain FD601)",
    "",
    "? could not be judged",
    "  Cannot dump routes: not permitted",
    "    FD401",
    "",
    "1 ok · 1 error · 1 unknown · 1 skipped · 0.41 s",
    "",
  ]);
});

Deno.test("renderText() has one area a line on a narrow terminal", () => {
  const lines = renderText([report()], { ...STYLE, columns: 60 }).split("\n");
  assert.deepEqual(lines.slice(2, 6), [
    "  ✓ network config         1",
    "  – subnet.env, bridge    skipped",
    "  ? routes                 1 of 1",
    "  ✗ NAT and filter         1 of 1",
  ]);
});

/** The same with two more findings of FD601 that its fix leaves alone. */
function left(): Report {
  const base = report();
  const alone = { ...FINDING, evidence: [], fix: null };
  const results = base.results.map((result) => ({
    ...result,
    findings: result.findings.flatMap((finding) => [
      { ...alone, commands: ["nft delete rule ip a b handle 1"] },
      finding,
    ]),
  }));
  return { ...base, results };
}

Deno.test("renderText() says by hand what flandoc fix leaves", () => {
  const mixed = renderText([left()], STYLE).split("\n");
  assert.deepEqual(mixed.slice(6, 11), [
    "  Containers appear as 192.168.1.10 to a, b.",
    "    repair     nft delete rule ip a b handle 1",
    "  Containers appear as 192.168.1.10 to a, b.",
    "    rule       -A POSTROUTING -j MASQUERADE",
    "    repair     flandoc fix --snat   (by hand: flandoc explain FD601)",
  ]);
  const only = left();
  const results = only.results.map((result) => ({
    ...result,
    findings: result.findings.filter(({ fix }) => fix === null),
  }));
  const text = renderText([{ ...only, results }], STYLE);
  assert.doesNotMatch(text, /flandoc fix/);
  const [none, some] = JSON.parse(renderJson([left()])).checks[3].findings;
  assert.deepEqual([none.fix, some.fix], [null, "snat"]);
});

/** A report of FD201, which fails twice, and of what waits for it. */
function storeDown(): Report {
  const twice = defineCheck({
    ...SKELETON,
    code: "FD201",
    name: "store-unreachable",
    judge: () => [
      { ...FINDING, evidence: [{ label: "certificate", text: "/ca.pem" }] },
      { ...FINDING, evidence: [] },
      { ...FINDING, evidence: [], commands: ["curl /health"] },
    ],
    text: texts("No answer."),
  });
  const moot = (code: `FD${number}`) =>
    defineCheck({
      ...SKELETON,
      code,
      name: "later",
      after: ["FD201"],
      text: texts(""),
    });
  const facts = healthyFacts({
    config: { unknown: "etcd does not answer" },
    node: { unknown: "etcd does not answer" },
  });
  const checks = [twice, moot("FD401"), moot("FD402")];
  const results = runChecks(checks, facts, { now: () => 0 });
  return { version: "9.9.9", facts, results, elapsedMs: 412 };
}

Deno.test("renderText() names a network by subnet.env, and what waits", () => {
  const lines = renderText([storeDown()], STYLE).split("\n");
  assert.match(lines[0] ?? "", /· 172\.7\.21\.0\/24 of 172\.7\.0\.0\/16 ·/);
  assert.deepEqual(lines.slice(4), [
    "✗ FD201 store-unreachable",
    "  No answer.",
    "    certificate /ca.pem",
    "  No answer.",
    "    repair     iptables -t nat -D POSTROUTING 1",
    "  No answer.",
    "    look       curl /health",
    "",
    "– 2 checks can be judged only once FD201 is repaired",
    "",
    "0 ok · 1 error · 2 skipped · 0.41 s",
    "",
  ]);
  const zh = renderText([storeDown()], { ...STYLE, language: "zh" });
  assert.match(zh, /另有 2 项检查要等 FD201 修复后才能判断/);
});

Deno.test("renderText() speaks Chinese, evidence unchanged", () => {
  const text = renderText([report()], { ...STYLE, language: "zh" });
  assert.match(text, /容器以 192\.168\.1\.10 出现，a, b/);
  assert.match(text, /规则 {7}-A POSTROUTING -j MASQUERADE/);
});

Deno.test("renderText() lists every verdict and setting with -v", () => {
  const text = renderText([report()], { ...STYLE, verbose: true });
  assert.match(
    text,
    /– FD309 {2}docker-options-unapplied {2}\(no Docker here\)/,
  );
  assert.match(text, /--etcd-endpoints .*\(.+\)/);
});

Deno.test("renderText() paints only when colour is on", () => {
  // deno-lint-ignore no-control-regex
  const ansi = /\u001b\[/;
  assert.doesNotMatch(renderText([report()], STYLE), ansi);
  assert.match(renderText([report()], { ...STYLE, color: true }), ansi);
});

Deno.test("renderShort() gives a line a finding", () => {
  const lines = renderShort([report()], STYLE).trimEnd().split("\n");
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", / FD401 route-missing unknown: Cannot dump/);
  assert.match(lines[1] ?? "", / FD601 masquerade-overlay error: Containers/);
});

Deno.test("renderJson() is flandoc.report/v1", () => {
  const document = JSON.parse(renderJson([report()]));
  assert.equal(document.schema, "flandoc.report/v1");
  assert.deepEqual(document.summary, {
    ok: 1,
    failed: 1,
    unknown: 1,
    skipped: 1,
    crashed: 0,
    errors: 1,
    warnings: 0,
  });
  const failed = document.checks[3];
  assert.equal(failed.reason, null);
  assert.equal(
    failed.findings[0].message,
    "Containers appear as 192.168.1.10 to a, b.",
  );
  assert.equal(failed.findings[0].fix, "snat");
  assert.equal(JSON.parse(renderJson([report(), report()])).reports.length, 2);
});

Deno.test("renderJunit() escapes and counts", () => {
  const xml = renderJunit([report()]);
  assert.match(xml, /tests="4" failures="1" errors="1" skipped="1"/);
  assert.match(xml, /<failure message="Containers appear/);
});

Deno.test("renderJunit() puts failures before warnings", () => {
  const base = report();
  const results = base.results.map((result) => ({
    ...result,
    findings: result.findings.flatMap((finding) => [
      { ...finding, severity: "warning" as const },
      finding,
    ]),
  }));
  const xml = renderJunit([{ ...base, results }]);
  const [failure, warning] = ["<failure", "<system-out"].map((tag) =>
    xml.indexOf(tag)
  );
  assert.ok(failure! > 0 && failure! < warning!, xml);
});

Deno.test("renderSarif() is one run a host", () => {
  const log = JSON.parse(renderSarif([report()]));
  assert.equal(log.version, "2.1.0");
  assert.equal(log.runs[0].results[0].ruleId, "FD601");
  assert.equal(log.runs[0].tool.driver.rules.length, 4);
});
