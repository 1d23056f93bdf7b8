/**
 * Holds the walk against the kernel: random rules in a router's namespace, a
 * packet from a container through it to a peer, and what the peer saw.
 */
import "../../tests/support/preload.ts";
import assert from "node:assert/strict";
import { walkPath } from "../../flannel/firewall/mod.ts";
import type { PacketClass } from "../../flannel/firewall/mod.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { runProgram } from "../program.ts";
import { readNetfilter } from "./read_netfilter.ts";

const ROUNDS = 60;
const CONTAINER = "172.7.21.2";
const PEER = "172.7.22.2";
const HOST = "10.9.0.1";

/** What the peer saw: the container's address, the host's, or nothing. */
type Seen = "container" | "host" | "nothing";

type Random = (limit: number) => number;

/** A generator that gives the same numbers every time (Numerical Recipes). */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)]!;
}

const CIDRS = [
  "172.7.21.0/24",
  "172.7.21.2/32",
  "172.7.0.0/16",
  "172.7.22.0/23",
  "10.0.0.0/8",
];

/** A match as [iptables' words, nft's words]. */
type Words = readonly [iptables: string, nft: string];

function randomMatch(random: Random, hook: "forward" | "postrouting"): Words {
  const not = random(3) === 0;
  const [a, b] = not ? ["! ", "!= "] : ["", ""];
  const cidr = pick(random, CIDRS);
  const device = pick(random, ["docker0", "eth0", "lo"]);
  const prefix = device.slice(0, -1);
  const choices: Words[] = [
    [`${a}-s ${cidr}`, `ip saddr ${b}${cidr}`],
    [`${a}-d ${cidr}`, `ip daddr ${b}${cidr}`],
    [`${a}-o ${device}`, `oifname ${b}${device}`],
    [`${a}-o ${prefix}+`, `oifname ${b}"${prefix}*"`],
    [`${a}-p udp`, `meta l4proto ${b}udp`],
    [`${a}-p tcp`, `meta l4proto ${b}tcp`],
    [`-m conntrack ${a}--ctstate NEW`, `ct state ${b}new`],
    [
      `-m conntrack ${a}--ctstate RELATED,ESTABLISHED`,
      not
        ? "ct state != { established, related }"
        : "ct state established,related",
    ],
    [`-m addrtype ${a}--src-type LOCAL`, `fib saddr type ${b}local`],
    [`-m mark ${a}--mark 0x4/0x4`, `meta mark & 0x4 ${not ? "!=" : "=="} 0x4`],
  ];
  if (hook === "forward") {
    choices.push([`${a}-i ${device}`, `iifname ${b}${device}`]);
  }
  return pick(random, choices);
}

function randomTarget(random: Random, hook: "forward" | "postrouting"): Words {
  const final: Words = hook === "forward"
    ? ["-j DROP", "drop"]
    : pick<Words>(random, [
      ["-j MASQUERADE", "masquerade"],
      [`-j SNAT --to-source ${HOST}`, `snat to ${HOST}`],
    ]);
  return pick<Words>(random, [
    final,
    final,
    ["-j ACCEPT", "accept"],
    ["-j RETURN", "return"],
    ["-j MARK --set-xmark 0x4/0x4", "meta mark set meta mark | 0x4"],
    ["-j MARK --set-xmark 0x4/0x0", "meta mark set meta mark ^ 0x4"],
    ["-j X", "jump X"],
    ["-g X", "goto X"],
    ["-j Y", "jump Y"],
  ]);
}

/** Rules of one chain; X may only go to Y, and Y nowhere. */
function randomChain(
  random: Random,
  hook: "forward" | "postrouting",
  name: string,
): Words[] {
  const rules: Words[] = [];
  for (let left = random(5); left > 0; left--) {
    const match = random(4) === 0 ? ["", ""] : randomMatch(random, hook);
    const target = randomTarget(random, hook);
    if (name === "Y" && / [XY]$/.test(target[0])) continue;
    if (name === "X" && / X$/.test(target[0])) continue;
    rules.push([`${match[0]} ${target[0]}`, `${match[1]} ${target[1]}`]);
  }
  return rules;
}

function chains(random: Random, hook: "forward" | "postrouting") {
  return {
    base: randomChain(random, hook, "base"),
    X: randomChain(random, hook, "X"),
    Y: randomChain(random, hook, "Y"),
  };
}

type Chains = ReturnType<typeof chains>;

function iptablesText(
  table: string,
  base: string,
  policy: string,
  all: Chains,
) {
  const lines = (name: string, rules: readonly Words[]) =>
    rules.map(([words]) => `-A ${name} ${words}\n`).join("");
  return `*${table}\n:${base} ${policy}\n:X -\n:Y -\n${lines(base, all.base)}${
    lines("X", all.X)
  }${lines("Y", all.Y)}COMMIT\n`;
}

