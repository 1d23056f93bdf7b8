import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts, FileFacts } from "../../snapshot/facts.ts";
import { fixtureFile, healthyFacts } from "../../tests/fixtures/healthy.ts";
import {
  DOCKER_RULE,
  SCOPED_RULE,
  withNat,
} from "../../tests/fixtures/netfilter.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { REPAIR_NOT_PERSISTENT } from "./repair_not_persistent.ts";

const SPARING = "-A POSTROUTING -s 172.7.21.0/24 -d 172.7.0.0/16 -j RETURN";

/** The tutorial's host after section 3.2.2. */
function repaired(
  options: {
    readonly nat?: readonly string[];
    readonly dropIn?: string;
    readonly dockerMasq?: boolean;
    readonly saved?: string | null;
    readonly services?: readonly string[];
    readonly agent?: { readonly unit: string | null };
  } = {},
): Facts {
  const facts = withNat(healthyFacts(), options.nat ?? [SCOPED_RULE]);
  const docker = given(facts, "docker")!;
  const unitFiles: FileFacts[] = [
    docker.unitFiles[0]!,
    ...options.dropIn === undefined ? [] : [
      fixtureFile(
        "/etc/systemd/system/docker.service.d/snat.conf",
        options.dropIn,
      ),
    ],
  ];
  const processes = given(facts, "processes");
  const saved = options.saved ?? null;
  return {
    ...facts,
    docker: known({
      ...docker,
      unitFiles,
      ipMasq: { value: options.dockerMasq ?? true, source: "daemon" },
    }),
    processes: known(
      options.agent === undefined ? processes : [...processes, {
        ...processes[0]!,
        pid: 4711,
        name: "flandoc",
        argv: ["/usr/local/bin/flandoc", "run", "--snat"],
        unit: options.agent.unit,
      }],
    ),
    persistence: known({
      files: saved === null
        ? []
        : [fixtureFile("/etc/sysconfig/iptables", saved)],
      services: options.services ?? [],
      systemd: true,
    }),
  };
}

