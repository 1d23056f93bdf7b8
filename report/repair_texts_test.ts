import { equal } from "node:assert/strict";
import type { Action, Plan } from "../fixes/action.ts";
import type { UndoPlan } from "../fixes/undo.ts";
import { renderPlan } from "./plan.ts";
import { renderRepairEnd } from "./repair_end.ts";
import type { TextStyle } from "./report.ts";
import { renderUndoEnd, renderUndoPlan } from "./undo.ts";

function style(language: "en" | "zh"): TextStyle {
  return { language, color: false, verbose: false, columns: 80 };
}

const SNAT: Action = {
  fix: "snat",
  code: "FD601",
  risk: "safe",
  change: { kind: "run", argv: [], undo: null },
  commands: ["iptables -t nat -I A", "iptables -t nat -D B"],
  undoCommands: ["iptables -t nat -I B", "iptables -t nat -D A"],
};

const DROP_IN: Action = {
  ...SNAT,
  fix: "persist",
  code: "FD610",
  risk: "overrides",
  survives: ["docker", "reboot"],
  commands: ["cat > drop-in"],
  undoCommands: ["rm drop-in"],
};

const PLAN: Plan = {
  actions: [SNAT],
  refusals: ["FD401", "FD402"].map((code) => ({
    fix: "routes",
    code: code as "FD401",
    subject: code,
    reason: "moot",
    arguments: { code, detail: "FD201" },
  })),
  withheld: [DROP_IN],
};

const ENTRY: UndoPlan = {
  entry: {
    schema: "flandoc.journal/v1",
    id: "20261122-060000-1f3a",
    time: "2026-11-22T06:00:00.000Z",
    hostname: "node-1",
    netns: "1",
    boot: 1000,
    version: "0.1.0",
    state: "applied",
    done: 2,
    actions: [SNAT, DROP_IN],
  },
  steps: [DROP_IN, SNAT],
  conflicts: [],
};

Deno.test("renderPlan() shows commands, what is left and why, what wants a name", () => {
  equal(
    renderPlan(PLAN, style("en")),
    `Would change
  FD601 --snat
    iptables -t nat -I A
    iptables -t nat -D B
Left as it is
  FD401 FD402: judged once FD201 is repaired
  only when named: FD610 --persist, overrides another program, survives Docker's restart, survives a reboot
`,
  );
  equal(
    renderPlan(PLAN, style("zh")),
    `将要修改
  FD601 --snat
    iptables -t nat -I A
    iptables -t nat -D B
保持原样
  FD401 FD402：修复 FD201 之后才能判断
  需要指明才会执行：FD610 --persist，会覆盖其他程序的设置，Docker 重启后仍有效，主机重启后仍有效
`,
  );
});

Deno.test("renderPlan() counts what nobody would read", () => {
  const actions = Array.from({ length: 50 }, () => SNAT);
  const lines = renderPlan({ actions, refusals: [] }, style("en")).split("\n");
  equal(lines.length, 44);
  equal(lines[42], "    … +60");
});

Deno.test("renderRepairEnd() says what holds, what is left and how to go back", () => {
  const end = {
    kind: "applied",
    plan: PLAN,
    entry: ENTRY.entry,
    repaired: ["FD601", "FD610"],
    left: ["FD602"],
    pruned: ["20260101-000000-0001"],
  } as const;
  equal(
    renderRepairEnd(end, style("en")),
    `Applied and checked, steps: 2. Journal entry 20261122-060000-1f3a.
Repaired: FD601, FD610.
Connections that are open already keep the old source address until they end.
The repair survives Docker's restart, survives a reboot.
Still wrong: FD602. See flandoc check.
The journal is full: 20260101-000000-0001 cannot be taken back by flandoc any more.
To take it back: flandoc undo 20261122-060000-1f3a
`,
  );
});

Deno.test("renderRepairEnd() gives the commands for what could not be taken back", () => {
  const end = {
    kind: "failed",
    plan: PLAN,
    entry: ENTRY.entry,
    failure: { action: DROP_IN, error: "No space left on device" },
    worse: [],
    stuck: [{ action: SNAT, error: "the table is gone" }],
  } as const;
  equal(
    renderRepairEnd(end, style("en")),
    `Cannot repair: No space left on device
Could not be taken back: the table is gone. By hand:
    iptables -t nat -I B
    iptables -t nat -D A
`,
  );
});

Deno.test("renderUndoPlan() shows the last step first, or that nothing is in force", () => {
  equal(
    renderUndoPlan(ENTRY, style("en")),
    `Would take back 20261122-060000-1f3a of 2026-11-22T06:00:00.000Z
    rm drop-in
    iptables -t nat -I B
    iptables -t nat -D A
`,
  );
  equal(
    renderUndoPlan({ ...ENTRY, steps: [] }, style("zh")),
    "2026-11-22T06:00:00.000Z 的修复 20261122-060000-1f3a 已全部失效，只需在日志中标记为已撤回。\n",
  );
});

Deno.test("renderUndoEnd() says what was changed meanwhile and what to type", () => {
  const plan = {
    ...ENTRY,
    conflicts: [{ action: SNAT, commands: ["iptables -t nat -D A"] }],
  };
  equal(
    renderUndoEnd({ kind: "conflict", plan }, style("en")),
    `Cannot undo 20261122-060000-1f3a, nothing was changed: somebody else has changed what it changed.
  the repair did: iptables -t nat -I A
  the repair did: iptables -t nat -D B
  to come back to the earlier state from what is there now:
    iptables -t nat -D A
`,
  );
});
