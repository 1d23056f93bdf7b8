import { deepStrictEqual, equal } from "node:assert/strict";
import { REPAIR_NOT_PERSISTENT } from "../checks/nat/repair_not_persistent.ts";
import { known } from "../snapshot/fact.ts";
import type {
  DockerFacts,
  Facts,
  PersistenceFacts,
} from "../snapshot/facts.ts";
import { withDocker, withProcesses } from "../tests/fixtures/changes.ts";
import { fixtureFile, healthyFacts } from "../tests/fixtures/healthy.ts";
import {
  DOCKER_RULE,
  iptablesTable,
  SCOPED_RULE,
  withMore,
  withNat,
  withRulesets,
} from "../tests/fixtures/netfilter.ts";
import { given, judged } from "../tests/support/judged.ts";
import { planLines, planned, undoLines } from "../tests/support/planned.ts";
import { storedRuleset } from "../tests/support/rulesets.ts";
import { dropInText, isPlain } from "./drop_in.ts";
import type { FileState } from "./fix.ts";
import { scopeSavedRules } from "./saved_rules.ts";

const UNSCOPED = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";
const DIRECTORY = "/etc/systemd/system/docker.service.d";
const DROP_IN = `${DIRECTORY}/50-flandoc-snat.conf`;

/** A host whose repair nothing holds: no drop-in, no saved rules. */
function unheld(
  rule = SCOPED_RULE,
  persistence: Partial<PersistenceFacts> = {},
  docker: Partial<DockerFacts> = {},
): Facts {
  const facts = withNat(healthyFacts(), [rule]);
  const { unitFiles } = given(facts, "docker")!;
  return {
    ...withDocker({ unitFiles: unitFiles.slice(0, 2), ...docker }, facts),
    persistence: known({
      files: [],
      services: [],
      systemd: true,
      ...persistence,
    }),
  };
}

const DROP_IN_LINES = [
  `mkdir -p ${DIRECTORY}`,
  `cat > ${DROP_IN} <<'EOF'`,
  "# Written by flandoc fix --persist; flandoc undo takes it back.",
  "# Docker puts its rule back at every start: scope it again.",
  "[Service]",
  `ExecStartPost=-/bin/sh -c "iptables -w -t nat -C POSTROUTING ${SCOPED} 2>/dev/null || iptables -w -t nat -I POSTROUTING ${SCOPED}"`,
  `ExecStartPost=-/bin/sh -c "while iptables -w -t nat -D POSTROUTING ${UNSCOPED} 2>/dev/null; do :; done"`,
  "EOF",
  "systemctl daemon-reload",
];

Deno.test("PERSIST_FIX writes a drop-in of Docker's unit", async (t) => {
  await t.step("for a repair in force", () => {
    deepStrictEqual(
      planLines(planned(unheld(), ["persist"])),
      DROP_IN_LINES,
    );
  });
  await t.step("for a repair of the same run", () => {
    const plan = planned(unheld(DOCKER_RULE), ["snat", "persist"]);
    deepStrictEqual(planLines(plan).slice(2), DROP_IN_LINES);
  });
  await t.step("not for a repair nobody makes", () => {
    deepStrictEqual(planLines(planned(unheld(DOCKER_RULE), ["persist"])), [
      "FD610: judged once FD601 is repaired",
    ]);
  });
  await t.step("for each backend that has the rule", () => {
    const facts = withMore(unheld(), "iptables-legacy", [
      iptablesTable("nat", [SCOPED_RULE]),
    ]);
    const lines = planLines(planned(facts, ["persist"]));
    deepStrictEqual(
      lines.filter((line) => /-C POSTROUTING/.test(line))
        .map((line) => /"(\S+) -w/.exec(line)?.[1]),
      ["iptables-nft", "iptables-legacy"],
    );
  });
  await t.step("for the unit that dockerd runs in", () => {
    const facts = withProcesses(
      (processes) =>
        processes.map((each) =>
          each.name === "dockerd"
            ? { ...each, unit: "snap.docker.dockerd.service" }
            : each
        ),
      unheld(),
    );
    equal(
      planLines(planned(facts, ["persist"]))[0],
      "mkdir -p /etc/systemd/system/snap.docker.dockerd.service.d",
    );
  });
});

Deno.test("PERSIST_FIX has systemd read its files again after the file, both ways", () => {
  const plan = planned(unheld(), ["persist"]);
  deepStrictEqual(undoLines(plan), [
    `rm ${DROP_IN}`,
    "systemctl daemon-reload",
  ]);
  deepStrictEqual(plan.actions.map(({ survives }) => survives), [
    undefined,
    ["docker", "reboot"],
    undefined,
  ]);
});

Deno.test("PERSIST_FIX does nothing twice, and FD610 is satisfied by its drop-in", () => {
  const facts = unheld();
  equal(judged(REPAIR_NOT_PERSISTENT, facts).verdict, "failed");
  const pair = { tool: "iptables", scoped: SCOPED, unscoped: UNSCOPED };
  const text = dropInText([pair]);
  const { unitFiles } = given(facts, "docker")!;
  const held = withDocker(
    { unitFiles: [...unitFiles, fixtureFile(DROP_IN, text)] },
    facts,
  );
  equal(judged(REPAIR_NOT_PERSISTENT, held).verdict, "ok");
  const files = { [DROP_IN]: { text, mode: 0o644 } };
  deepStrictEqual(planLines(planned(held, ["persist"], { files })), []);
});

Deno.test("PERSIST_FIX names the agent where the host has no means", async (t) => {
  const cases: readonly [string, Facts, RegExp][] = [
    ["no systemd", unheld(SCOPED_RULE, { systemd: false }), /no systemd runs/],
    [
      "dockerd started by hand",
      unheld(SCOPED_RULE, {}, { unitFiles: [] }),
      /not started by a systemd unit/,
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      const [line, ...more] = planLines(planned(facts, ["persist"]));
      equal(wanted.test(line!), true, `${line}`);
      equal(line!.endsWith("flandoc run --snat"), true);
      deepStrictEqual(more, []);
    });
  }
  await t.step("Docker's own nftables table", () => {
    const facts = withRulesets(unheld(), [storedRuleset("docker29")]);
    deepStrictEqual(
      planned(facts, ["snat", "persist"]).refusals.map(({ reason }) => reason),
      ["nativeHolder"],
    );
  });
  await t.step("says nothing of it unless it is named", () => {
    deepStrictEqual(
      planned(unheld(SCOPED_RULE, { systemd: false })).refusals,
      [],
    );
  });
});

