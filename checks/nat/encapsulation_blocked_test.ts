import { deepStrictEqual } from "node:assert/strict";
import { captureFacts } from "../../tests/fixtures/capture.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  iptablesTable,
  nftTable,
  withMore,
  withRulesets,
} from "../../tests/fixtures/netfilter.ts";
import { largeNetwork } from "../../tests/fixtures/segment.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { storedRuleset } from "../../tests/support/rulesets.ts";
import { known } from "../../snapshot/fact.ts";
import { parseNft } from "../../flannel/firewall/parse_nft.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { ENCAPSULATION_BLOCKED } from "./encapsulation_blocked.ts";

function withInput(
  lines: readonly string[],
  policies: Record<string, "ACCEPT" | "DROP"> = {},
  facts: Facts = healthyVxlanFacts(),
): Facts {
  return withRulesets(facts, [{
    backend: "iptables-nft",
    tables: [iptablesTable("filter", lines, policies)],
  }]);
}

Deno.test("FD516 is ok where the tunnel's port is let in", async (t) => {
  const cases: [string, Facts][] = [
    ["a healthy host", healthyVxlanFacts()],
    ["another port", withInput(["-A INPUT -p udp -m udp --dport 53 -j DROP"])],
    [
      "TCP and all ports but its own",
      withInput([
        "-A INPUT -p tcp -j DROP",
        "-A INPUT -p udp -m udp ! --dport 8472 -j DROP",
      ]),
    ],
    [
      "an accept before a policy that drops",
      withInput(
        ["-A INPUT -s 192.168.1.0/24 -p udp -m udp --dport 8472 -j ACCEPT"],
        { INPUT: "DROP" },
      ),
    ],
    [
      "packets of no connection",
      withInput(["-A INPUT -m conntrack --ctstate INVALID -j DROP"]),
    ],
    [
      "a reverse path filter",
      withInput(["-A INPUT -m rpfilter --invert -j DROP"]),
    ],
    ...["docker28", "docker29", "kubernetes", "kubernetes_nft"].map((
      name,
    ): [string, Facts] => [
      name,
      withRulesets(healthyVxlanFacts(), [storedRuleset(name)]),
    ]),
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(ENCAPSULATION_BLOCKED, facts).verdict, "ok");
    });
  }
});

Deno.test("FD516 finds a firewall that lets in what it knows, and no tunnel", () => {
  const facts = withRulesets(healthyVxlanFacts(), [
    storedRuleset("iptables_services"),
  ]);
  deepStrictEqual(judged(ENCAPSULATION_BLOCKED, facts).lines, [
    "error in: -A INPUT -j REJECT --reject-with icmp-host-prohibited",
    "  rule -A INPUT -j REJECT --reject-with icmp-host-prohibited   (filter INPUT 5, iptables-nft)",
    "  takes udp port 8472 192.168.1.11/32, 192.168.1.12/32 to 192.168.1.10/32 coming in by eth0",
    "  $ iptables -I INPUT -s 192.168.1.11/32 -p udp --dport 8472 -j ACCEPT",
    "  $ iptables -I INPUT -s 192.168.1.12/32 -p udp --dport 8472 -j ACCEPT",
  ]);
  deepStrictEqual(sentences(ENCAPSULATION_BLOCKED, facts), [
    "What other hosts send through the tunnel (udp port 8472) is dropped on this host by `-A INPUT -j REJECT --reject-with icmp-host-prohibited` (iptables-nft, INPUT): containers here get nothing from other hosts.",
  ]);
});

