import assert from "node:assert/strict";
import { parseIptablesRule } from "./parse_iptables_rule.ts";
import type { Match, Target } from "./rule.ts";

const CHAINS = new Set(["X", "DOCKER", "KUBE-MARK-MASQ"]);

function is<T>(value: T) {
  return { not: false, value };
}

function isNot<T>(value: T) {
  return { not: true, value };
}

type Case = [text: string, match: Partial<Match>, target: Target];

const ACCEPT: Target = { kind: "ACCEPT" };

/** Lines as iptables-save 1.4 to 1.8 prints them, and as people type them. */
const CASES: readonly Case[] = [
  ["-j ACCEPT", {}, ACCEPT],
  ["-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE", {
    source: is(["172.7.21.0/24"]),
    outDevice: isNot(["docker0"]),
  }, { kind: "MASQUERADE", randomFully: false }],
  ["-s 172.7.21.5/24 -j ACCEPT", { source: is(["172.7.21.0/24"]) }, ACCEPT],
  ["-s 10.0.0.1 -j ACCEPT", { source: is(["10.0.0.1/32"]) }, ACCEPT],
  ["-s 10.0.0.0/255.255.240.0 -j ACCEPT", {
    source: is(["10.0.0.0/20"]),
  }, ACCEPT],
  ["-s 0.0.0.0/0 -d 0.0.0.0/0 -j ACCEPT", {}, ACCEPT],
  ["-s ! 10.0.0.0/8 -j ACCEPT", { source: isNot(["10.0.0.0/8"]) }, ACCEPT],
  ["-s fd00::1/64 -j ACCEPT", { source: is(["fd00::/64"]) }, ACCEPT],
  ["-s 10.0.0.0/255.0.255.0 -j DROP", {
    other: ["-s 10.0.0.0/255.0.255.0"],
  }, { kind: "DROP" }],
  ["-s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully", {
    source: is(["172.7.0.0/16"]),
    destination: isNot(["224.0.0.0/4"]),
  }, { kind: "MASQUERADE", randomFully: true }],
  ["-i veth+ -o br-0123 -j X", {
    inDevice: is(["veth+"]),
    outDevice: is(["br-0123"]),
  }, { kind: "JUMP", chain: "X" }],
  ["-o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", {
    outDevice: is(["docker0"]),
    ctState: is(["RELATED", "ESTABLISHED"]),
  }, ACCEPT],
  ["-m state --state NEW -j ACCEPT", { ctState: is(["NEW"]) }, ACCEPT],
  ["-p gre -m conntrack ! --ctstate INVALID,NEW --ctorigdst 10.0.0.0/8 -j X", {
    protocol: is("gre"),
    ctState: isNot(["INVALID", "NEW"]),
    other: ["-m conntrack --ctorigdst 10.0.0.0/8"],
  }, { kind: "JUMP", chain: "X" }],
  ["-m addrtype --dst-type LOCAL -j DOCKER", {
    destinationType: is("LOCAL"),
  }, { kind: "JUMP", chain: "DOCKER" }],
  ["-m addrtype ! --src-type LOCAL --limit-iface-in -j ACCEPT", {
    sourceType: isNot("LOCAL"),
    other: ["-m addrtype --limit-iface-in"],
  }, ACCEPT],
  ["-m mark ! --mark 0x4000/0x4000 -j RETURN", {
    mark: isNot({ value: 0x4000, mask: 0x4000 }),
  }, { kind: "RETURN" }],
  ["-m mark --mark 7 -j RETURN", {
    mark: is({ value: 7, mask: 0xffffffff }),
  }, { kind: "RETURN" }],
  ["! -p tcp -j ACCEPT", { protocol: isNot("tcp") }, ACCEPT],
  ["-p 6 -j ACCEPT", { protocol: is("tcp") }, ACCEPT],
  ["-p all -j ACCEPT", {}, ACCEPT],
  ["-p tcp -m tcp -j ACCEPT", { protocol: is("tcp") }, ACCEPT],
  ["-p tcp -m tcp ! --dport 80 --tcp-flags SYN,RST SYN -j ACCEPT", {
    protocol: is("tcp"),
    other: ["-m tcp ! --dport 80 --tcp-flags SYN,RST SYN"],
  }, ACCEPT],
  ["-p tcp --dport 80 -j ACCEPT", {
    protocol: is("tcp"),
    other: ["--dport 80"],
  }, ACCEPT],
  ["-p udp -m multiport --dports 1,2:5 -j ACCEPT", {
    protocol: is("udp"),
    other: ["-m multiport --dports 1,2:5"],
  }, ACCEPT],
  ["-m iprange --src-range 10.0.0.1-10.0.0.3 -j ACCEPT", {
    source: is(["10.0.0.1/32", "10.0.0.2/31"]),
  }, ACCEPT],
  ["-m set --match-set foo src,dst -j ACCEPT", {
    other: ["-m set --match-set foo src,dst"],
  }, ACCEPT],
  ["-m physdev --physdev-is-bridged -g X", {
    other: ["-m physdev --physdev-is-bridged"],
  }, { kind: "GOTO", chain: "X" }],
  ["-m rpfilter --invert -j DROP", { other: ["-m rpfilter --invert"] }, {
    kind: "DROP",
  }],
  ["-m socket -j ACCEPT", { other: ["-m socket"] }, ACCEPT],
  ["-f -j DROP", { other: ["-f"] }, { kind: "DROP" }],
  [
    "-p icmp -m icmp --icmp-type 8 -j REJECT --reject-with icmp-host-prohibited",
    {
      protocol: is("icmp"),
      other: ["-m icmp --icmp-type 8"],
    },
    { kind: "REJECT", with: "icmp-host-prohibited" },
  ],
  ["-j SNAT --to-source 1.2.3.4 --random-fully", {}, {
    kind: "SNAT",
    to: "1.2.3.4",
  }],
  ["-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80", {
    protocol: is("tcp"),
    other: ["-m tcp --dport 80"],
  }, { kind: "DNAT", to: "10.0.0.1:80" }],
  ["-j MARK --set-xmark 0x4000/0x4000", {}, {
    kind: "MARK",
    value: 0x4000,
    mask: 0x4000,
  }],
  ["-j MARK --set-xmark 0x4000/0x0", {}, {
    kind: "MARK",
    value: 0x4000,
    mask: 0,
  }],
  ["-j MARK --and-mark 0xfffeffff", {}, {
    kind: "MARK",
    value: 0,
    mask: 0x10000,
  }],
  ['-j LOG --log-prefix "a -j DROP" --log-level 7', {}, {
    kind: "OTHER",
    text: 'LOG --log-prefix "a -j DROP" --log-level 7',
  }],
  ["-p tcp -j REDIRECT --to-ports 8080", { protocol: is("tcp") }, {
    kind: "OTHER",
    text: "REDIRECT --to-ports 8080",
  }],
  ["-s 10.0.0.0/8", { source: is(["10.0.0.0/8"]) }, { kind: "CONTINUE" }],
];

