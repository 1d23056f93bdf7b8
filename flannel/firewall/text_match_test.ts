import assert from "node:assert/strict";
import type { Answer } from "./answer.ts";
import type { PacketClass } from "./packet_class.ts";
import { textAnswer } from "./text_match.ts";

/** From another host's tunnel to ours. */
const TUNNEL: PacketClass = {
  source: ["192.168.1.11/32"],
  destination: ["192.168.1.10/32"],
  inDevice: "eth0",
  outDevice: null,
  protocol: "udp",
  port: 8472,
};

/** From our containers to others', of any protocol and port. */
const CONTAINERS: PacketClass = {
  source: ["172.7.21.0/24"],
  destination: ["172.7.22.0/24"],
  inDevice: "docker0",
  outDevice: "flannel.1",
};

const { outDevice: _, ...BEFORE_ROUTING } = TUNNEL;

type Case = readonly [text: string, tunnel: Answer, containers: Answer];

async function asked(t: Deno.TestContext, cases: readonly Case[]) {
  for (const [text, tunnel, containers] of cases) {
    await t.step(text, () => {
      assert.equal(textAnswer(text, TUNNEL), tunnel, "tunnel");
      assert.equal(textAnswer(text, CONTAINERS), containers, "containers");
    });
  }
}

Deno.test("textAnswer() knows protocols by membership", async (t) => {
  await asked(t, [
    ["meta l4proto { icmp, ipv6-icmp }", "no", "some"],
    ["meta l4proto != { icmp, ipv6-icmp }", "yes", "some"],
    ["meta l4proto { tcp, udp }", "yes", "some"],
    ["meta l4proto != { tcp, 17 }", "no", "some"],
    ["ip protocol { tcp, udp }", "yes", "some"],
    ["ip6 nexthdr { tcp, udp }", "no", "no"],
    ["meta l4proto { icmp, nonesuch }", "maybe", "some"],
    ["meta l4proto @protocols", "maybe", "maybe"],
  ]);
});

Deno.test("textAnswer() knows ports of the tunnel only", async (t) => {
  await asked(t, [
    ["udp dport { 53, 8472 }", "yes", "some"],
    ["tcp dport 8472", "no", "some"],
    ["udp dport @ports", "maybe", "some"],
    ["-m udp --sport 67 --dport 68", "no", "some"],
    ["-m icmp --icmp-type 8", "some", "some"],
  ]);
});

Deno.test("textAnswer() knows what is routed, and not a broadcast", async (t) => {
  await asked(t, [
    ["-m pkttype --pkt-type broadcast", "no", "no"],
    ["-m pkttype ! --pkt-type multicast", "yes", "yes"],
    ["-m pkttype --pkt-type unicast", "yes", "yes"],
    ["meta pkttype { broadcast, multicast }", "no", "no"],
    ["meta pkttype != host", "no", "no"],
    ["-m addrtype --dst-type BROADCAST,ANYCAST", "no", "no"],
    ["-m addrtype --dst-type LOCAL,BROADCAST", "yes", "no"],
    ["-m addrtype ! --dst-type LOCAL,BROADCAST", "no", "yes"],
    ["-m addrtype --src-type LOCAL,BROADCAST", "no", "no"],
    ["fib daddr type { broadcast, anycast }", "no", "no"],
    ["fib daddr type != { local, broadcast, multicast }", "no", "yes"],
    ["fib daddr . iif type { local, broadcast }", "yes", "no"],
    ["-m addrtype --dst-type LOCAL --limit-iface-in", "yes", "no"],
    ["-m addrtype --dst-type BLACKHOLE,NAT", "maybe", "maybe"],
  ]);
  assert.equal(
    textAnswer("fib daddr type { local, broadcast }", BEFORE_ROUTING),
    "maybe",
  );
});

Deno.test("textAnswer() excuses a reverse path filter and nothing like it", async (t) => {
  await asked(t, [
    ["fib saddr . iif oif false", "no", "maybe"],
    ["fib saddr . mark . iif oif missing", "no", "maybe"],
    ["fib saddr . iif oif 0", "no", "maybe"],
    ["fib saddr . iif oif != 0", "yes", "maybe"],
    ["fib saddr . iif oif true", "yes", "maybe"],
    ["fib daddr . iif oif false", "maybe", "maybe"],
    ["fib saddr . iif oif eth1", "maybe", "maybe"],
    ["-m rpfilter --invert", "no", "maybe"],
    ["-m rpfilter --loose --validmark --invert", "no", "maybe"],
    ["-m rpfilter", "yes", "maybe"],
  ]);
});

Deno.test("textAnswer() knows that the tunnel sends neither fragments nor less than its headers", async (t) => {
  await asked(t, [
    ["-f", "no", "some"],
    ["! -f", "yes", "some"],
    ["ip frag-off & 8191 != 0", "no", "some"],
    ["ip frag-off & 8191 == 0", "yes", "some"],
    ["-m length --length 0:28", "no", "some"],
    ["-m length --length 1400:65535", "some", "some"],
    ["meta length > 9000", "maybe", "maybe"],
    ["-m set --match-set banned src", "maybe", "maybe"],
  ]);
});
