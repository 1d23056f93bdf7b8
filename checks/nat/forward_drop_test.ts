import { deepStrictEqual } from "node:assert/strict";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  iptablesTable,
  nftTable,
  withFilter,
  withMore,
} from "../../tests/fixtures/netfilter.ts";
import { planLines, planned } from "../../tests/support/planned.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { FORWARD_DROP } from "./forward_drop.ts";

/** Docker 20.10's FORWARD, without flannel's accepts. */
const DOCKER = [
  "-A FORWARD -j DOCKER-USER",
  "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
  "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  "-A FORWARD -o docker0 -j DOCKER",
  "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
  "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
  "-A DOCKER-USER -j RETURN",
  "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
];

const FLANNEL = [
  "-A FORWARD -s 172.7.0.0/16 -j ACCEPT",
  "-A FORWARD -d 172.7.0.0/16 -j ACCEPT",
];

const WANTED = [
  "  wanted -A FORWARD -s 172.7.0.0/16 -j ACCEPT",
  "  wanted -A FORWARD -d 172.7.0.0/16 -j ACCEPT",
];

Deno.test("FD606 is ok where flannel's accepts or the policy let packets pass", () => {
  for (
    const facts of [
      healthyFacts(),
      healthyVxlanFacts(),
      withFilter(healthyFacts(), [...DOCKER, ...FLANNEL]),
      withFilter(healthyFacts(), DOCKER, "ACCEPT"),
      withFilter(healthyFacts(), [], "ACCEPT"),
    ]
  ) deepStrictEqual(judged(FORWARD_DROP, facts).lines, []);
});

Deno.test("FD606 finds Docker's policy, which drops what comes in", () => {
  const facts = withFilter(healthyFacts(), DOCKER);
  deepStrictEqual(judged(FORWARD_DROP, facts).lines, [
    "error in: -P FORWARD DROP",
    "  rule -P FORWARD DROP   (filter FORWARD, iptables-nft)",
    "  takes 172.7.0.0/16 to 172.7.21.0/24 from eth0 to docker0",
    ...WANTED,
    "  $ iptables -I DOCKER-USER -s 172.7.0.0/16 -j ACCEPT",
    "  $ iptables -I DOCKER-USER -d 172.7.0.0/16 -j ACCEPT",
  ]);
  deepStrictEqual(sentences(FORWARD_DROP, facts), [
    "What containers on other hosts send to containers here is dropped on this host, by `-P FORWARD DROP` (iptables-nft).",
  ]);
});

Deno.test("FD606 finds the reject of iptables-services before flannel's accepts", () => {
  const reject = "-A FORWARD -j REJECT --reject-with icmp-host-prohibited";
  const facts = withFilter(healthyVxlanFacts(), [reject, ...FLANNEL], "ACCEPT");
  deepStrictEqual(judged(FORWARD_DROP, facts).lines, [
    `error both: ${reject}`,
    `  rule ${reject}   (filter FORWARD 1, iptables-nft)`,
    "  takes 172.7.21.0/24 to 172.7.0.0/16 from docker0 to flannel.1",
    "  takes 172.7.0.0/16 to 172.7.21.0/24 from flannel.1 to docker0",
    ...WANTED,
    "  $ iptables -I FORWARD -s 172.7.0.0/16 -j ACCEPT",
    "  $ iptables -I FORWARD -d 172.7.0.0/16 -j ACCEPT",
  ]);
});

Deno.test("FD606 finds newer Docker's drop for the bridge", () => {
  const drop = "-A DOCKER ! -i docker0 -o docker0 -j DROP";
  const facts = withFilter(healthyFacts(), [...DOCKER, drop, ...FLANNEL]);
  deepStrictEqual(judged(FORWARD_DROP, facts).lines.slice(0, 2), [
    `error in: ${drop}`,
    `  rule ${drop}   (filter DOCKER 1, iptables-nft, docker)`,
  ]);
});

