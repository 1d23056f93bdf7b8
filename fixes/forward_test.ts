import { deepStrictEqual } from "node:assert/strict";
import type { Facts } from "../snapshot/facts.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import {
  iptablesTable,
  SCOPED_RULE,
  withFilter,
  withMore,
  withRulesets,
} from "../tests/fixtures/netfilter.ts";
import { planLines, planned, undoLines } from "../tests/support/planned.ts";
import { storedRuleset } from "../tests/support/rulesets.ts";

const NETWORK = "172.7.0.0/16";
const REJECT = "-A FORWARD -j REJECT --reject-with icmp-host-prohibited";
const TO_USER = "-A FORWARD -j DOCKER-USER";
const USER_RETURN = "-A DOCKER-USER -j RETURN";

function filter(lines: readonly string[], policy: "ACCEPT" | "DROP"): Facts {
  return withFilter(healthyFacts(), lines, policy);
}

function accept(chain: string, tool = "iptables"): string[] {
  return [
    `${tool} -I ${chain} -d ${NETWORK} -j ACCEPT`,
    `${tool} -I ${chain} -s ${NETWORK} -j ACCEPT`,
  ];
}

Deno.test("FORWARD_FIX lets the network pass where it is dropped", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["by nothing", filter([], "ACCEPT"), []],
    ["by the policy", filter([], "DROP"), accept("FORWARD")],
    [
      "by the policy, Docker's chain first",
      filter([TO_USER, USER_RETURN], "DROP"),
      accept("DOCKER-USER"),
    ],
    [
      "by iptables-services' last rule",
      filter([REJECT], "ACCEPT"),
      accept("FORWARD"),
    ],
    [
      "by a rule before Docker's chain",
      filter([REJECT, TO_USER, USER_RETURN], "DROP"),
      accept("FORWARD"),
    ],
    [
      "in both backends",
      withMore(filter([], "DROP"), "iptables-legacy", [
        iptablesTable("filter", [REJECT]),
        iptablesTable("nat", [SCOPED_RULE]),
      ]),
      [
        ...accept("FORWARD", "iptables-nft"),
        ...accept("FORWARD", "iptables-legacy"),
      ],
    ],
    [
      "where the repair is there already",
      filter([
        `-A FORWARD -s ${NETWORK} -j ACCEPT`,
        `-A FORWARD -d ${NETWORK} -j ACCEPT`,
        REJECT,
      ], "DROP"),
      [],
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      deepStrictEqual(planLines(planned(facts, ["forward"])), wanted);
    });
  }
});

Deno.test("FORWARD_FIX names the commands that take it back", () => {
  deepStrictEqual(undoLines(planned(filter([], "DROP"), ["forward"])), [
    `iptables -D FORWARD -s ${NETWORK} -j ACCEPT`,
    `iptables -D FORWARD -d ${NETWORK} -j ACCEPT`,
  ]);
});

Deno.test("FORWARD_FIX leaves firewalld and ufw to their own commands", async (t) => {
  for (
    const [name, command] of [
      [
        "ufw",
        `ufw route allow from ${NETWORK}; ufw route allow to ${NETWORK}`,
      ],
      [
        "firewalld",
        `firewall-cmd --permanent --zone=trusted --add-source=${NETWORK}; firewall-cmd --reload`,
      ],
    ] as const
  ) {
    await t.step(name, () => {
      const facts = withRulesets(healthyFacts(), [storedRuleset(name)]);
      const plan = planned(facts, ["forward"]);
      deepStrictEqual(plan.actions, []);
      deepStrictEqual(
        [...new Set(plan.refusals.map(({ arguments: told }) => told.command))],
        [command],
      );
    });
  }
});

Deno.test("FORWARD_FIX goes before network policies only when it is named", () => {
  const facts = filter([
    "-A FORWARD -j cali-FORWARD",
    "-A cali-FORWARD -j DROP",
  ], "DROP");
  const safe = planned(facts);
  deepStrictEqual(safe.actions.filter(({ fix }) => fix === "forward"), []);
  deepStrictEqual(
    safe.withheld?.map(({ fix, risk }) => [fix, risk]),
    [["forward", "overrides"]],
  );
  deepStrictEqual(
    planLines(planned(facts, ["forward"])),
    accept("FORWARD"),
  );
});

Deno.test("FORWARD_FIX goes before an administrator's filters only when it is named", async (t) => {
  const drop = "-d 172.7.21.9/32 -p tcp -m tcp --dport 5432 -j DROP";
  const cases: readonly [string, Facts, string][] = [
    [
      "in Docker's chain for users",
      filter([TO_USER, `-A DOCKER-USER ${drop}`, USER_RETURN], "DROP"),
      "DOCKER-USER",
    ],
    ["in FORWARD", filter([`-A FORWARD ${drop}`], "DROP"), "FORWARD"],
  ];
  for (const [name, facts, chain] of cases) {
    await t.step(name, () => {
      const plain = planned(facts);
      deepStrictEqual(plain.actions.filter(({ fix }) => fix === "forward"), []);
      deepStrictEqual(
        plain.withheld?.map(({ fix, risk }) => [fix, risk]),
        [["forward", "overrides"]],
      );
      deepStrictEqual(
        planLines(planned(facts, ["forward"])),
        accept(chain),
      );
    });
  }
});
