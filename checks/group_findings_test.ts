import { deepStrictEqual } from "node:assert/strict";
import type { Finding } from "./check.ts";
import { FINDING_LIMIT, groupFindings } from "./group_findings.ts";

function finding(subject: string): Finding {
  return { subject, arguments: {}, evidence: [], commands: [] };
}

function subjects(count: number): string[] {
  const things = Array.from({ length: count }, (_, i) => i);
  return groupFindings(
    things,
    (thing) => finding(`one ${thing}`),
    (all) => finding(`all ${all.length}`),
  ).map((f) => f.subject);
}

Deno.test("groupFindings() gives one finding a thing up to the limit", () => {
  deepStrictEqual(subjects(0), []);
  deepStrictEqual(subjects(2), ["one 0", "one 1"]);
  deepStrictEqual(subjects(FINDING_LIMIT).length, FINDING_LIMIT);
});

Deno.test("groupFindings() gives one finding for more", () => {
  deepStrictEqual(subjects(FINDING_LIMIT + 1), [`all ${FINDING_LIMIT + 1}`]);
});