function nftText(name: string, type: string, policy: string, all: Chains) {
  const lines = (rules: readonly Words[]) =>
    rules.map(([, words]) => `${words}\n`).join("");
  return `table ip ${name} {
    chain Y { ${lines(all.Y)} }
    chain X { ${lines(all.X)} }
    chain base { ${type}; policy ${policy}; ${lines(all.base)} }
  }\n`;
}

/** A container, a router and a peer, one behind the other. */
class Segment implements Disposable {
  readonly container = new TestNetns("link set lo up");
  readonly router = new TestNetns("link set lo up");
  readonly peer = new TestNetns("link set lo up");
  /** A port nobody used: a flow that conntrack knows meets no nat rule. */
  #port = 1024;

  constructor() {
    const { container, router, peer } = this;
    router.ip(
      `link add docker0 type veth peer name eth0 netns ${container.name}`,
      `link add eth0 type veth peer name eth0 netns ${peer.name}`,
      "address add 172.7.21.1/24 dev docker0",
      `address add ${HOST}/24 dev eth0`,
      "link set docker0 up",
      "link set eth0 up",
      "route add 172.7.22.0/24 via 10.9.0.2",
    );
    container.ip(
      `address add ${CONTAINER}/24 dev eth0`,
      "link set eth0 up",
      "route add default via 172.7.21.1",
    );
    peer.ip(
      "address add 10.9.0.2/24 dev eth0",
      `address add ${PEER}/24 dev lo`,
      "link set eth0 up",
      "route add 172.7.21.0/24 via 10.9.0.1",
    );
    router.exec("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    peer.exec(
      "nft",
      `add table ip seen; add chain ip seen in { type filter hook prerouting priority raw; };
      add rule ip seen in ip saddr ${CONTAINER} ip daddr ${PEER} meta l4proto udp counter drop;
      add rule ip seen in ip saddr ${HOST} ip daddr ${PEER} meta l4proto udp counter drop`,
    );
  }

  /** Clears the router's rules of every backend. */
  clear(): void {
    const empty = "*nat\\n:POSTROUTING ACCEPT\\nCOMMIT\\n" +
      "*filter\\n:FORWARD ACCEPT\\nCOMMIT\\n";
    this.router.exec(
      "sh",
      "-c",
      `nft flush ruleset; printf '${empty}' | iptables-legacy-restore`,
    );
  }

  #counts(): number[] {
    const text = this.peer.exec("nft", "list", "ruleset");
    return [...text.matchAll(/counter packets (\d+)/g)].map(([, n]) =>
      Number(n)
    );
  }

  /** Sends one datagram from the container; waits for nobody: it is local. */
  send(): Seen {
    const before = this.#counts();
    this.container.exec(
      "bash",
      "-c",
      `echo > /dev/udp/${PEER}/${this.#port++}`,
    );
    const after = this.#counts();
    if (after[0] !== before[0]) return "container";
    return after[1] !== before[1] ? "host" : "nothing";
  }

  [Symbol.dispose](): void {
    for (const netns of [this.container, this.router, this.peer]) {
      netns[Symbol.dispose]();
    }
  }
}

/** What the walk says the peer will see. */
async function foretold(netns: string): Promise<Seen | "unsure"> {
  const fact = await readNetfilter({ netns });
  if (!("known" in fact)) return assert.fail(fact.unknown);
  const packets: PacketClass = {
    source: [`${CONTAINER}/32`],
    destination: [`${PEER}/32`],
    inDevice: "docker0",
    outDevice: "eth0",
    protocol: "udp",
  };
  const [before, forward, last] = walkPath(
    fact.known,
    ["prerouting", "forward", "postrouting"],
    packets,
  );
  for (const { passed } of [before!, forward!]) {
    if (passed === null) return "nothing";
    if (passed !== "whole") return "unsure";
  }
  const { rewritten, untouched } = last!;
  if (untouched === "whole") return "container";
  return untouched === null && rewritten.length > 0 ? "host" : "unsure";
}

interface Loader {
  readonly name: string;
  load(
    filter: Chains,
    nat: Chains,
    policy: string,
    netns: string,
  ): Promise<void>;
}

function iptablesLoader(variant: "nft" | "legacy"): Loader {
  return {
    name: `iptables-${variant}`,
    async load(filter, nat, policy, netns) {
      const stdin = iptablesText("filter", "FORWARD", policy, filter) +
        iptablesText("nat", "POSTROUTING", "ACCEPT", nat);
      await runProgram(`iptables-${variant}-restore`, [], { netns, stdin });
    },
  };
}

