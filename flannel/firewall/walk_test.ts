import assert from "node:assert/strict";
import { cpuTime } from "../../tests/support/cpu_time.ts";
import {
  iptablesRuleset,
  storedRuleset,
} from "../../tests/support/rulesets.ts";
import type { PacketClass } from "./packet_class.ts";
import type { Ruleset } from "./rule.ts";
import { type HookWalk, type WalkHit, walkHook } from "./walk.ts";

/** A walk as an administrator would tell it. */
function story(walk: HookWalk): string[] {
  const line = (word: string) => (hit: WalkHit) =>
    `${word} ${hit.part}: ${
      hit.rule === null ? `policy of ${hit.table} ${hit.chain}` : hit.rule.text
    }`;
  return [
    ...walk.accepted.map(line("accept")),
    ...walk.dropped.map(line("drop")),
    ...walk.rewritten.map(line("rewrite")),
    ...walk.unclear.map(line("unclear")),
    `passed ${walk.passed}, untouched ${walk.untouched}`,
  ];
}

function packets(
  source: string,
  destination: string,
  devices = "docker0 eth0",
  more: Partial<PacketClass> = {},
): PacketClass {
  const [inDevice, outDevice] = devices.split(" ");
  return {
    source: [source],
    destination: destination.split(","),
    ...inDevice === "?" ? {} : { inDevice: inDevice! },
    ...outDevice === "?" ? {} : { outDevice: outDevice! },
    ...more,
  };
}

const SUBNET = "172.7.21.0/24";
const PEERS = "172.7.128.0/17";

interface Scenario {
  readonly name: string;
  readonly rulesets: readonly Ruleset[];
  readonly hook: string;
  readonly packets: PacketClass;
  readonly story: readonly string[];
}