Deno.test("FD516 asks the firewall's own command for it", () => {
  const ufw = withRulesets(healthyVxlanFacts(), [storedRuleset("ufw")]);
  deepStrictEqual(judged(ENCAPSULATION_BLOCKED, ufw).findings[0]?.commands, [
    "ufw allow proto udp from 192.168.1.11/32 to any port 8472",
    "ufw allow proto udp from 192.168.1.12/32 to any port 8472",
  ]);
  const table = nftTable("firewalld", {
    name: "filter_INPUT",
    hook: "input",
    type: "filter",
    priority: 10,
    policy: "DROP",
  }, []);
  const firewalld = withMore(healthyVxlanFacts(), "nftables", [table]);
  deepStrictEqual(
    judged(ENCAPSULATION_BLOCKED, firewalld).findings[0]?.commands,
    [
      ...["11", "12"].map((last) =>
        `firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="192.168.1.${last}/32" port port="8472" protocol="udp" accept'`
      ),
      "firewall-cmd --reload",
    ],
  );
});

function commandsOf(facts: Facts): readonly string[] {
  return judged(ENCAPSULATION_BLOCKED, facts).findings.map(({ commands }) =>
    commands[0]!
  );
}

Deno.test("FD516 goes before a deny of ufw's, and out by ufw too", () => {
  const facts = withInput([
    "-A INPUT -j ufw-before-input",
    "-A ufw-before-input -j ufw-user-input",
    "-A ufw-user-input -p udp -m udp --dport 8472 -j DROP",
    "-A OUTPUT -j ufw-before-output",
    "-A ufw-before-output -j ufw-user-output",
    "-A ufw-user-output -p udp -m udp --dport 8472 -j DROP",
  ]);
  deepStrictEqual(commandsOf(facts), [
    "ufw prepend allow proto udp from 192.168.1.11/32 to any port 8472",
    "ufw prepend allow out proto udp to 192.168.1.11/32 port 8472",
  ]);
});

/** Chains of firewalld's with iptables, for a host whose eth0 is in a zone. */
function firewalld(lines: readonly string[]): Facts {
  return withInput([
    "-A INPUT -j INPUT_ZONES",
    "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    "-A INPUT_ZONES -s 10.9.0.0/16 -g IN_trusted",
    "-A INPUT_ZONES -i docker0 -g IN_docker",
    "-A INPUT_ZONES -i eth0 -g IN_internal",
    "-A INPUT_ZONES -g IN_public",
    "-A IN_trusted -j ACCEPT",
    "-A IN_docker -j ACCEPT",
    "-A IN_public -j IN_public_deny",
    "-A IN_internal -j IN_internal_pre",
    "-A IN_internal -j IN_internal_deny",
    "-A IN_public_deny -j DROP",
    ...lines,
  ]);
}

Deno.test("FD516 names firewalld's zone, and goes before what denies there", async (t) => {
  const cases: [string, string[], string, string][] = [
    ["nothing lets it in", [], "internal", ""],
    [
      "a rule of the zone's",
      ["-A IN_internal -j REJECT"],
      "internal",
      "",
    ],
    [
      "a rich rule that denies",
      ["-A IN_internal_deny -p udp -m udp --dport 8472 -j DROP"],
      "internal",
      'priority="-1" ',
    ],
    [
      "a rich rule of a priority",
      ["-A IN_internal_pre -p udp -m udp --dport 8472 -j DROP"],
      "internal",
      'priority="-32768" ',
    ],
  ];
  for (const [name, lines, zone, priority] of cases) {
    await t.step(name, () => {
      deepStrictEqual(commandsOf(firewalld(lines)), [
        `firewall-cmd --permanent --zone=${zone} --add-rich-rule='rule ${priority}family="ipv4" source address="192.168.1.11/32" port port="8472" protocol="udp" accept'`,
      ]);
    });
  }
});