Deno.test("FD606 finds what mangle drops once packets are routed", () => {
  const rule = "-A POSTROUTING -d 172.7.0.0/16 -o eth0 -j DROP";
  const facts = withMore(healthyFacts(), "iptables-legacy", [
    iptablesTable("mangle", [rule]),
  ]);
  deepStrictEqual(judged(FORWARD_DROP, facts).lines, [
    `error out: ${rule}`,
    `  rule ${rule}   (mangle POSTROUTING 1, iptables-legacy)`,
    "  takes 172.7.21.0/24 to 172.7.0.0/16 from docker0 to eth0",
    "  wanted -A POSTROUTING -s 172.7.0.0/16 -j ACCEPT   (mangle POSTROUTING)",
    "  wanted -A POSTROUTING -d 172.7.0.0/16 -j ACCEPT   (mangle POSTROUTING)",
    "  $ iptables-legacy -t mangle -I POSTROUTING -s 172.7.0.0/16 -j ACCEPT",
    "  $ iptables-legacy -t mangle -I POSTROUTING -d 172.7.0.0/16 -j ACCEPT",
  ]);
  deepStrictEqual(planLines(planned(facts, ["forward"])), [
    `FD606: drops in a place that no rule at the head of a chain precedes: ${rule}`,
  ]);
});

Deno.test("FD606 finds a native chain behind the routing that drops", () => {
  const table = nftTable("mine", {
    name: "post",
    hook: "postrouting",
    type: "filter",
    priority: 300,
    policy: "DROP",
  }, []);
  const facts = withMore(healthyFacts(), "nftables", [table]);
  const { lines } = judged(FORWARD_DROP, facts);
  deepStrictEqual(lines[0], "error both: -P post DROP");
  deepStrictEqual(
    lines.at(-1),
    "  $ nft insert rule ip mine post ip daddr 172.7.0.0/16 accept",
  );
});

Deno.test("FD606 is unknown where a rule hands all packets to a program", () => {
  const queue = "-A FORWARD -j NFQUEUE --queue-num 0";
  const facts = withFilter(healthyFacts(), [queue, ...FLANNEL], "ACCEPT");
  deepStrictEqual(
    judged(FORWARD_DROP, facts).verdict,
    `unknown: cannot tell what docker0 loses by a rule of filter FORWARD: ${queue}`,
  );
  const web = "-A FORWARD -p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 0";
  const some = withFilter(healthyFacts(), [web, ...FLANNEL], "ACCEPT");
  deepStrictEqual(judged(FORWARD_DROP, some).verdict, "ok");
});

Deno.test("FD606 knows that an accept holds in its own base chain only", () => {
  const table = nftTable("firewalld", {
    name: "filter_FORWARD",
    hook: "forward",
    type: "filter",
    priority: 10,
    policy: "ACCEPT",
  }, [{
    match: { other: [] },
    target: { kind: "REJECT", with: "icmpx admin-prohibited" },
    comment: null,
    text: "reject with icmpx admin-prohibited",
    handle: 7,
    packets: null,
  }]);
  const facts = withMore(healthyFacts(), "nftables", [table]);
  const { lines } = judged(FORWARD_DROP, facts);
  deepStrictEqual(lines[0], "error both: reject with icmpx admin-prohibited");
  deepStrictEqual(lines.slice(-2), [
    "  $ firewall-cmd --permanent --zone=trusted --add-source=172.7.0.0/16",
    "  $ firewall-cmd --reload",
  ]);
});

Deno.test("FD606 names a command where an accept in the filter table does not help", () => {
  const table = nftTable("edge", {
    name: "fw",
    hook: "forward",
    type: "filter",
    priority: 0,
    policy: "DROP",
  }, []);
  const native = judged(
    FORWARD_DROP,
    withMore(healthyFacts(), "nftables", [table]),
  );
  deepStrictEqual(native.findings[0]!.fix, null);
  deepStrictEqual(native.lines.slice(-4), [
    "  wanted ip saddr 172.7.0.0/16 accept   (edge fw, nftables)",
    "  wanted ip daddr 172.7.0.0/16 accept   (edge fw, nftables)",
    "  $ nft insert rule ip edge fw ip saddr 172.7.0.0/16 accept",
    "  $ nft insert rule ip edge fw ip daddr 172.7.0.0/16 accept",
  ]);
  const mangle = judged(
    FORWARD_DROP,
    withMore(healthyFacts(), "iptables-legacy", [
      iptablesTable("mangle", ["-A FORWARD -i eth0 -j DROP"]),
    ]),
  );
  deepStrictEqual(mangle.findings[0]!.fix, null);
  deepStrictEqual(mangle.findings[0]!.commands, [
    "iptables-legacy -t mangle -I FORWARD -s 172.7.0.0/16 -j ACCEPT",
    "iptables-legacy -t mangle -I FORWARD -d 172.7.0.0/16 -j ACCEPT",
  ]);
});

