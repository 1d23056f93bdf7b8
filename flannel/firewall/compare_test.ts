import assert from "node:assert/strict";
import { coversMatch, sameRule } from "./compare.ts";
import { parseIptablesRule } from "./parse_iptables_rule.ts";

function rule(text: string) {
  return parseIptablesRule(text, new Set(["X", "Y"]));
}

Deno.test("sameRule() looks at meaning", async (t) => {
  const cases: [string, string, boolean][] = [
    ["-s 10.1.2.1/24 -j ACCEPT", "-s 10.1.2.0/24 -j ACCEPT", true],
    ["-s 10.1.2.1 -j ACCEPT", "-s 10.1.2.1/32 -j ACCEPT", true],
    ["-o a -s 10.0.0.0/8 -j ACCEPT", "-s 10.0.0.0/8 -o a -j ACCEPT", true],
    [
      "-m conntrack --ctstate A,B -j ACCEPT",
      "-m state --state B,A -j ACCEPT",
      true,
    ],
    ["-p 6 -j ACCEPT", "-p tcp -m tcp -j ACCEPT", true],
    ["-j REJECT", "-j REJECT --reject-with icmp-port-unreachable", true],
    ["-j MARK --or-mark 0x1", "-j MARK --set-xmark 0x1/0x1", true],
    ['-m comment --comment "a b" -j X', "-j X", true],
    ["-j X", "-j Y", false],
    ["-j X", "-g X", false],
    ["-j MASQUERADE", "-j MASQUERADE --random-fully", false],
    ["! -o a -j X", "-o a -j X", false],
    ["-p tcp -m tcp --dport 80 -j X", "-p tcp -j X", false],
    ["-s 10.0.0.0/8 -j X", "-d 10.0.0.0/8 -j X", false],
  ];
  for (const [a, b, same] of cases) {
    await t.step(`${a} | ${b}`, () => {
      assert.equal(sameRule(rule(a), rule(b)), same);
    });
  }
});

Deno.test("sameRule() tells comments apart when asked to", () => {
  const a = rule("-m comment --comment a -j X");
  assert.equal(sameRule(a, rule("-j X"), { comments: true }), false);
  assert.equal(sameRule(a, a, { comments: true }), true);
});

Deno.test("coversMatch() says only what is certain", async (t) => {
  const cases: [string, string, boolean][] = [
    ["", "-s 10.0.0.0/8", true],
    ["-s 10.0.0.0/8", "-s 10.1.0.0/16", true],
    ["-s 10.1.0.0/16", "-s 10.0.0.0/8", false],
    ["-s 10.0.0.0/8", "", false],
    ["! -s 10.0.0.0/8", "-s 11.0.0.0/8", true],
    ["! -s 10.1.0.0/16", "! -s 10.0.0.0/8", true],
    ["! -s 10.0.0.0/8", "! -s 10.1.0.0/16", false],
    ["-i veth+", "-i veth0", true],
    ["-i veth0", "-i veth+", false],
    ["! -o docker0", "-o eth0", true],
    ["! -o docker0", "-o docker0", false],
    ["! -o docker0", "! -o docker0", true],
    ["! -o docker0", "", false],
    ["-m state --state NEW,INVALID", "-m state --state NEW", true],
    ["-p tcp", "-p tcp -m tcp --dport 80", true],
    ["-p tcp -m tcp --dport 80", "-p tcp", false],
    ["-m mark --mark 1", "", false],
    ["-s fd00::/8", "-s fd00::/64", true],
    ["-s 10.0.0.0/8", "-s fd00::/64", false],
  ];
  for (const [outer, inner, covers] of cases) {
    await t.step(`${outer || "any"} | ${inner || "any"}`, () => {
      const found = coversMatch(
        rule(`${outer} -j X`).match,
        rule(`${inner} -j X`).match,
      );
      assert.equal(found, covers);
    });
  }
});