Deno.test("FD516 finds drops on the way out, before the filter, and of one host", async (t) => {
  const raw = (line: string) =>
    withRulesets(healthyVxlanFacts(), [{
      backend: "iptables-nft",
      tables: [iptablesTable("raw", [line])],
    }]);
  const cases: [string, Facts, string][] = [
    [
      "out",
      withInput(["-A OUTPUT -p udp -j DROP"]),
      "iptables -I OUTPUT -d 192.168.1.11/32 -p udp --dport 8472 -j ACCEPT",
    ],
    [
      "in",
      raw("-A PREROUTING -i eth0 -p udp -j DROP"),
      "iptables -t raw -I PREROUTING -s 192.168.1.11/32 -p udp --dport 8472 -j ACCEPT",
    ],
    [
      "partly",
      withInput(["-A INPUT -s 192.168.1.11/32 -j DROP"]),
      "iptables -I INPUT -s 192.168.1.11/32 -p udp --dport 8472 -j ACCEPT",
    ],
  ];
  for (const [variant, facts, command] of cases) {
    await t.step(variant, () => {
      const [finding, ...more] = judged(ENCAPSULATION_BLOCKED, facts).findings;
      deepStrictEqual(finding?.variant, variant);
      deepStrictEqual(finding?.commands[0], command);
      deepStrictEqual(more, []);
    });
  }
});

/** A network of vxlan with this many other hosts. */
function largeTunnel(count: number): Facts {
  const facts = largeNetwork(healthyVxlanFacts(), count);
  const expected = given(facts, "expected");
  const [example] = expected.neighbours;
  const neighbours = expected.routes.map(({ peer }) => ({ ...example!, peer }));
  return { ...facts, expected: known({ ...expected, neighbours }) };
}

Deno.test("FD516 names a network for many hosts", () => {
  const facts = withInput([], { INPUT: "DROP" }, largeTunnel(50));
  deepStrictEqual(
    judged(ENCAPSULATION_BLOCKED, facts).findings[0]?.commands,
    ["iptables -I INPUT -s 192.168.0.0/16 -p udp --dport 8472 -j ACCEPT"],
  );
});

Deno.test("FD516 is unknown where a rule may drop, and without the rules", () => {
  deepStrictEqual(
    judged(
      ENCAPSULATION_BLOCKED,
      withInput(["-A INPUT -m set --match-set banned src -j DROP"]),
    ).verdict,
    "unknown: cannot tell what eth0 loses by a rule of filter INPUT: -A INPUT -m set --match-set banned src -j DROP",
  );
  deepStrictEqual(
    judged(ENCAPSULATION_BLOCKED, withInput(["-A INPUT -j NFQUEUE"])).verdict,
    "unknown: cannot tell what eth0 loses by a rule of filter INPUT: -A INPUT -j NFQUEUE",
  );
  deepStrictEqual(
    judged(ENCAPSULATION_BLOCKED, without(healthyVxlanFacts(), "netfilter"))
      .verdict,
    "unknown: not looked at",
  );
});

const ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
const ACCEPT_PEER = "-s 192.168.77.2 -p udp -m udp --dport 8285 -j ACCEPT";

function udp(
  lines: readonly string[],
  policies?: Record<string, "ACCEPT" | "DROP">,
): Facts {
  return withInput(lines, policies, captureFacts("udp", "ha"));
}

Deno.test("FD516 asks for the other hosts of the udp backend", async (t) => {
  await t.step("let in one by one", () => {
    const facts = udp([`-A INPUT ${ACCEPT_PEER}`], { INPUT: "DROP" });
    deepStrictEqual(judged(ENCAPSULATION_BLOCKED, facts).verdict, "ok");
  });
  await t.step("dropped in both directions", () => {
    const facts = udp([
      "-A INPUT -s 192.168.77.2 -p udp -m udp --dport 8285 -j DROP",
      "-A OUTPUT -d 192.168.77.2 -p udp -m udp --dport 8285 -j DROP",
    ]);
    deepStrictEqual(judged(ENCAPSULATION_BLOCKED, facts).lines, [
      "error in: -A INPUT -s 192.168.77.2 -p udp -m udp --dport 8285 -j DROP",
      "  rule -A INPUT -s 192.168.77.2 -p udp -m udp --dport 8285 -j DROP   (filter INPUT 1, iptables-nft)",
      "  takes udp port 8285 192.168.77.2/32 to 192.168.77.1/32 coming in by eth0",
      "  $ iptables -I INPUT -s 192.168.77.2/32 -p udp --dport 8285 -j ACCEPT",
      "error out: -A OUTPUT -d 192.168.77.2 -p udp -m udp --dport 8285 -j DROP",
      "  rule -A OUTPUT -d 192.168.77.2 -p udp -m udp --dport 8285 -j DROP   (filter OUTPUT 1, iptables-nft)",
      "  takes udp port 8285 192.168.77.1/32 to 192.168.77.2/32 leaving by eth0",
      "  $ iptables -I OUTPUT -d 192.168.77.2/32 -p udp --dport 8285 -j ACCEPT",
    ]);
  });
});

