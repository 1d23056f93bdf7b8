import { deepStrictEqual } from "node:assert/strict";
import { parseNft } from "../flannel/firewall/mod.ts";
import { known, unknown } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import {
  DOCKER_LOCAL,
  DOCKER_RULE,
  iptablesTable,
  nftTable,
  SCOPED_RULE,
  withMore,
  withNat,
  withRulesets,
} from "../tests/fixtures/netfilter.ts";
import { planLines, planned, undoLines } from "../tests/support/planned.ts";
import { storedRuleset } from "../tests/support/rulesets.ts";

const UNSCOPED = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";
const RETURN = "-A POSTROUTING -s 10.88.0.0/16 -j RETURN";

function nat(...lines: string[]): Facts {
  return withNat(healthyFacts(), lines);
}

Deno.test("SNAT_FIX scopes Docker's rule in place, inserting before it deletes", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["nothing to do", nat(SCOPED_RULE), []],
    ["one rule", nat(DOCKER_RULE), [
      `iptables -t nat -I POSTROUTING ${SCOPED}`,
      `iptables -t nat -D POSTROUTING ${UNSCOPED}`,
    ]],
    ["behind others", nat(DOCKER_LOCAL, RETURN, DOCKER_RULE), [
      `iptables -t nat -I POSTROUTING 3 ${SCOPED}`,
      `iptables -t nat -D POSTROUTING ${UNSCOPED}`,
    ]],
    [
      "Docker's rule back before the scoped one",
      nat(DOCKER_RULE, SCOPED_RULE),
      [
        `iptables -t nat -D POSTROUTING ${UNSCOPED}`,
      ],
    ],
    ["several copies", nat(DOCKER_RULE, RETURN, DOCKER_RULE), [
      `iptables -t nat -D POSTROUTING ${UNSCOPED}`,
      `iptables -t nat -I POSTROUTING ${SCOPED}`,
      `iptables -t nat -D POSTROUTING ${UNSCOPED}`,
    ]],
    ["scoped twice", nat(SCOPED_RULE, RETURN, SCOPED_RULE), [
      `iptables -t nat -D POSTROUTING ${SCOPED}`,
    ]],
    [
      "both iptables backends",
      withMore(nat(DOCKER_RULE), "iptables-legacy", [
        iptablesTable("nat", [DOCKER_RULE]),
      ]),
      [
        `iptables-nft -t nat -I POSTROUTING ${SCOPED}`,
        `iptables-nft -t nat -D POSTROUTING ${UNSCOPED}`,
        `iptables-legacy -t nat -I POSTROUTING ${SCOPED}`,
        `iptables-legacy -t nat -D POSTROUTING ${UNSCOPED}`,
      ],
    ],
    [
      "Docker 29's native rule",
      withRulesets(healthyFacts(), [storedRuleset("docker29")]),
      [
        `nft 'replace rule ip docker-bridges nat-postrouting-out__docker0 handle 23 oifname != "docker0" ip saddr 172.7.21.0/24 ip daddr != 172.7.0.0/16 counter masquerade comment "MASQUERADE"'`,
      ],
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      deepStrictEqual(planLines(planned(facts, ["snat"])), wanted);
    });
  }
});

Deno.test("SNAT_FIX leaves rules of others, with the reason", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    [
      "an administrator's",
      nat("-A POSTROUTING -s 172.7.0.0/16 -o eth0 -j MASQUERADE"),
      [
        "FD601: neither Docker's nor flannel's, for whoever made it: -A POSTROUTING -s 172.7.0.0/16 -o eth0 -j MASQUERADE",
      ],
    ],
    [
      "an administrator's beside Docker's",
      nat(
        "-A POSTROUTING -s 172.7.0.0/16 -o eth0 -j SNAT --to-source 192.168.1.10",
        DOCKER_RULE,
      ),
      [
        `iptables -t nat -I POSTROUTING 2 ${SCOPED}`,
        `iptables -t nat -D POSTROUTING ${UNSCOPED}`,
        "FD601: neither Docker's nor flannel's, for whoever made it: -A POSTROUTING -s 172.7.0.0/16 -o eth0 -j SNAT --to-source 192.168.1.10",
      ],
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      deepStrictEqual(planLines(planned(facts, ["snat"])), wanted);
    });
  }
});