const LOADERS: readonly Loader[] = [
  iptablesLoader("nft"),
  iptablesLoader("legacy"),
  {
    name: "nftables",
    async load(filter, nat, policy, netns) {
      const stdin = nftText(
        "one",
        "type filter hook forward priority filter",
        policy.toLowerCase(),
        filter,
      ) + nftText(
        "two",
        "type nat hook postrouting priority srcnat",
        "accept",
        nat,
      );
      await runProgram("nft", ["-f", "-"], { netns, stdin });
    },
  },
];

Deno.test({
  name: "walkPath() foretells what the kernel does with random rules",
  ...needs({
    netns: true,
    programs: ["iptables-nft", "iptables-legacy", "nft", "bash"],
  }),
  async fn(t) {
    using segment = new Segment();
    const netns = segment.router.name;
    assert.equal(segment.send(), "container", "the segment does not work");
    const outcomes = new Set<string>();
    for (const { name, load } of LOADERS) {
      await t.step(name, async () => {
        for (let round = 0; round < ROUNDS / LOADERS.length; round++) {
          const random = randomFrom(round * 7919 + name.length);
          const filter = chains(random, "forward");
          const nat = chains(random, "postrouting");
          segment.clear();
          await load(
            filter,
            nat,
            pick(random, ["ACCEPT", "DROP"]),
            netns,
          );
          const told = await foretold(netns);
          const seen = segment.send();
          outcomes.add(seen);
          const rules = segment.router.exec("nft", "list", "ruleset");
          assert.equal(told, seen, `round ${round}:\n${rules}`);
        }
      });
    }
    assert.deepEqual([...outcomes].sort(), ["container", "host", "nothing"]);
  },
});

Deno.test({
  name: "walkPath() is right about two backends at once",
  ...needs({
    netns: true,
    programs: ["iptables-nft", "iptables-legacy", "nft", "bash"],
  }),
  async fn() {
    using segment = new Segment();
    const netns = segment.router.name;
    let sure = 0;
    for (let round = 0; round < 12; round++) {
      const random = randomFrom(round * 104729);
      segment.clear();
      for (const { load } of LOADERS) {
        await load(
          chains(random, "forward"),
          chains(random, "postrouting"),
          pick(random, ["ACCEPT", "ACCEPT", "DROP"]),
          netns,
        );
      }
      const told = await foretold(netns);
      if (told === "unsure") continue;
      sure++;
      const rules = segment.router.exec("nft", "list", "ruleset");
      assert.equal(told, segment.send(), `round ${round}:\n${rules}`);
    }
    assert.ok(sure > 6, `sure of ${sure} rounds only`);
  },
});

function nftChain(
  name: string,
  hook: string,
  priority: number,
  rules: string,
  type = "filter",
): string {
  return `table ip ${name} {
    chain base { type ${type} hook ${hook} priority ${priority}; ${rules}\n }
  }\n`;
}

const MASQUERADE = nftChain("n", "postrouting", 100, "masquerade", "nat");
const NOTRACK = `ip saddr ${CONTAINER} notrack`;

/** What a hook does to a packet that a later one asks for. */
const LATER: readonly [string, string, Seen][] = [
  [
    "untracked packets meet no nat",
    nftChain("r", "prerouting", -300, NOTRACK) + MASQUERADE,
    "container",
  ],
  [
    "untracked packets are not new",
    nftChain("r", "prerouting", -300, NOTRACK) +
    nftChain("f", "forward", 0, "ct state new drop"),
    "container",
  ],
  [
    "untracked packets are dropped",
    nftChain("r", "prerouting", -300, `${NOTRACK} accept`) +
    nftChain("f", "forward", 0, "ct state { invalid, untracked } drop"),
    "nothing",
  ],
  [
    "too late to keep conntrack off",
    nftChain("r", "prerouting", -150, NOTRACK) + MASQUERADE,
    "host",
  ],
  [
    "a mark of prerouting in forward",
    nftChain("p", "prerouting", -150, "meta mark set 7") +
    nftChain("f", "forward", 0, "meta mark 7 accept\ndrop"),
    "container",
  ],
  [
    "a mark of one half of the sources",
    nftChain("p", "prerouting", -150, "ip saddr 172.7.21.0/31 mark set 7") +
    nftChain("f", "forward", 0, "meta mark 7 drop"),
    "container",
  ],
];

Deno.test({
  name: "walkPath() knows what an earlier hook did to a packet",
  ...needs({ netns: true, programs: ["iptables-legacy", "nft", "bash"] }),
  async fn(t) {
    using segment = new Segment();
    const netns = segment.router.name;
    for (const [name, stdin, wanted] of LATER) {
      await t.step(name, async () => {
        segment.clear();
        await runProgram("nft", ["-f", "-"], { netns, stdin });
        const told = await foretold(netns);
        assert.deepEqual([told, segment.send()], [wanted, wanted]);
      });
    }
  },
});