Deno.test("FD516 knows that udp answers from the port it was asked at", async (t) => {
  const cases: [string, Facts, string[]][] = [
    [
      "answers get in",
      udp([`-A INPUT ${ESTABLISHED}`, "-A INPUT -j REJECT"]),
      ["warning in-first"],
    ],
    [
      "answers get out",
      udp([`-A OUTPUT ${ESTABLISHED}`], { OUTPUT: "DROP" }),
      ["warning out-first"],
    ],
    [
      "nobody begins",
      udp([`-A INPUT ${ESTABLISHED}`, `-A OUTPUT ${ESTABLISHED}`], {
        INPUT: "DROP",
        OUTPUT: "DROP",
      }),
      ["error in", "error out"],
    ],
    ["no answer gets in", udp([], { INPUT: "DROP" }), ["error in"]],
    [
      "first packets and answers are lost in two places",
      udp([
        "-A INPUT -p udp -m conntrack --ctstate NEW -j DROP",
        "-A INPUT -p udp -j DROP",
      ]),
      ["error in"],
    ],
    [
      "vxlan has no answers",
      withInput([`-A INPUT ${ESTABLISHED}`, "-A INPUT -j REJECT"]),
      ["error in"],
    ],
  ];
  for (const [name, facts, found] of cases) {
    await t.step(name, () => {
      const { lines } = judged(ENCAPSULATION_BLOCKED, facts);
      const heads = lines.filter((line) => !line.startsWith(" "));
      deepStrictEqual(heads.map((line) => line.split(":")[0]), found);
    });
  }
  await t.step("only answers are lost", () => {
    const facts = udp([
      "-A INPUT -p udp -m conntrack --ctstate NEW -j ACCEPT",
      "-A INPUT -p udp -j DROP",
    ]);
    deepStrictEqual(
      judged(ENCAPSULATION_BLOCKED, facts).verdict,
      "unknown: cannot tell what eth0 loses by a rule of filter INPUT: -A INPUT -p udp -j DROP",
    );
  });
});

Deno.test("FD516 asks nothing of hosts that DirectRouting reaches", () => {
  const shut = { INPUT: "DROP" } as const;
  const direct = withInput(
    [],
    shut,
    captureFacts("vxlan-direct-routing", "ha"),
  );
  deepStrictEqual(judged(ENCAPSULATION_BLOCKED, direct).verdict, "ok");
  const tunnelled = withInput([], shut, captureFacts("vxlan", "ha"));
  deepStrictEqual(judged(ENCAPSULATION_BLOCKED, tunnelled).verdict, "failed");
});

/** A chain at input of nftables, from the JSON that nft prints. */
function withNft(
  policy: "accept" | "drop",
  rules: readonly (readonly unknown[])[],
  sets: Record<string, readonly unknown[]> = {},
): Facts {
  const place = { family: "inet", table: "filter" };
  const entries = [
    { table: { family: "inet", name: "filter" } },
    ...Object.entries(sets).map(([name, elem]) => ({
      set: { ...place, name, elem },
    })),
    {
      chain: {
        ...place,
        name: "input",
        type: "filter",
        hook: "input",
        prio: 0,
        policy,
      },
    },
    ...rules.map((expr, handle) => ({
      rule: { ...place, chain: "input", handle, expr },
    })),
  ];
  const tables = parseNft(JSON.stringify({ nftables: entries }));
  return withMore(healthyVxlanFacts(), "nftables", tables);
}

