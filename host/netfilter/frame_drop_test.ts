import "../../tests/support/preload.ts";
import assert from "node:assert/strict";
import { FRAME_DROP } from "../../checks/nat/frame_drop.ts";
import type { Link } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  fixtureLink,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged } from "../../tests/support/judged.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { runProgram } from "../program.ts";
import { readNetfilter } from "./read_netfilter.ts";

const NEEDS = needs({ netns: true, programs: ["nft"] });

const INGRESS = 'type filter hook ingress device "eth0" priority 0';

function netdev(...lines: readonly string[]): string {
  return table("netdev", INGRESS, ...lines);
}

function table(family: string, hook: string, ...lines: readonly string[]) {
  const body = [`${hook};`, ...lines].join("\n");
  return `table ${family} t {\n chain c {\n${body}\n }\n}\n`;
}

/** Name, ruleset, and verdict or `severity variant` on host-gw and on vxlan. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  [
    "everything that comes in",
    netdev("policy drop"),
    "error default",
    "error default",
  ],
  [
    "everything that leaves",
    table(
      "netdev",
      'type filter hook egress device "eth0" priority 0',
      "policy drop",
    ),
    "error default",
    "error default",
  ],
  [
    "on another device",
    netdev("policy drop").replace("eth0", "other"),
    "ok",
    "ok",
  ],
  [
    "several devices",
    netdev("policy drop").replace(
      'device "eth0"',
      'devices = { "other", "eth0" }',
    ),
    "error default",
    "error default",
  ],
  ["the tunnel", netdev("udp dport 8472 drop"), "ok", "error tunnel"],
  [
    "its port among others",
    netdev("udp dport { 53, 8000-9000 } drop"),
    "ok",
    "error tunnel",
  ],
  ["any port but its own", netdev("udp dport != 8472 drop"), "ok", "ok"],
  ["all UDP", netdev("meta l4proto udp drop"), "ok", "error tunnel"],
  ["a TCP port", netdev("tcp dport 23 drop"), "ok", "ok"],
  ["TCP flags", netdev("tcp flags & (fin|syn) == fin|syn drop"), "ok", "ok"],
  [
    "fragments",
    netdev(
      "ip frag-off & 0x1fff != 0 drop",
      "ip frag-off & 0x2000 == 0x2000 drop",
    ),
    "ok",
    "ok",
  ],
  [
    "all but fragments",
    netdev("ip frag-off & 0x1fff == 0 drop"),
    "error containers",
    "error tunnel",
  ],
  [
    "packets that forbid fragments",
    netdev("ip frag-off & 0x4000 != 0 drop"),
    "warning partly",
    "warning partly",
  ],
  [
    "a reverse path filter",
    netdev("fib saddr . iif oif 0 drop", "fib saddr . iif oif missing drop"),
    "ok",
    "ok",
  ],
  [
    "what has a reverse path",
    netdev("fib saddr . iif oif != 0 drop"),
    "unknown",
    "unknown",
  ],
  ["ARP", netdev("ether type arp drop"), "error arp", "error arp"],
  [
    "ARP's questions",
    netdev("arp operation request drop"),
    "error arp",
    "error arp",
  ],
  [
    "all but IPv4",
    netdev("meta protocol != ip drop"),
    "error arp",
    "error arp",
  ],
  ["IPv6", netdev("meta protocol ip6 drop"), "ok", "ok"],
  ["LLDP", netdev("ether type 0x88cc drop"), "ok", "ok"],
  ["a VLAN", netdev("vlan id 5 drop"), "ok", "ok"],
  [
    "broadcasts",
    netdev("meta pkttype broadcast drop"),
    "error arp",
    "error arp",
  ],
  [
    "the network",
    netdev("ip saddr 172.7.0.0/16 drop"),
    "error containers",
    "ok",
  ],
  ["one container", netdev("ip saddr 172.7.22.9 drop"), "warning partly", "ok"],
  [
    "private addresses",
    netdev("ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } drop"),
    "ok",
    "error tunnel",
  ],
  ["a peer", netdev("ip saddr 192.168.1.11 drop"), "ok", "warning partly"],
  [
    "what may be it",
    netdev("meta length > 1400 drop"),
    "unknown",
    "unknown",
  ],
  [
    "too much of it",
    netdev("udp dport 8472 limit rate over 9/second drop"),
    "ok",
    "unknown",
  ],
  [
    "a mask",
    netdev("ip saddr & 255.0.255.0 == 10.0.1.0 drop"),
    "unknown",
    "unknown",
  ],
  ["sent elsewhere", netdev('fwd to "other"'), "unknown", "unknown"],
  [
    "accepted before",
    netdev(
      "policy drop",
      "ether type arp accept",
      "udp dport 8472 accept",
      "ip saddr 172.7.0.0/16 accept",
    ),
    "ok",
    "ok",
  ],
  [
    "a map",
    netdev("udp dport vmap { 8472 : drop, 53 : accept }"),
    "ok",
    "error tunnel",
  ],
  [
    "inet ingress",
    table("inet", INGRESS, "policy drop"),
    "error containers",
    "error tunnel",
  ],
  [
    "the tunnel device",
    netdev("policy drop").replace("eth0", "flannel.1"),
    "ok",
    "error containers",
  ],
  [
    "the containers' bridge",
    netdev("policy drop").replace("eth0", "docker0"),
    "error default",
    "error default",
  ],
  [
    "arptables",
    table("arp", "type filter hook input priority 0", "policy drop"),
    "error arp",
    "error arp",
  ],
  [
    "arptables for one address",
    table(
      "arp",
      "type filter hook input priority 0",
      "arp saddr ip 192.168.1.77 drop",
    ),
    "ok",
    "ok",
  ],
  [
    "arptables for a MAC that is no neighbour's",
    table(
      "arp",
      "type filter hook input priority 0",
      "arp saddr ether 02:00:00:00:00:99 drop",
    ),
    "ok",
    "ok",
  ],
  [
    "arptables for the gateway's MAC",
    table(
      "arp",
      "type filter hook input priority 0",
      "arp saddr ether 52:54:00:aa:01:fe drop",
    ),
    "warning partly",
    "warning partly",
  ],
  [
    "arptables for the MAC of the containers' bridge",
    table(
      "arp",
      "type filter hook output priority 0",
      "arp saddr ether 02:42:c2:0c:c4:44 drop",
    ),
    "error arp",
    "error arp",
  ],
  [
    "arptables on the bridge",
    table(
      "arp",
      "type filter hook output priority 0",
      'oifname "docker0" drop',
    ),
    "error arp",
    "error arp",
  ],
  [
    "a bridge passes no ARP to its host",
    table("bridge", "type filter hook input priority 0", "ether type arp drop"),
    "error arp",
    "error arp",
  ],
  [
    "a bridge passes nothing out",
    table("bridge", "type filter hook postrouting priority 0", "policy drop"),
    "error default",
    "error default",
  ],
  [
    "one port of the bridge, or of another",
    table(
      "bridge",
      "type filter hook prerouting priority 0",
      'iifname "vnet0" drop',
      'iifname "veth1" drop',
    ),
    "ok",
    "ok",
  ],
  [
    "a guest's chain, which drops",
    `table bridge t {
 chain guest { ether saddr != 52:54:00:00:00:01 drop
 drop
 }
 chain c {
  type filter hook prerouting priority 0;
  iifname "vnet0" jump guest
 }
}
`,
    "ok",
    "ok",
  ],
  [
    "between ports of a bridge",
    table("bridge", "type filter hook forward priority 0", "policy drop"),
    "ok",
    "ok",
  ],
];

/** The same with a VLAN of the bridge for external interface. */
function onVlan(facts: Facts): Facts {
  const links = given(facts, "links");
  const node = given(facts, "node")!;
  const br0 = links.find(({ name }) => name === "br0")!;
  const vlan = { ...br0, name: "br0.5", kind: "vlan", lower: "br0", index: 60 };
  return {
    ...facts,
    node: known({ ...node, device: "br0.5" }),
    links: known([...links, vlan]),
  };
}