Deno.test("FD606 gives ufw's commands for the policy ufw has set", () => {
  const facts = withFilter(healthyFacts(), [
    "-A FORWARD -j ufw-user-forward",
    "-A ufw-user-forward -j RETURN",
  ]);
  const [finding] = judged(FORWARD_DROP, facts).findings;
  deepStrictEqual(finding!.fix, null);
  deepStrictEqual(finding!.commands, [
    "ufw route allow from 172.7.0.0/16",
    "ufw route allow to 172.7.0.0/16",
  ]);
});

Deno.test("FD606 gives no command that switches network policies off", () => {
  const calico = ["-A FORWARD -j cali-FORWARD", "-A cali-FORWARD -j RETURN"];
  const policy = withFilter(healthyFacts(), [...calico, ...DOCKER]);
  deepStrictEqual(judged(FORWARD_DROP, policy).findings[0]!.commands, [
    "iptables -A FORWARD -s 172.7.0.0/16 -j ACCEPT",
    "iptables -A FORWARD -d 172.7.0.0/16 -j ACCEPT",
  ]);
  const reject = "-A FORWARD -j REJECT --reject-with icmp-host-prohibited";
  const rule = withFilter(healthyFacts(), [...calico, reject, ...FLANNEL]);
  deepStrictEqual(judged(FORWARD_DROP, rule).findings[0]!.commands, []);
});

Deno.test("FD606 finds the policy of the other iptables", () => {
  const facts = withMore(healthyFacts(), "iptables-legacy", [
    iptablesTable("filter", [], { FORWARD: "DROP" }),
  ]);
  deepStrictEqual(judged(FORWARD_DROP, facts).lines.slice(0, 2), [
    "error both: -P FORWARD DROP",
    "  rule -P FORWARD DROP   (filter FORWARD, iptables-legacy)",
  ]);
});

Deno.test("FD606 leaves an administrator's filters alone", async (t) => {
  const cases = [
    "-A FORWARD -s 172.7.21.0/24 -p tcp -m tcp --dport 25 -j DROP",
    "-A FORWARD -m set --match-set blocklist src -j DROP",
    "-A FORWARD -m conntrack --ctstate INVALID -j DROP",
    "-A FORWARD -s 172.18.0.0/16 -j DROP",
    "-A FORWARD -i br-0123456789ab -o docker0 -j DROP",
  ];
  for (const rule of cases) {
    await t.step(rule, () => {
      const facts = withFilter(healthyFacts(), [rule, ...DOCKER, ...FLANNEL]);
      deepStrictEqual(judged(FORWARD_DROP, facts).lines, []);
    });
  }
});

Deno.test("FD606 only warns where a part of the network is dropped", () => {
  const rule = "-A FORWARD -s 172.7.22.0/24 -j DROP";
  const facts = withFilter(healthyFacts(), [rule, ...DOCKER, ...FLANNEL]);
  deepStrictEqual(judged(FORWARD_DROP, facts).lines.slice(0, 3), [
    `warning partly: ${rule}`,
    `  rule ${rule}   (filter FORWARD 1, iptables-nft)`,
    "  takes 172.7.22.0/24 to 172.7.21.0/24 from eth0 to docker0",
  ]);
});

Deno.test("FD606 is unknown without the rules", () => {
  deepStrictEqual(
    judged(FORWARD_DROP, without(healthyFacts(), "netfilter")).verdict,
    "unknown: not looked at",
  );
});

