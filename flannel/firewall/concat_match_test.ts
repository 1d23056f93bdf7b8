import assert from "node:assert/strict";
import { toCidrs } from "./address_set.ts";
import { concatAnswer } from "./concat_match.ts";
import type { PacketClass } from "./packet_class.ts";
import { textAnswer } from "./text_match.ts";

const TUNNEL: PacketClass = {
  source: ["192.168.1.11/32", "192.168.1.12/32"],
  destination: ["192.168.1.10/32"],
  inDevice: "eth0",
  outDevice: null,
  protocol: "udp",
  port: 8472,
};

function told(text: string): string {
  const found = concatAnswer(text, TUNNEL, (one) => textAnswer(one, TUNNEL));
  if (found === undefined) return "one field";
  const { answer, source, destination } = found;
  return [
    answer,
    ...source === undefined ? [] : ["from", ...toCidrs(source)],
    ...destination === undefined ? [] : ["to", ...toCidrs(destination)],
  ].join(" ");
}

Deno.test("concatAnswer() asks each field of each element", async (t) => {
  const cases: [string, string][] = [
    ["meta l4proto . th dport { tcp . 22, udp . 8472 }", "yes"],
    ["meta l4proto . th dport != { tcp . 22, udp . 8472 }", "no"],
    ["meta l4proto . th dport { tcp . 8472, udp . 53 }", "no"],
    ["meta l4proto . th dport != { tcp . 8472 }", "yes"],
    ["meta l4proto . th dport @ports", "one field"],
    ["ip saddr . udp dport { 192.168.1.0/24 . 8000-9000 }", "yes"],
    ["ip saddr . tcp dport { 192.168.1.0/24 . 8472 }", "no"],
    [
      "ip saddr . udp dport { 192.168.1.11 . 8472, 192.168.1.12 . 53 }",
      "yes from 192.168.1.11/32",
    ],
    [
      "ip saddr . udp dport { 192.168.1.11 . 8472, 192.168.1.12 . 8472 }",
      "yes from 192.168.1.11/32 192.168.1.12/32",
    ],
    ["ip daddr . meta l4proto . th dport 10.96.0.77 . tcp . 80", "no"],
    ["ip daddr . meta l4proto . th dport 192.168.1.10 . udp . 8472", "yes"],
    [
      "ip saddr . ip daddr { 192.168.1.11 . 192.168.1.10 }",
      "yes from 192.168.1.11/32",
    ],
    ["ip saddr . ether saddr { 192.168.1.11 . 02:00:00:00:00:01 }", "maybe"],
    ["ip saddr . udp sport { 10.0.0.1 . 40000 }", "no"],
    ["udp dport . udp sport { 8472 . 40000 }", "some"],
    ["udp dport . udp sport != { 8472 . 40000 }", "maybe"],
    ["fib saddr . iif oif false", "one field"],
    ["udp dport { 53, 8472 }", "one field"],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => assert.equal(told(text), wanted));
  }
});