async function factsOf(facts: Facts, ruleset: string): Promise<Facts> {
  return await factsAfter(facts, "nft", ["-f", "-"], ruleset);
}

async function factsAfter(
  facts: Facts,
  program: string,
  args: readonly string[],
  stdin = "",
): Promise<Facts> {
  using netns = new TestNetns(
    "link add eth0 type bridge",
    "link add other type bridge",
    "link add docker0 type bridge",
    "link add flannel.1 type bridge",
  );
  const options = { netns: netns.name };
  await runProgram(program, args, { ...options, stdin });
  return { ...facts, netfilter: await readNetfilter(options) };
}

/** The facts with a bridge for external interface, and what it has for ports. */
function bridged(facts: Facts, ports: readonly Link[]): Facts {
  const links = given(facts, "links");
  const node = given(facts, "node")!;
  const eth0 = links.find(({ name }) => name === "eth0")!;
  return {
    ...facts,
    node: known({ ...node, device: "br0" }),
    links: known([
      ...links.filter((link) => link !== eth0),
      { ...eth0, name: "br0", kind: "bridge", index: 50 },
      ...ports.map((port) => ({ ...port, master: "br0" })),
    ]),
  };
}

function verdictOf(facts: Facts): string {
  const { verdict, lines } = judged(FRAME_DROP, facts);
  if (verdict !== "failed") return verdict.split(":")[0]!;
  return lines.filter((line) => !line.startsWith(" "))
    .map((line) => line.split(":")[0]).join("; ");
}

Deno.test({
  name: "FD612 judges what nft's own tool made",
  ...NEEDS,
  async fn(t) {
    for (const [name, ruleset, hostGw, vxlan] of CASES) {
      await t.step(name, async () => {
        assert.deepEqual(
          [
            verdictOf(await factsOf(healthyFacts(), ruleset)),
            verdictOf(await factsOf(healthyVxlanFacts(), ruleset)),
          ],
          [hostGw, vxlan],
        );
      });
    }
  },
});

const PREROUTING = "type filter hook prerouting priority -300";

