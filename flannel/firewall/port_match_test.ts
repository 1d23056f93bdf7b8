import assert from "node:assert/strict";
import type { Answer } from "./answer.ts";
import { portAnswer } from "./port_match.ts";

Deno.test("portAnswer() reads nft's and iptables' words", async (t) => {
  const cases: [string, Answer | undefined][] = [
    ["udp dport 8472", "yes"],
    ["udp dport != 8472", "no"],
    ["udp dport 53", "no"],
    ["udp dport { 53, 8000-9000 }", "yes"],
    ["udp dport != { 53, 67 }", "yes"],
    ["udp dport > 1023", "yes"],
    ["udp dport < 1024", "no"],
    ["udp dport >= 8472", "yes"],
    ["udp dport <= 8471", "no"],
    ["th dport 8472", "yes"],
    ["-m udp --dport 8472", "yes"],
    ["-m udp ! --dport 8472", "no"],
    ["--dport ! 8472", "no"],
    ["-m udp --dport 8000:9000", "yes"],
    ["-m udp --dport :1024", "no"],
    ["-m udp --dport 1024:", "yes"],
    ["-m multiport --dports 53,8472", "yes"],
    ["-m multiport ! --dports 53,67", "yes"],
    ["--dport 53", "no"],
    ["tcp dport 8472", undefined],
    ["-m length --length 100", undefined],
    ["udp dport @ports", "maybe"],
    ["udp dport domain", "maybe"],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => assert.equal(portAnswer(text, 8472), wanted));
  }
});

Deno.test("portAnswer() says no where one of several options does", async (t) => {
  const cases: [string, Answer][] = [
    ["-m udp --sport 67 --dport 68", "no"],
    ["-m udp --sport 40000 --dport 68", "no"],
    ["-m udp --dport 137 --sport 40000", "no"],
    ["-m udp --sport 40000 --dport 8472", "some"],
    ["-m udp --sport 1024:65535 --dport 8472", "yes"],
    ["-m multiport --ports 137,138", "no"],
    ["-m multiport --ports 137,8472", "yes"],
    ["-m multiport ! --ports 137,138", "yes"],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => assert.equal(portAnswer(text, 8472), wanted));
  }
});

Deno.test("portAnswer() knows what senders' ports are, and what it does not", async (t) => {
  const cases: [string, Answer][] = [
    ["-m udp --sport 0", "no"],
    ["udp sport 0", "no"],
    ["-m multiport --sports 19,53,123", "no"],
    ["-m udp --sport 1900", "maybe"],
    ["-m udp ! --sport 1900", "maybe"],
    ["-m udp --sport 32768:60999", "maybe"],
    ["udp sport { 40000, 50000 }", "some"],
    ["udp sport >= 1024", "yes"],
    ["udp sport != 0", "yes"],
    ["udp sport 8472", "maybe"],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => assert.equal(portAnswer(text, 8472), wanted));
  }
  assert.equal(portAnswer("udp sport 8285", 8285, 8285), "yes");
  assert.equal(portAnswer("-m udp --sport 40000", 8285, 8285), "no");
});