function saved(rule: string): string {
  return `*nat\n:POSTROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
}

Deno.test("FD610 warns of the tutorial's repair, saved or not: Docker's start undoes it", () => {
  const facts = repaired({
    saved: saved(SCOPED_RULE),
    services: ["iptables.service"],
  });
  deepStrictEqual(judged(REPAIR_NOT_PERSISTENT, facts).lines, [
    `warning default: ${SCOPED_RULE}`,
    `  rule ${SCOPED_RULE}   (nat POSTROUTING 1, iptables-nft)`,
    "  found dockerd --ip-masq=true (daemon)",
    "  file /etc/sysconfig/iptables",
    "  process iptables.service",
    "  wanted /etc/systemd/system/docker.service.d/50-flandoc-snat.conf",
    "  $ mkdir -p /etc/systemd/system/docker.service.d",
    "  $ printf '[Service]\\nExecStartPost=-/usr/local/bin/flandoc fix --snat --yes\\n' > /etc/systemd/system/docker.service.d/50-flandoc-snat.conf",
    "  $ systemctl daemon-reload",
  ]);
  deepStrictEqual(sentences(REPAIR_NOT_PERSISTENT, repaired()), [
    "Docker's masquerade rule is repaired now, and nothing holds the repair: it survives neither a restart of Docker, which puts its own rule back, nor a reboot.",
  ]);
});

Deno.test("FD610 tells what each means outlives", async (t) => {
  const dropIn = (command: string) => `[Service]\nExecStartPost=${command}\n`;
  const cases: [string, Facts, string][] = [
    ["the healthy host", healthyFacts(), "ok"],
    ["nothing", repaired(), "default"],
    [
      "flandoc in Docker's unit",
      repaired({ dropIn: dropIn("/usr/local/bin/flandoc fix --snat --yes") }),
      "ok",
    ],
    [
      "an administrator's own command in Docker's unit",
      repaired({
        dropIn: dropIn(
          "/sbin/iptables -t nat -I POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 -j MASQUERADE",
        ),
      }),
      "ok",
    ],
    [
      "a drop-in for something else",
      repaired({ dropIn: dropIn("/bin/echo started") }),
      "default",
    ],
    ["an agent by hand", repaired({ agent: { unit: null } }), "reboot"],
    [
      "an agent as a service",
      repaired({ agent: { unit: "flandoc.service" } }),
      "ok",
    ],
    [
      "Docker that does not masquerade",
      repaired({ dockerMasq: false }),
      "reboot",
    ],
    [
      "and saved rules",
      repaired({
        dockerMasq: false,
        saved: saved(SCOPED_RULE),
        services: ["iptables.service"],
      }),
      "ok",
    ],
    [
      "and saved rules nobody restores",
      repaired({ dockerMasq: false, saved: saved(SCOPED_RULE) }),
      "reboot",
    ],
    [
      "and saved rules without this one",
      repaired({
        dockerMasq: false,
        saved: saved(DOCKER_RULE),
        services: ["iptables.service"],
      }),
      "reboot",
    ],
    [
      "a RETURN before Docker's rule, which Docker leaves",
      repaired({ nat: [SPARING, DOCKER_RULE] }),
      "reboot",
    ],
    [
      "a RETURN, saved",
      repaired({
        nat: [SPARING, DOCKER_RULE],
        saved: saved(SPARING),
        services: ["netfilter-persistent.service"],
      }),
      "ok",
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      const { verdict, findings } = judged(REPAIR_NOT_PERSISTENT, facts);
      deepStrictEqual(findings[0]?.variant ?? verdict, wanted);
    });
  }
});

Deno.test("FD610 says how to save rules where that is what is missing", () => {
  deepStrictEqual(
    judged(REPAIR_NOT_PERSISTENT, repaired({ dockerMasq: false })).findings[0]!
      .commands,
    [
      "iptables-save > /etc/sysconfig/iptables",
      "systemctl enable iptables",
    ],
  );
});

Deno.test("FD610 saves rules to no file of another form", () => {
  const facts = repaired({ dockerMasq: false });
  const persistence = known({
    files: ["/etc/nftables.conf", "/etc/iptables/rules.v4"]
      .map((path) => fixtureFile(path, "")),
    services: ["nftables.service"],
    systemd: true,
  });
  deepStrictEqual(
    judged(REPAIR_NOT_PERSISTENT, { ...facts, persistence }).findings[0]!
      .commands,
    [
      "iptables-save > /etc/iptables/rules.v4",
      "systemctl enable netfilter-persistent",
    ],
  );
});

Deno.test("FD610 makes a service of an agent that holds the rule by hand", () => {
  const facts = repaired({ agent: { unit: null } });
  deepStrictEqual(judged(REPAIR_NOT_PERSISTENT, facts).findings[0]!.commands, [
    "flandoc run --print-unit --snat > /etc/systemd/system/flandoc.service",
    "systemctl enable flandoc",
  ]);
});

Deno.test("FD610 has nothing to judge without a repair or without Docker", () => {
  deepStrictEqual(
    judged(REPAIR_NOT_PERSISTENT, repaired({ nat: [DOCKER_RULE] })).verdict,
    "skipped: no-repair",
  );
  deepStrictEqual(
    judged(REPAIR_NOT_PERSISTENT, { ...repaired(), docker: known(null) })
      .verdict,
    "skipped: no-docker",
  );
});

Deno.test("FD610 does not take flannel's own RETURN for a repair", () => {
  const facts = repaired({
    nat: [
      "-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
      "-A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE",
    ],
  });
  deepStrictEqual(
    judged(REPAIR_NOT_PERSISTENT, facts).verdict,
    "skipped: no-repair",
  );
});

Deno.test("FD610 does not take for a repair what hides Docker's rule from all", () => {
  for (
    const rule of [
      "-A POSTROUTING -j RETURN",
      "-A POSTROUTING -s 172.7.21.0/24 -j ACCEPT",
      "-A POSTROUTING -s 172.7.21.0/24 ! -d 224.0.0.0/4 -j RETURN",
    ]
  ) {
    const facts = repaired({ nat: [rule, DOCKER_RULE] });
    deepStrictEqual(
      judged(REPAIR_NOT_PERSISTENT, facts).verdict,
      "skipped: no-repair",
    );
  }
});

Deno.test("FD610 is unknown without Docker's options", () => {
  deepStrictEqual(
    judged(REPAIR_NOT_PERSISTENT, without(repaired(), "docker")).verdict,
    "unknown: not looked at",
  );
});