const STORED: readonly Scenario[] = [
  {
    name: "Docker 20 accepts what leaves its bridge",
    rulesets: [storedRuleset("host-gw/ha")],
    hook: "forward",
    packets: packets("172.7.61.0/24", PEERS),
    story: [
      "accept whole: -A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "flannel's own rule lets the other direction in",
    rulesets: [storedRuleset("host-gw/ha")],
    hook: "forward",
    packets: packets(PEERS, "172.7.61.0/24", "eth0 docker0"),
    story: [
      "accept whole: -A FORWARD -s 172.7.0.0/16 -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "Docker 20 masquerades overlay traffic",
    rulesets: [storedRuleset("host-gw/ha")],
    hook: "postrouting",
    packets: packets("172.7.61.0/24", PEERS),
    story: [
      "rewrite whole: -A POSTROUTING -s 172.7.61.0/24 ! -o docker0 -j MASQUERADE",
      "passed whole, untouched null",
    ],
  },
  {
    name: "flannel v0.11 returns before it masquerades",
    rulesets: [storedRuleset("host-gw-ip-masq/ha")],
    hook: "postrouting",
    packets: packets("172.7.36.0/24", PEERS),
    story: ["passed whole, untouched whole"],
  },
  {
    name: "flannel v0.11 masquerades a stranger to a remote container",
    rulesets: [storedRuleset("host-gw-ip-masq/ha")],
    hook: "postrouting",
    packets: packets("192.0.2.0/24", PEERS, "eth1 eth0"),
    story: [
      "rewrite whole: -A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE --random-fully",
      "passed whole, untouched null",
    ],
  },
  {
    name: "Docker 28 drops new packets to its bridge before flannel's accept",
    rulesets: [storedRuleset("docker28")],
    hook: "forward",
    packets: packets(PEERS, SUBNET, "flannel.1 docker0"),
    story: [
      "accept partly: -A DOCKER -d 172.7.21.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
      "drop partly: -A DOCKER ! -i docker0 -o docker0 -j DROP",
      "passed partly, untouched partly",
    ],
  },
  {
    name: "Docker 28 lets answers back in",
    rulesets: [storedRuleset("docker28")],
    hook: "forward",
    packets: packets(PEERS, SUBNET, "flannel.1 docker0", {
      ctState: "ESTABLISHED",
    }),
    story: [
      "accept whole: -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "Docker 28 drops direct access in raw",
    rulesets: [storedRuleset("docker28")],
    hook: "prerouting",
    packets: packets(PEERS, SUBNET, "flannel.1 docker0"),
    story: [
      "drop partly: -A PREROUTING -d 172.7.21.2/32 ! -i docker0 -j DROP",
      "passed partly, untouched partly",
    ],
  },
  {
    name: "Docker 29 masquerades through a verdict map",
    rulesets: [storedRuleset("docker29")],
    hook: "postrouting",
    packets: packets(SUBNET, PEERS),
    story: [
      'rewrite whole: oifname != "docker0" ip saddr 172.7.21.0/24 counter masquerade comment "MASQUERADE"',
      "passed whole, untouched null",
    ],
  },
  {
    name: "Docker 29 drops unpublished ports through a verdict map",
    rulesets: [storedRuleset("docker29")],
    hook: "forward",
    packets: packets(PEERS, SUBNET, "eth0 docker0"),
    story: [
      'drop whole: counter drop comment "UNPUBLISHED PORT DROP"',
      "passed null, untouched null",
    ],
  },
  {
    name: "Docker 29 has a raw chain too",
    rulesets: [storedRuleset("docker29")],
    hook: "prerouting",
    packets: packets(PEERS, "172.7.21.2/32", "eth0 docker0"),
    story: [
      'drop whole: ip daddr 172.7.21.2 iifname != "docker0" counter drop comment "DROP DIRECT ACCESS"',
      "passed null, untouched null",
    ],
  },
  {
    name: "kube-proxy and flannel leave pods alone",
    rulesets: [storedRuleset("kubernetes")],
    hook: "postrouting",
    packets: packets("10.244.1.0/24", "10.244.2.0/23", "cni0 flannel.1"),
    story: ["passed whole, untouched whole"],
  },
  {
    name: "kube-proxy masquerades what it marked",
    rulesets: [storedRuleset("kubernetes")],
    hook: "postrouting",
    packets: packets("10.244.1.0/24", "10.244.2.0/23", "cni0 flannel.1", {
      mark: 0x4000,
    }),
    story: [
      'rewrite whole: -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
      "passed whole, untouched null",
    ],
  },
  {
    name: "kube-proxy rewrites what goes to a service, by port",
    rulesets: [storedRuleset("kubernetes")],
    hook: "prerouting",
    packets: packets("10.244.1.0/24", "10.96.0.0/12", "cni0 ?"),
    story: [
      'rewrite partly: -A KUBE-SEP-AAAAAAAAAAAAAAAA -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp -j DNAT --to-destination 10.244.1.7:53',
      "passed whole, untouched partly",
    ],
  },
  {
    name: "an invalid packet's drop is known to be for invalid ones",
    rulesets: [storedRuleset("kubernetes")],
    hook: "forward",
    packets: packets("10.244.1.0/24", "10.244.2.0/23", "cni0 flannel.1"),
    story: [
      'accept whole: -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      "passed whole, untouched whole",
    ],
  },
  {
    name: "kube-proxy's and flannel's nftables mode",
    rulesets: [storedRuleset("kubernetes_nft")],
    hook: "postrouting",
    packets: packets("10.244.1.0/24", "10.244.2.0/23", "cni0 flannel.1"),
    story: ["passed whole, untouched whole"],
  },
  {
    name: "a service map of three fields makes no promise",
    rulesets: [storedRuleset("kubernetes_nft")],
    hook: "prerouting",
    packets: packets("10.244.1.0/24", "10.96.0.0/12", "cni0 ?"),
    story: [
      "unclear maybe: ip daddr . meta l4proto . th dport vmap @service-ips",
      "passed maybe, untouched maybe",
    ],
  },
  {
    name: "iptables-services rejects before flannel accepts",
    rulesets: [storedRuleset("iptables_services")],
    hook: "forward",
    packets: packets(SUBNET, PEERS),
    story: [
      "drop whole: -A FORWARD -j REJECT --reject-with icmp-host-prohibited",
      "passed null, untouched null",
    ],
  },
  {
    name: "ufw's policy drops, but for what it allows",
    rulesets: [storedRuleset("ufw")],
    hook: "forward",
    packets: packets(PEERS, "172.7.0.0/16", "eth0 docker0"),
    story: [
      "accept partly: -A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT",
      "accept partly: -A ufw-user-forward -p tcp -m multiport --dports 80,443 -d 172.7.21.0/24 -j ACCEPT",
      "drop partly: policy of filter FORWARD",
      "passed partly, untouched partly",
    ],
  },
  {
    name: "firewalld rejects though iptables accepts",
    rulesets: [storedRuleset("host-gw/ha"), storedRuleset("firewalld")],
    hook: "forward",
    packets: packets(PEERS, "172.7.61.0/24", "eth0 docker0"),
    story: [
      "accept whole: -A FORWARD -s 172.7.0.0/16 -j ACCEPT",
      "accept partly: meta l4proto { icmp, ipv6-icmp } accept",
      "drop partly: reject with icmpx admin-prohibited",
      "passed partly, untouched partly",
    ],
  },
  {
    name: "the first of two nat chains rewrites",
    rulesets: [storedRuleset("firewalld"), storedRuleset("host-gw/ha")],
    hook: "postrouting",
    packets: packets("172.7.61.0/24", PEERS),
    story: [
      "rewrite whole: -A POSTROUTING -s 172.7.61.0/24 ! -o docker0 -j MASQUERADE",
      "passed whole, untouched null",
    ],
  },
];

Deno.test("walkHook() tells what becomes of traffic on known hosts", async (t) => {
  for (const { name, rulesets, hook, packets, story: wanted } of STORED) {
    await t.step(name, () => {
      assert.deepEqual(story(walkHook(rulesets, hook, packets)), wanted);
    });
  }
});

/** Walks `table` rules given as lines, from 10.0.0.0/24 to 10.1.0.0/24. */
function walkLines(
  table: string,
  hook: string,
  lines: string,
  more: Partial<PacketClass> = {},
): string[] {
  const text = `*${table}\n${lines.trim()}\nCOMMIT\n`;
  return story(
    walkHook([iptablesRuleset(text)], hook, {
      ...packets("10.0.0.0/24", "10.1.0.0/24"),
      ...more,
    }),
  );
}

interface Lines {
  readonly name: string;
  readonly table?: string;
  readonly hook?: string;
  readonly more?: Partial<PacketClass>;
  readonly lines: string;
  readonly story: readonly string[];
}

const RULES: readonly Lines[] = [
  {
    name: "a rule for half of the sources takes a part",
    lines: ":FORWARD ACCEPT\n-A FORWARD -s 10.0.0.0/25 -j DROP",
    story: [
      "drop partly: -A FORWARD -s 10.0.0.0/25 -j DROP",
      "passed partly, untouched partly",
    ],
  },
  {
    name: "two halves make the whole for the policy of neither",
    lines: `:FORWARD DROP
-A FORWARD -s 10.0.0.0/25 -j ACCEPT
-A FORWARD -s 10.0.0.128/25 -j ACCEPT`,
    story: [
      "accept partly: -A FORWARD -s 10.0.0.0/25 -j ACCEPT",
      "accept partly: -A FORWARD -s 10.0.0.128/25 -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "one rule reached by two ways takes the whole",
    lines: `:FORWARD ACCEPT
:X -
-A FORWARD -s 10.0.0.0/25 -j X
-A FORWARD -d 10.1.0.0/25 -j X
-A FORWARD -j X
-A X -j DROP`,
    story: ["drop whole: -A X -j DROP", "passed null, untouched null"],
  },
  {
    name: "! -d of the destination matches nothing",
    lines: ":FORWARD ACCEPT\n-A FORWARD ! -d 10.1.0.0/16 -j DROP",
    story: ["passed whole, untouched whole"],
  },
  {
    name: "RETURN goes back to the caller, GOTO does not come back to it",
    lines: `:FORWARD DROP
:X -
:Y -
-A FORWARD -j X
-A FORWARD -g Y
-A FORWARD -j ACCEPT
-A X -j RETURN
-A X -j ACCEPT
-A Y -s 10.0.0.1/32 -j ACCEPT`,
    story: [
      "accept partly: -A Y -s 10.0.0.1/32 -j ACCEPT",
      "drop partly: policy of filter FORWARD",
      "passed partly, untouched partly",
    ],
  },
  {
    name: "RETURN in a base chain means its policy",
    lines: ":FORWARD DROP\n-A FORWARD -j RETURN\n-A FORWARD -j ACCEPT",
    story: [
      "drop whole: policy of filter FORWARD",
      "passed null, untouched null",
    ],
  },
  {
    name: "what cannot be evaluated makes maybe, and all after it too",
    lines: `:FORWARD DROP
-A FORWARD -m set --match-set foo src -j ACCEPT`,
    story: [
      "accept maybe: -A FORWARD -m set --match-set foo src -j ACCEPT",
      "drop maybe: policy of filter FORWARD",
      "passed maybe, untouched maybe",
    ],
  },
  {
    name: "a jump on such a match does not lose the packets",
    lines: `:FORWARD DROP
:X -
-A FORWARD -m set --match-set foo src -j X
-A FORWARD -j ACCEPT
-A X -s 10.0.0.0/25 -j DROP`,
    story: [
      "accept maybe: -A FORWARD -j ACCEPT",
      "drop maybe: -A X -s 10.0.0.0/25 -j DROP",
      "passed maybe, untouched maybe",
    ],
  },
  {
    name: "a jump to where nothing happens takes nothing",
    lines: `:FORWARD DROP
:X -
-A FORWARD -m set --match-set foo src -j X
-A FORWARD -p tcp -m tcp --dport 80 -j X
-A FORWARD -j ACCEPT
-A X -m limit --limit 3/min -j LOG
-A X -s 10.9.0.0/16 -j DROP`,
    story: [
      "accept whole: -A FORWARD -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "a rule that only counts changes nothing",
    lines: `:FORWARD ACCEPT
-A FORWARD -m set --match-set foo src
-A FORWARD -j LOG --log-prefix "x"
-A FORWARD -j NFLOG`,
    story: ["passed whole, untouched whole"],
  },
  {
    name: "NFQUEUE is anybody's guess",
    lines: ":FORWARD ACCEPT\n-A FORWARD -j NFQUEUE --queue-num 0",
    story: [
      "unclear maybe: -A FORWARD -j NFQUEUE --queue-num 0",
      "passed maybe, untouched maybe",
    ],
  },
  {
    name: "a protocol is a part of any",
    lines: `:FORWARD DROP
-A FORWARD -p tcp -j ACCEPT
-A FORWARD ! -p tcp -j ACCEPT`,
    story: [
      "accept partly: -A FORWARD -p tcp -j ACCEPT",
      "accept partly: -A FORWARD ! -p tcp -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "a protocol that is asked for",
    more: { protocol: "udp" },
    lines: ":FORWARD DROP\n-A FORWARD -p udp -j ACCEPT",
    story: [
      "accept whole: -A FORWARD -p udp -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "bridged packets are no routed ones",
    lines:
      ":FORWARD DROP\n-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT",
    story: [
      "drop whole: policy of filter FORWARD",
      "passed null, untouched null",
    ],
  },
  {
    name: "devices that are not known",
    more: packets("10.0.0.0/24", "10.1.0.0/24", "? eth0"),
    lines: ":FORWARD DROP\n-A FORWARD -i docker0 -j ACCEPT",
    story: [
      "accept whole: -A FORWARD -i docker0 -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "a device pattern",
    lines: ":FORWARD DROP\n-A FORWARD -i dock+ ! -o ens+ -j ACCEPT",
    story: [
      "accept whole: -A FORWARD -i dock+ ! -o ens+ -j ACCEPT",
      "passed whole, untouched whole",
    ],
  },
  {
    name: "a jump to a chain that is not there",
    lines: ":FORWARD ACCEPT\n-A FORWARD -g GONE",
    story: [
      "unclear maybe: -A FORWARD -g GONE",
      "passed maybe, untouched maybe",
    ],
  },
  {
    name: "chains in a circle end",
    lines: `:FORWARD ACCEPT
:X -
:Y -
-A FORWARD -j X
-A X -j Y
-A Y -j X`,
    story: ["unclear maybe: -A Y -j X", "passed maybe, untouched maybe"],
  },
  {
    name: "a mark that was set is met, by its mask",
    table: "nat",
    hook: "postrouting",
    lines: `:POSTROUTING ACCEPT
-A POSTROUTING -s 10.0.0.0/25 -j MARK --set-xmark 0x4000/0x4000
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE`,
    story: [
      "rewrite partly: -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE",
      "passed whole, untouched partly",
    ],
  },
  {
    name: "a mark from conntrack is not known",
    table: "nat",
    hook: "postrouting",
    lines: `:POSTROUTING ACCEPT
-A POSTROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE`,
    story: [
      "rewrite maybe: -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE",
      "passed whole, untouched maybe",
    ],
  },
  {
    name: "a mark that was perhaps set is not known",
    table: "nat",
    hook: "postrouting",
    lines: `:POSTROUTING ACCEPT
:X -
-A POSTROUTING -m set --match-set foo src -j X
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
-A X -j MARK --set-xmark 0x4000/0x4000`,
    story: [
      "rewrite maybe: -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE",
      "passed whole, untouched maybe",
    ],
  },
  {
    name: "ACCEPT in nat ends the chain",
    table: "nat",
    hook: "postrouting",
    lines: `:POSTROUTING ACCEPT
-A POSTROUTING -d 10.1.0.0/25 -j ACCEPT
-A POSTROUTING -j MASQUERADE`,
    story: [
      "accept partly: -A POSTROUTING -d 10.1.0.0/25 -j ACCEPT",
      "rewrite partly: -A POSTROUTING -j MASQUERADE",
      "passed whole, untouched partly",
    ],
  },
  {
    name: "only the first packet meets nat",
    table: "nat",
    hook: "postrouting",
    more: { ctState: "ESTABLISHED" },
    lines: ":POSTROUTING ACCEPT\n-A POSTROUTING -j MASQUERADE",
    story: ["passed whole, untouched whole"],
  },
  {
    name: "a forwarded packet's source is not the host's",
    table: "nat",
    hook: "postrouting",
    lines: `:POSTROUTING ACCEPT
-A POSTROUTING -m addrtype --src-type LOCAL -j MASQUERADE
-A POSTROUTING -m addrtype --dst-type MULTICAST -j MASQUERADE
-A POSTROUTING -m addrtype --dst-type BROADCAST -j MASQUERADE`,
    story: ["passed whole, untouched whole"],
  },
  {
    name: "the host's own packet's source is",
    table: "nat",
    hook: "postrouting",
    more: { inDevice: null },
    lines:
      ":POSTROUTING ACCEPT\n-A POSTROUTING -m addrtype --src-type LOCAL -j MASQUERADE",
    story: [
      "rewrite whole: -A POSTROUTING -m addrtype --src-type LOCAL -j MASQUERADE",
      "passed whole, untouched null",
    ],
  },
  {
    name: "NETMAP rewrites too",
    table: "nat",
    hook: "postrouting",
    lines:
      ":POSTROUTING ACCEPT\n-A POSTROUTING -s 10.0.0.0/24 -j NETMAP --to 10.9.0.0/24",
    story: [
      "rewrite whole: -A POSTROUTING -s 10.0.0.0/24 -j NETMAP --to 10.9.0.0/24",
      "passed whole, untouched null",
    ],
  },
];

Deno.test("walkHook() follows the rules of one table", async (t) => {
  for (const { name, table, hook, more, lines, story: wanted } of RULES) {
    await t.step(name, () => {
      const found = walkLines(
        table ?? "filter",
        hook ?? "forward",
        lines,
        more,
      );
      assert.deepEqual(found, wanted);
    });
  }
});

const LEGACY = iptablesRuleset(
  "*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -s 10.0.0.0/25 -j MASQUERADE\nCOMMIT",
  "iptables-legacy",
);

Deno.test("walkHook() says maybe where two backends rewrite the same", () => {
  const nft = iptablesRuleset(
    "*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -d 10.1.0.0/25 -j SNAT --to-source 1.2.3.4\nCOMMIT",
  );
  const walk = walkHook(
    [nft, LEGACY],
    "postrouting",
    packets("10.0.0.0/24", "10.1.0.0/24"),
  );
  assert.deepEqual(story(walk), [
    "rewrite maybe: -A POSTROUTING -d 10.1.0.0/25 -j SNAT --to-source 1.2.3.4",
    "rewrite maybe: -A POSTROUTING -s 10.0.0.0/25 -j MASQUERADE",
    "passed whole, untouched partly",
  ]);
});

Deno.test("walkHook() is sure where the other backend only accepts", () => {
  const nft = iptablesRuleset(
    "*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -j ACCEPT\nCOMMIT",
  );
  const walk = walkHook(
    [nft, LEGACY],
    "postrouting",
    packets("10.0.0.0/25", "10.1.0.0/24"),
  );
  assert.equal(walk.rewritten[0]!.part, "whole");
  assert.equal(walk.untouched, null);
});

Deno.test("walkHook() drops what any backend drops", () => {
  const drops = iptablesRuleset("*filter\n:FORWARD DROP\nCOMMIT");
  const accepts = iptablesRuleset(
    "*filter\n:FORWARD DROP\n-A FORWARD -j ACCEPT\nCOMMIT",
    "iptables-legacy",
  );
  for (const rulesets of [[drops, accepts], [accepts, drops]]) {
    const walk = walkHook(
      rulesets,
      "forward",
      packets("10.0.0.0/24", "10.1.0.0/24"),
    );
    assert.equal(walk.passed, null);
    assert.deepEqual(walk.dropped.map((hit) => [hit.backend, hit.part]), [[
      "iptables-nft",
      "whole",
    ]]);
  }
});

Deno.test("walkHook() says where a rule is and which packets it takes", () => {
  const walk = walkHook(
    [LEGACY],
    "postrouting",
    packets("10.0.0.64/26", "10.1.0.0/24"),
  );
  const [hit] = walk.rewritten;
  assert.deepEqual(
    [hit!.backend, hit!.family, hit!.table, hit!.chain, hit!.position],
    ["iptables-legacy", "ip", "nat", "POSTROUTING", 1],
  );
  assert.deepEqual(hit!.source, ["10.0.0.64/26"]);
  assert.deepEqual(hit!.destination, ["10.1.0.0/24"]);
});

Deno.test("walkHook() keeps the families apart", () => {
  const v6 = packets("fd00:1::/64", "fd00:2::/64", "eth0 docker0");
  const walk = walkHook(
    [storedRuleset("host-gw/ha"), storedRuleset("firewalld")],
    "forward",
    v6,
  );
  assert.deepEqual(story(walk), [
    "accept partly: meta l4proto { icmp, ipv6-icmp } accept",
    "drop partly: reject with icmpx admin-prohibited",
    "passed partly, untouched partly",
  ]);
  assert.throws(
    () => walkHook([], "forward", packets("10.0.0.0/8", "fd00::/8")),
    RangeError,
  );
  assert.throws(
    () => walkHook([], "forward", { source: [], destination: ["::/0"] }),
    RangeError,
  );
});

Deno.test("walkHook() ends in good time on thousands of rules", () => {
  const lines = Array.from({ length: 4000 }, (_, i) => {
    const address = `10.${i % 200}.${(i * 7) % 250}.${i % 250}`;
    return `-A FORWARD -s ${address}/32 -d 10.1.0.${
      i % 256
    }/32 -p tcp -m tcp --dport ${i} -j X`;
  });
  const text = `*filter\n:FORWARD DROP\n:X -\n${lines.join("\n")}\n` +
    "-A FORWARD -j ACCEPT\n-A X -j ACCEPT\nCOMMIT";
  const ruleset = iptablesRuleset(text);
  const elapsed = cpuTime(() => {
    const walk = walkHook(
      [ruleset],
      "forward",
      packets("10.0.0.0/8", "10.1.0.0/24"),
    );
    assert.notEqual(walk.passed, null);
    assert.deepEqual(walk.dropped, []);
  });
  assert.ok(elapsed < 5000, `took ${elapsed} ms`);
});