function match(left: unknown, right: unknown) {
  return { match: { op: "==", left, right } };
}

function udpField(field: string) {
  return { payload: { protocol: "udp", field } };
}

const SOURCE = { payload: { protocol: "ip", field: "saddr" } };
const PROTOCOL = { meta: { key: "l4proto" } };
const ACCEPT = { accept: null };
const DROP = { drop: null };

Deno.test("FD516 finds what a firewall's own rules around it do not let in", async (t) => {
  const cases: [string, Facts][] = [
    [
      "ufw's: DHCP, and addresses that are not local",
      withInput([
        "-A INPUT -p udp -m udp --sport 67 --dport 68 -j ACCEPT",
        "-A INPUT -m addrtype --dst-type LOCAL -j X",
        "-A X -m addrtype --dst-type BROADCAST -j ACCEPT",
        "-A X -m addrtype --dst-type MULTICAST -j ACCEPT",
      ], { INPUT: "DROP" }),
    ],
    [
      "firewalld's: both ICMPs",
      withNft("accept", [
        [match(PROTOCOL, { set: ["icmp", "ipv6-icmp"] }), ACCEPT],
        [{ reject: { type: "icmpx", expr: "admin-prohibited" } }],
      ]),
    ],
    [
      "an address of this host at its device, and no reverse path filter",
      withNft("accept", [[
        match(
          { fib: { result: "type", flags: ["daddr", "iif"] } },
          { set: ["local", "broadcast"] },
        ),
        match(udpField("dport"), 8472),
        DROP,
      ]]),
    ],
    [
      "the opposite of a reverse path filter",
      withInput([
        "-A INPUT -m rpfilter --invert -j ACCEPT",
        "-A INPUT -m rpfilter -j DROP",
      ]),
    ],
    [
      "a set of other ports",
      withNft("drop", [[match(udpField("dport"), "@ok"), ACCEPT]], {
        ok: [53, { range: [9000, 9100] }],
      }),
    ],
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => {
      const { verdict, findings } = judged(ENCAPSULATION_BLOCKED, facts);
      deepStrictEqual([verdict, findings[0]?.variant], ["failed", "in"]);
    });
  }
});

Deno.test("FD516 is ok where rules are for what is no tunnel's", async (t) => {
  const cases: [string, Facts][] = [
    ...[
      "-p udp -m udp --sport 137 --dport 137",
      "-p udp -m multiport --ports 137,138",
      "-p udp -m udp --sport 0",
      "-p udp -m length --length 0:28",
      "-m pkttype --pkt-type broadcast",
      "-m addrtype --dst-type ANYCAST",
      "-m addrtype --src-type BROADCAST",
      "-f",
    ].map((asked): [string, Facts] => [
      asked,
      withInput([`-A INPUT ${asked} -j DROP`]),
    ]),
    [
      "a set of other ports to drop",
      withNft("accept", [[match(udpField("dport"), "@bad"), DROP]], {
        bad: [137, { elem: { val: 138, timeout: 60 } }],
      }),
    ],
    [
      "a set with its port to accept",
      withNft("drop", [[match(udpField("dport"), "@ok"), ACCEPT]], {
        ok: [53, { range: [8000, 9000] }],
      }),
    ],
    [
      "its protocol and port",
      withNft("drop", [[
        match({
          concat: [PROTOCOL, { payload: { protocol: "th", field: "dport" } }],
        }, {
          set: [{ concat: ["tcp", 22] }, { concat: ["udp", 8472] }],
        }),
        ACCEPT,
      ]]),
    ],
    [
      "each host and its port, by name",
      withNft("drop", [[
        match({ concat: [SOURCE, udpField("dport")] }, "@hosts"),
        ACCEPT,
      ]], {
        hosts: ["11", "12"].map((last) => ({
          concat: [`192.168.1.${last}`, 8472],
        })),
      }),
    ],
    [
      "a reverse path filter of nftables",
      withNft("accept", [[
        match({ fib: { result: "oif", flags: ["saddr", "iif"] } }, false),
        DROP,
      ]]),
    ],
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(ENCAPSULATION_BLOCKED, facts).verdict, "ok");
    });
  }
});