Deno.test("SNAT_FIX leaves a rule that takes IPv6 as well", () => {
  const chain = {
    name: "DOCKER-NAT",
    hook: "postrouting",
    type: "nat",
    priority: 100,
    policy: "ACCEPT",
  } as const;
  const rule = {
    match: { outDevice: { not: false, value: ["eth0"] }, other: [] },
    target: { kind: "MASQUERADE", randomFully: false },
    comment: null,
    text: 'oifname "eth0" masquerade',
    handle: 5,
    packets: null,
  } as const;
  const table = { ...nftTable("mine", chain, [rule]), family: "inet" };
  const facts = withRulesets(healthyFacts(), [
    { backend: "nftables", tables: [table] },
  ]);
  deepStrictEqual(planLines(planned(facts, ["snat"])), [
    'FD601: takes IPv6 as well, spare packets before it as FD601 says: oifname "eth0" masquerade',
  ]);
});

Deno.test("SNAT_FIX leaves what nft shows and does not take", () => {
  const table = parseNft(
    JSON.stringify({
      nftables: [
        { table: { family: "ip", name: "nat" } },
        {
          chain: {
            family: "ip",
            table: "nat",
            name: "POSTROUTING",
            type: "nat",
            hook: "postrouting",
            prio: 100,
            policy: "accept",
          },
        },
        ...[4, 5].map((handle) => ({
          rule: {
            family: "ip",
            table: "nat",
            chain: "POSTROUTING",
            handle,
            expr: [
              matching("!=", { meta: { key: "oifname" } }, "docker0"),
              matching("==", {
                payload: { protocol: "ip", field: "saddr" },
              }, { prefix: { addr: "172.7.21.0", len: 24 } }),
              { xt: { type: "target", name: "MASQUERADE" } },
            ],
          },
        })),
      ],
    }),
  );
  const facts = withRulesets(healthyFacts(), [
    { backend: "nftables", tables: table },
  ]);
  const rule = "oifname != docker0 ip saddr 172.7.21.0/24 xt target MASQUERADE";
  deepStrictEqual(planLines(planned(facts, ["snat"])), [
    `FD601: cannot be written by nft as nft shows it, an extension of iptables: ${rule}`,
    `FD602: cannot be written by nft as nft shows it, an extension of iptables: ${rule}`,
  ]);
});

function matching(op: string, left: unknown, right: unknown) {
  return { match: { op, left, right } };
}

Deno.test("SNAT_FIX plans nothing from what is not known", async (t) => {
  const facts = nat(DOCKER_RULE);
  await t.step("the rules", () => {
    const unread = { ...facts, netfilter: unknown("iptables-save needs root") };
    deepStrictEqual(planLines(planned(unread, ["snat"])), [
      "FD601: could not be judged, iptables-save needs root",
      "FD602: could not be judged, iptables-save needs root",
    ]);
  });
  await t.step("the store", () => {
    const endpoints = known(
      ("known" in facts.endpoints ? facts.endpoints.known : []).map((each) => ({
        ...each,
        reachable: false,
        healthy: false,
        error: "Connection refused",
      })),
    );
    deepStrictEqual(planLines(planned({ ...facts, endpoints }, ["snat"])), [
      "FD601: judged once FD201 is repaired",
      "FD602: judged once FD201 is repaired",
    ]);
  });
});

Deno.test("SNAT_FIX names the commands that take it back", () => {
  deepStrictEqual(
    undoLines(planned(nat(DOCKER_LOCAL, DOCKER_RULE), ["snat"])),
    [
      `iptables -t nat -I POSTROUTING 3 ${UNSCOPED}`,
      `iptables -t nat -D POSTROUTING ${SCOPED}`,
    ],
  );
  const native = withRulesets(healthyFacts(), [storedRuleset("docker29")]);
  const rule = (daddr: string) =>
    `oifname != "docker0" ip saddr 172.7.21.0/24 ${daddr}counter masquerade comment "MASQUERADE"`;
  const chain = "ip docker-bridges nat-postrouting-out__docker0";
  deepStrictEqual(undoLines(planned(native, ["snat"])), [
    `nft -a list chain ${chain}`,
    `nft 'add rule ${chain} index 0 ${rule("")}'`,
    `nft delete rule ${chain} handle HANDLE   # ${
      rule("ip daddr != 172.7.0.0/16 ")
    }`,
  ]);
});

Deno.test("planAll() without names plans what is safe and tells the rest", () => {
  const facts = nat(DOCKER_RULE);
  const plan = planned(facts);
  deepStrictEqual(plan.actions.map(({ fix }) => fix), ["snat"]);
  deepStrictEqual(plan.refusals, []);
});