const SAVED = "/etc/sysconfig/iptables";

function savedText(rule: string): string {
  return `# Generated\n*nat\n:POSTROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
}

function withSaved(
  rule: string,
  services: readonly string[],
  docker: Partial<DockerFacts> = {},
): { facts: Facts; files: Record<string, FileState> } {
  const text = savedText(rule);
  return {
    facts: unheld(SCOPED_RULE, {
      files: [fixtureFile(SAVED, text)],
      services,
    }, docker),
    files: { [SAVED]: { text, mode: 0o600 } },
  };
}

Deno.test("PERSIST_FIX scopes the rule in saved rules too", async (t) => {
  await t.step("of a service that restores them", () => {
    const { facts, files } = withSaved(DOCKER_RULE, ["iptables.service"]);
    const plan = planned(facts, ["persist"], { files });
    deepStrictEqual(
      planLines(plan).slice(DROP_IN_LINES.length),
      [
        `cat > ${SAVED} <<'EOF'`,
        ...savedText(SCOPED_RULE).trimEnd().split("\n"),
        "EOF",
      ],
    );
    const last = plan.actions.at(-1);
    // Docker starts after they are restored: alone they hold nothing.
    deepStrictEqual(last?.survives, []);
    const change = last?.change;
    equal(change?.kind === "file" && change.after?.mode, 0o600);
    deepStrictEqual(undoLines(plan).slice(0, 3), [
      `cat > ${SAVED} <<'EOF'`,
      "# Generated",
      "*nat",
    ]);
  });
  await t.step("not of one that is not enabled", () => {
    const { facts, files } = withSaved(DOCKER_RULE, []);
    deepStrictEqual(
      planLines(planned(facts, ["persist"], { files })),
      DROP_IN_LINES,
    );
  });
  await t.step("alone where Docker makes no rule of its own", () => {
    const { facts, files } = withSaved(
      "-A POSTROUTING -o docker0 -j RETURN",
      ["iptables.service"],
      { ipMasq: { value: false, source: "daemon" } },
    );
    const plan = planned(facts, ["persist"], { files });
    deepStrictEqual(planLines(plan).slice(0, 1), [`cat > ${SAVED} <<'EOF'`]);
    deepStrictEqual(plan.actions.map(({ survives }) => survives), [
      ["docker", "reboot"],
    ]);
  });
});

Deno.test("scopeSavedRules()", async (t) => {
  const pair = { scoped: SCOPED, unscoped: UNSCOPED };
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ["scopes in place", ["-A POSTROUTING -o x -j RETURN", DOCKER_RULE], [
      "-A POSTROUTING -o x -j RETURN",
      SCOPED_RULE,
    ]],
    ["scopes a rule with counters", [`[7:420] ${DOCKER_RULE}`], [SCOPED_RULE]],
    ["drops copies", [DOCKER_RULE, DOCKER_RULE], [SCOPED_RULE]],
    ["drops what is scoped already", [SCOPED_RULE, DOCKER_RULE], [SCOPED_RULE]],
    ["adds what is missing first", ["-A POSTROUTING -o x -j RETURN"], [
      SCOPED_RULE,
      "-A POSTROUTING -o x -j RETURN",
    ]],
    ["adds to an empty chain", ["-A PREROUTING -i x -j RETURN"], [
      "-A PREROUTING -i x -j RETURN",
      SCOPED_RULE,
    ]],
    ["leaves what is right", [SCOPED_RULE], [SCOPED_RULE]],
  ];
  for (const [name, before, after] of cases) {
    await t.step(name, () => {
      equal(
        scopeSavedRules(savedText(before.join("\n")), pair),
        savedText(after.join("\n")),
      );
    });
  }
  await t.step("leaves a text without a nat table", () => {
    const text = "*filter\nCOMMIT\n";
    equal(scopeSavedRules(text, pair), text);
  });
});

Deno.test("isPlain() refuses what a unit file or a shell would read otherwise", async (t) => {
  for (const rule of ['-m comment --comment "a b"', "$(id)", "50%", "a;b"]) {
    await t.step(rule, () => {
      equal(isPlain({ tool: "iptables", scoped: rule, unscoped: "" }), false);
    });
  }
});