Deno.test("FD516 is unknown where a set of ports cannot be read", () => {
  const facts = withNft("drop", [[match(udpField("dport"), "@gone"), ACCEPT]]);
  deepStrictEqual(
    judged(ENCAPSULATION_BLOCKED, facts).verdict,
    "unknown: cannot tell what eth0 loses by a rule of filter input: -P input DROP",
  );
});

/** Rules for what comes in: of raw and mangle first, then of filter. */
function withPath(
  raw: readonly string[],
  mangle: readonly string[],
  filter: readonly string[],
): Facts {
  return withRulesets(healthyVxlanFacts(), [{
    backend: "iptables-nft",
    tables: [
      iptablesTable("raw", raw),
      iptablesTable("mangle", mangle),
      iptablesTable("filter", filter),
    ],
  }]);
}

const PORT = "-p udp -m udp --dport 8472";
const NOTRACK = `-A PREROUTING ${PORT} -j CT --notrack`;

Deno.test("FD516 goes by what an earlier hook made of the packets", async (t) => {
  const drop = "-A INPUT -p udp -j DROP";
  const marked = "-A INPUT -m mark --mark 0x1 -j ACCEPT";
  const cases: [string, Facts, string, string?][] = [
    [
      "a mark that is accepted",
      withPath([], [`-A PREROUTING ${PORT} -j MARK --set-xmark 0x1`], [
        marked,
        drop,
      ]),
      "ok",
    ],
    [
      "a mark for one host only",
      withPath(
        [],
        [`-A PREROUTING -s 192.168.1.11/32 -j MARK --set-xmark 0x1`],
        [marked, drop],
      ),
      "failed",
      "partly",
    ],
    [
      "a mark that nobody knows",
      withPath([], ["-A PREROUTING -j CONNMARK --restore-mark"], [
        marked,
        drop,
      ]),
      "unknown: cannot tell what eth0 loses by a rule of filter INPUT: -A INPUT -p udp -j DROP",
    ],
    [
      "untracked packets that are accepted",
      withPath([NOTRACK], [], [
        "-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT",
        drop,
      ]),
      "ok",
    ],
    [
      "untracked packets that are dropped",
      withPath([NOTRACK], [], [
        "-A INPUT -m conntrack --ctstate NEW -j ACCEPT",
        "-A INPUT -m conntrack --ctstate INVALID,UNTRACKED -j DROP",
      ]),
      "failed",
      "in",
    ],
    [
      "packets of which it is not known whether they are tracked",
      withPath([`-A PREROUTING -m set --match-set s src -j CT --notrack`], [], [
        "-A INPUT -m conntrack --ctstate UNTRACKED -j DROP",
      ]),
      "unknown: cannot tell what eth0 loses by a rule of filter INPUT: -A INPUT -m conntrack --ctstate UNTRACKED -j DROP",
    ],
    [
      "the mark of a container's packet, which the tunnel keeps",
      withPath([], ["-A FORWARD -o flannel.1 -j MARK --set-xmark 0x1"], [
        "-A OUTPUT -m mark --mark 0x1 -j DROP",
      ]),
      "unknown: cannot tell what eth0 loses by a rule of filter OUTPUT: -A OUTPUT -m mark --mark 0x1 -j DROP",
    ],
  ];
  for (const [name, facts, verdict, variant] of cases) {
    await t.step(name, () => {
      const told = judged(ENCAPSULATION_BLOCKED, facts);
      deepStrictEqual(
        [told.verdict, told.findings[0]?.variant],
        [verdict, variant],
      );
    });
  }
});

Deno.test("FD516 has nothing to judge without a tunnel", () => {
  deepStrictEqual(
    judged(ENCAPSULATION_BLOCKED, healthyFacts()).verdict,
    "skipped: no-tunnel",
  );
});