const ETH0 = fixtureLink(2, "eth0");
const ETH1 = fixtureLink(51, "eth1");
const VNET0 = fixtureLink(52, "vnet0", { kind: "tun" });

/** As libvirt's nwfilter makes them with ebtables. */
const NWFILTER = `table bridge nat {
 chain J-vnet0-mac {
  ether saddr 52:54:00:11:22:33 return
  drop
 }
 chain libvirt-J-vnet0 {
  jump J-vnet0-mac
  ether type 0x8035 accept
  drop
 }
 chain PREROUTING {
  ${PREROUTING};
  iifname "vnet0" jump libvirt-J-vnet0
 }
}
`;

/** Name, ruleset, ports of br0, and what is said on vxlan. */
const BRIDGED: readonly (readonly [
  string,
  string,
  readonly Link[],
  string,
])[] = [
  [
    "the uplink of a host bridge",
    table(
      "bridge",
      PREROUTING,
      'iifname "eth0" ether type ip udp dport 8472 drop',
      'iifname "eth0" ether type arp drop',
    ),
    [ETH0, VNET0],
    "error arp; error tunnel",
  ],
  [
    "one host at the uplink",
    table("bridge", PREROUTING, 'iifname "eth0" ip saddr 192.168.1.11 drop'),
    [ETH0, VNET0],
    "warning partly",
  ],
  [
    "the uplink, by an address that may be a host's",
    table("bridge", PREROUTING, 'iifname "eth0" ether saddr 2:0:0:0:0:9 drop'),
    [ETH0, VNET0],
    "unknown",
  ],
  [
    "one of two uplinks",
    table("bridge", PREROUTING, 'iifname "eth0" drop'),
    [ETH0, ETH1],
    "unknown",
  ],
  [
    "a guest's port",
    table("bridge", PREROUTING, 'iifname "vnet0" drop'),
    [ETH0, VNET0],
    "ok",
  ],
  ["a guest's chains", NWFILTER, [ETH0, VNET0], "ok"],
  [
    "a guest's chain where nobody knows the uplink",
    NWFILTER,
    [{ ...ETH0, kind: "veth" }, VNET0],
    "unknown",
  ],
  [
    "everything but the uplink's",
    table("bridge", PREROUTING, 'iifname != "eth0" drop'),
    [ETH0, VNET0],
    // Containers come by their own bridge's ports.
    "error default",
  ],
];

Deno.test({
  name: "FD612 tells a host bridge's uplink from its guests",
  ...NEEDS,
  async fn(t) {
    for (const [name, ruleset, ports, wanted] of BRIDGED) {
      await t.step(name, async () => {
        const facts = bridged(healthyVxlanFacts(), ports);
        assert.equal(verdictOf(await factsOf(facts, ruleset)), wanted);
      });
    }
  },
});

Deno.test({
  name: "FD612 is unknown for a MAC where a neighbour's is not known",
  ...NEEDS,
  async fn() {
    const base = healthyVxlanFacts();
    const neighbours = known(given(base, "neighbours").slice(1));
    const ruleset = table(
      "arp",
      "type filter hook input priority 0",
      "arp saddr ether 02:00:00:00:00:99 drop",
    );
    const facts = await factsOf({ ...base, neighbours }, ruleset);
    assert.equal(verdictOf(facts), "unknown");
  },
});

Deno.test({
  name: "FD612 looks at the bridge below a VLAN",
  ...NEEDS,
  async fn(t) {
    const facts = onVlan(bridged(healthyVxlanFacts(), [ETH0, VNET0]));
    const cases = [
      ['iifname "eth0" drop', "error default"],
      ['iifname "vnet0" drop', "ok"],
      // A tagged frame's type is the tag's.
      ['iifname "eth0" ether type arp drop', "unknown"],
      ["udp dport 53 drop", "ok"],
    ] as const;
    for (const [line, wanted] of cases) {
      await t.step(line, async () => {
        const ruleset = table("bridge", PREROUTING, line);
        assert.equal(verdictOf(await factsOf(facts, ruleset)), wanted);
      });
    }
  },
});

/** Lines of ebtables. */
const EBTABLES: readonly (readonly [string, string])[] = [
  ["-A INPUT -d BGA -j DROP", "ok"],
  ["-A INPUT --pkttype-type multicast -p IPv4 -j DROP", "ok"],
  ["-A INPUT -p LENGTH -j DROP", "ok"],
  ["-A INPUT -p ARP -j DROP", "error arp"],
  // nft says of this match only that it is there.
  ["-A INPUT -p ARP --arp-ip-src 192.168.1.77 -j DROP", "unknown"],
];

Deno.test({
  name: "FD612 judges what ebtables made",
  ...needs({ netns: true, programs: ["nft", "ebtables-nft"] }),
  async fn(t) {
    for (const [line, wanted] of EBTABLES) {
      await t.step(line, async () => {
        const facts = await factsAfter(
          healthyVxlanFacts(),
          "ebtables-nft",
          line.split(" "),
        );
        assert.equal(verdictOf(facts), wanted);
      });
    }
  },
});
