import assert from "node:assert/strict";
import type { Check } from "./check.ts";
import { CATALOGUE, findCheck, RETIRED_CODES } from "./mod.ts";

/** Codes the first release promises, by the ranges of the design's catalogue. */
const PROMISED = [
  ...range(101, 109),
  ...range(201, 209),
  ...range(212, 214),
  ...range(301, 309),
  ...range(401, 408),
  ...range(501, 504),
  ...range(601, 606),
  610,
  701,
  702,
  ...range(801, 804),
].map((number) => `FD${number}`);

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

Deno.test("CATALOGUE holds every promised code", () => {
  const codes = new Set<string>(CATALOGUE.map((check) => check.code));
  assert.deepEqual(PROMISED.filter((code) => !codes.has(code)), []);
});

Deno.test("CATALOGUE has each code and name once, in order, none retired", () => {
  const codes = CATALOGUE.map((check) => check.code);
  assert.deepEqual(codes, [...codes].sort((a, b) => number(a) - number(b)));
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(new Set(CATALOGUE.map((c) => c.name)).size, codes.length);
  assert.deepEqual(codes.filter((code) => RETIRED_CODES.includes(code)), []);
});

function number(code: string): number {
  return Number(code.slice(2));
}

Deno.test("CATALOGUE's after names known checks and has no cycle", () => {
  for (const check of CATALOGUE) visit(check, []);
});

function visit(check: Check, path: readonly string[]): void {
  assert(
    !path.includes(check.code),
    `cycle: ${[...path, check.code].join(" ")}`,
  );
  for (const code of check.after ?? []) {
    const earlier = findCheck(code);
    assert(
      earlier,
      `${check.code} is after ${code}, which is not in the catalogue`,
    );
    visit(earlier, [...path, check.code]);
  }
}

/** Repairs that flandoc fix has; a check must not promise another. */
const FIXES = ["snat", "routes", "forward", "sysctl", "persist"];

Deno.test("CATALOGUE promises no repair that flandoc fix does not have", () => {
  const promised = CATALOGUE.flatMap(({ code, fix }) =>
    fix ? [`${code} ${fix}`] : []
  );
  assert.deepEqual(
    promised.filter((line) => !FIXES.includes(line.split(" ")[1] ?? "")),
    [],
  );
});

/** Placeholders of a template, sorted. */
function placeholders(template: string): string[] {
  return [
    ...new Set(
      [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ""),
    ),
  ]
    .sort();
}

Deno.test("CATALOGUE's texts are complete in both languages", async (t) => {
  for (const check of CATALOGUE) {
    await t.step(check.code, () => {
      const { en, zh } = check.text;
      assert.deepEqual(
        Object.keys(zh.messages).sort(),
        Object.keys(en.messages).sort(),
      );
      assert.deepEqual(
        Object.keys(zh.skips ?? {}).sort(),
        Object.keys(en.skips ?? {}).sort(),
      );
      for (const [variant, template] of Object.entries(en.messages)) {
        assert.deepEqual(
          placeholders(zh.messages[variant] ?? ""),
          placeholders(template),
          `message "${variant}"`,
        );
      }
      for (const text of [en, zh]) {
        for (
          const part of ["title", "meaning", "symptoms", "repair"] as const
        ) {
          assert(text[part].trim().length > 3, `${part} is empty`);
        }
      }
      assert.match(zh.title + zh.meaning + zh.symptoms, /[\u4e00-\u9fff]/);
      assert.doesNotMatch(en.title + en.meaning + en.repair, /[\u4e00-\u9fff]/);
      assert(check.sources.length > 0, "no source");
      assert.match(check.name, /^[a-z0-9]+(-[a-z0-9]+)+$/);
    });
  }
});

Deno.test("findCheck() takes code, number and name", () => {
  for (const query of ["FD601", "fd601", "601", "masquerade-overlay"]) {
    assert.equal(findCheck(query)?.code, "FD601");
  }
  assert.equal(findCheck("FD999"), undefined);
});
