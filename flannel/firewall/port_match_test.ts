import assert from "node:assert/strict";
import { portAnswer } from "./port_match.ts";

Deno.test("portAnswer() reads nft's and iptables' words", async (t) => {
  const cases: [string, boolean | undefined][] = [
    ["udp dport 8472", true],
    ["udp dport != 8472", false],
    ["udp dport 53", false],
    ["udp dport { 53, 8000-9000 }", true],
    ["udp dport != { 53, 67 }", true],
    ["th dport 8472", true],
    ["-m udp --dport 8472", true],
    ["-m udp ! --dport 8472", false],
    ["-m udp --dport 8000:9000", true],
    ["-m multiport --dports 53,8472", true],
    ["--dport 53", false],
    ["tcp dport 8472", undefined],
    ["udp sport 8472", undefined],
    ["-m udp --sport 53 --dport 8472", undefined],
    ["udp dport @ports", undefined],
    ["udp dport domain", undefined],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => assert.equal(portAnswer(text, 8472), wanted));
  }
});