Deno.test("parseIptablesRule() reads matches and targets", async (t) => {
  for (const [text, match, target] of CASES) {
    await t.step(text, () => {
      const rule = parseIptablesRule(`-A FORWARD ${text}`, CHAINS);
      assert.deepEqual(rule.match, { other: [], ...match });
      assert.deepEqual(rule.target, target);
      assert.equal(rule.text, `-A FORWARD ${text}`);
      assert.deepEqual(parseIptablesRule(text, CHAINS).match, rule.match);
    });
  }
});

Deno.test("parseIptablesRule() keeps comments apart", async (t) => {
  const cases: [string, string][] = [
    ['-m comment --comment "flanneld masq" -j ACCEPT', "flanneld masq"],
    ["-m comment --comment plain -j ACCEPT", "plain"],
    ["-m comment --comment -j -j ACCEPT", "-j"],
    [
      '-m comment --comment "name: \\"cbr0\\" id: \\"1\\"" -j ACCEPT',
      'name: "cbr0" id: "1"',
    ],
  ];
  for (const [text, comment] of cases) {
    await t.step(text, () => {
      const rule = parseIptablesRule(text, CHAINS);
      assert.equal(rule.comment, comment);
      assert.deepEqual(rule.match.other, []);
      assert.deepEqual(rule.target, ACCEPT);
    });
  }
});

Deno.test("parseIptablesRule() keeps what it cannot read as text", async (t) => {
  for (
    const text of ['-m comment --comment "open', "-s", "-j", "-m mark --mark"]
  ) {
    await t.step(text, () => {
      const rule = parseIptablesRule(`-A X ${text}`, CHAINS);
      assert.equal(rule.text, `-A X ${text}`);
      assert.ok(rule.match.other.length > 0, "no match nobody can evaluate");
    });
  }
});