Deno.test("FD606 names no command that ends an administrator's filter", () => {
  const filter =
    "-A DOCKER-USER -d 172.7.21.9/32 -p tcp -m tcp --dport 5432 -j DROP";
  const facts = withFilter(healthyFacts(), [
    "-A FORWARD -j DOCKER-USER",
    filter,
    "-A DOCKER-USER -j RETURN",
  ]);
  deepStrictEqual(judged(FORWARD_DROP, facts).lines, [
    "error both: -P FORWARD DROP",
    "  rule -P FORWARD DROP   (filter FORWARD, iptables-nft)",
    "  takes 172.7.21.0/24 to 172.7.0.0/16 from docker0 to eth0",
    "  takes 172.7.0.0/16 to 172.7.21.0/24 from eth0 to docker0",
    ...WANTED,
    `  found ${filter}`,
    "  $ iptables -A FORWARD -s 172.7.0.0/16 -j ACCEPT",
    "  $ iptables -A FORWARD -d 172.7.0.0/16 -j ACCEPT",
  ]);
});

/** Rules of raw and mangle before those of FORWARD. */
function withEarlier(
  raw: readonly string[],
  mangle: readonly string[],
  forward: readonly string[],
): Facts {
  return withMore(
    withFilter(healthyFacts(), forward, "ACCEPT"),
    "iptables-nft",
    [
      iptablesTable("raw", raw),
      iptablesTable("mangle", mangle),
    ],
  );
}

const INSIDE = "-s 172.7.0.0/16 -d 172.7.0.0/16";
const UNTRACKED = `-A PREROUTING ${INSIDE} -j CT --notrack`;
const DROP_ETH0 = "-A FORWARD -i eth0 -j DROP";

Deno.test("FD606 goes by what an earlier hook made of the packets", async (t) => {
  const cases: [string, Facts, string][] = [
    [
      "a mark that is accepted",
      withEarlier(
        [],
        ["-A PREROUTING -s 172.7.0.0/16 -j MARK --set-xmark 0x7"],
        [
          "-A FORWARD -m mark --mark 0x7 -j ACCEPT",
          DROP_ETH0,
        ],
      ),
      "ok",
    ],
    [
      "a mark that nobody knows",
      withEarlier([], ["-A PREROUTING -j CONNMARK --restore-mark"], [
        "-A FORWARD -m mark --mark 0x7 -j ACCEPT",
        DROP_ETH0,
      ]),
      "unknown: cannot tell what docker0 loses by a rule of filter FORWARD: -A FORWARD -i eth0 -j DROP",
    ],
    [
      "untracked packets that are accepted",
      withEarlier([UNTRACKED], [], [
        "-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT",
        "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        DROP_ETH0,
      ]),
      "ok",
    ],
    [
      "untracked packets that are dropped",
      withEarlier([UNTRACKED], [], [
        "-A FORWARD -m conntrack --ctstate INVALID,UNTRACKED -j DROP",
      ]),
      "failed",
    ],
  ];
  for (const [name, facts, verdict] of cases) {
    await t.step(name, () => {
      const told = judged(FORWARD_DROP, facts).verdict;
      deepStrictEqual([...new Set(told.split("; "))].join("; "), verdict);
      if (verdict === "failed") return;
      deepStrictEqual(planned(facts).actions, []);
    });
  }
});

Deno.test("FD606 goes by the marks of the tunnel's packets, which those inside keep", async (t) => {
  const vxlan = (lines: readonly string[], forward: string) =>
    withMore(healthyVxlanFacts(), "iptables-nft", [
      iptablesTable("mangle", [...lines, forward]),
    ]);
  const drop = "-A FORWARD -m mark --mark 0x1 -j DROP";
  const unsure =
    `unknown: cannot tell what docker0 loses by a rule of mangle FORWARD: ${drop}`;
  const cases: [string, string, string][] = [
    ["in prerouting", "-A PREROUTING -i eth0 -j MARK --set-xmark 0x1", unsure],
    [
      "in input",
      "-A INPUT -p udp -m udp --dport 8472 -j MARK --set-xmark 0x1",
      unsure,
    ],
    ["another", "-A PREROUTING -i eth0 -j MARK --set-xmark 0x2/0x2", "ok"],
    ["of TCP", "-A PREROUTING -i eth0 -p tcp -j MARK --set-xmark 0x1", "ok"],
    ["nowhere", "-A PREROUTING -i eth1 -j MARK --set-xmark 0x1", "ok"],
  ];
  for (const [name, line, verdict] of cases) {
    await t.step(name, () => {
      const told = judged(FORWARD_DROP, vxlan([line], drop)).verdict;
      deepStrictEqual([...new Set(told.split("; "))].join("; "), verdict);
    });
  }
});
