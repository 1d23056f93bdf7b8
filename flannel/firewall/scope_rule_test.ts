import assert from "node:assert/strict";
import { join } from "node:path";
import { parseIptablesRule } from "./parse_iptables_rule.ts";
import { parseNft } from "./parse_nft.ts";
import { ruleSpecification, scopeRule } from "./scope_rule.ts";

Deno.test("scopeRule() puts the network behind the source", async (t) => {
  const cases: [string, string | null][] = [
    [
      "-A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE",
      "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
    ],
    [
      '-A POSTROUTING ! -s 10.0.0.0/8 -m comment --comment "a  b" -j MASQUERADE',
      '! -s 10.0.0.0/8 ! -d 172.7.0.0/16 -m comment --comment "a  b" -j MASQUERADE',
    ],
    [
      "-A POSTROUTING -o eth0 -j MASQUERADE",
      "! -d 172.7.0.0/16 -o eth0 -j MASQUERADE",
    ],
    ["-A POSTROUTING -j MASQUERADE", "! -d 172.7.0.0/16 -j MASQUERADE"],
    ["-A POSTROUTING -d 10.0.0.0/8 -j MASQUERADE", null],
    ["-A POSTROUTING ! -d 224.0.0.0/4 -j MASQUERADE", null],
    ["-A POSTROUTING -d 10.0.0.0/255.0.255.0 -j MASQUERADE", null],
    [
      "-A POSTROUTING -s 172.0.21.0/255.0.255.0 ! -o docker0 -j MASQUERADE",
      "-s 172.0.21.0/255.0.255.0 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
    ],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => {
      const rule = parseIptablesRule(text, new Set());
      const scoped = scopeRule(rule, "iptables-nft", "172.7.0.0/16");
      assert.equal(scoped, wanted);
    });
  }
});

Deno.test("scopeRule() writes nft's words for nftables", async (t) => {
  const path = join(import.meta.dirname!, "testdata");
  const tables = ["docker29", "statements"].flatMap((name) =>
    parseNft(
      Deno.readTextFileSync(join(path, `${name}.json`)),
      Deno.readTextFileSync(join(path, `${name}.txt`)),
    )
  );
  const rules = tables.flatMap((t) => t.chains).flatMap((c) => c.rules);
  const cases: [string, string | null][] = [
    [
      'oifname != "docker0" ip saddr 172.7.21.0/24 counter masquerade comment "MASQUERADE"',
      'oifname != "docker0" ip saddr 172.7.21.0/24 ip daddr != 172.7.0.0/16 counter masquerade comment "MASQUERADE"',
    ],
    ["snat ip to 1.2.3.4", "ip daddr != 172.7.0.0/16 snat ip to 1.2.3.4"],
    [
      "ip saddr 10.0.0.0/24 ip daddr != 224.0.0.0/4 masquerade fully-random",
      null,
    ],
    [
      "ip saddr { 1.2.3.4, 5.5.5.1-5.5.5.9, 10.0.0.0/8 } accept",
      "ip saddr { 1.2.3.4, 5.5.5.1-5.5.5.9, 10.0.0.0/8 } ip daddr != 172.7.0.0/16 accept",
    ],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => {
      const rule = rules.find((candidate) => candidate.text === text)!;
      assert.equal(scopeRule(rule, "nftables", "172.7.0.0/16"), wanted);
    });
  }
});

Deno.test("scopeRule() keeps what nft says of a source in other words", async (t) => {
  const base = parseNft(
    `{"nftables":[{"rule":{"family":"ip","table":"t","chain":"c","expr":[]}},
      {"chain":{"family":"ip","table":"t","name":"c"}}]}`,
  )[0]!.chains[0]!.rules[0]!;
  const scope = "ip daddr != 172.7.0.0/16";
  const cases: [string, string | null][] = [
    [
      'ip saddr & 255.0.255.0 == 172.0.21.0 oifname != "docker0" masquerade',
      `ip saddr & 255.0.255.0 == 172.0.21.0 ${scope} oifname != "docker0" masquerade`,
    ],
    [
      "ip saddr & 255.0.255.0 != 172.0.21.0 masquerade",
      `ip saddr & 255.0.255.0 != 172.0.21.0 ${scope} masquerade`,
    ],
    [
      "ip saddr >= 172.7.21.0 masquerade",
      `${scope} ip saddr >= 172.7.21.0 masquerade`,
    ],
    [
      'oifname . ip saddr { "eth0" . 172.7.21.0/24 } masquerade',
      `oifname . ip saddr { "eth0" . 172.7.21.0/24 } ${scope} masquerade`,
    ],
    [
      "ip saddr . meta l4proto { 172.7.21.2 . tcp } masquerade",
      `${scope} ip saddr . meta l4proto { 172.7.21.2 . tcp } masquerade`,
    ],
    [
      "ip saddr != { 1.2.3.4, 10.0.0.0/8 } masquerade",
      `ip saddr != { 1.2.3.4, 10.0.0.0/8 } ${scope} masquerade`,
    ],
    ["ip saddr != @ours masquerade", `ip saddr != @ours ${scope} masquerade`],
    [
      "snat to ip saddr map { 172.7.21.2 : 1.2.3.4 }",
      `${scope} snat to ip saddr map { 172.7.21.2 : 1.2.3.4 }`,
    ],
    [
      "update @seen { ip saddr timeout 5m } masquerade",
      `${scope} update @seen { ip saddr timeout 5m } masquerade`,
    ],
    [
      'masquerade comment "ip saddr 10.0.0.1 ip daddr"',
      `${scope} masquerade comment "ip saddr 10.0.0.1 ip daddr"`,
    ],
    ["ip daddr & 255.0.255.0 == 10.0.0.0 masquerade", null],
    ['ip saddr 172.7.21.0/24 counter xt target "MASQUERADE"', null],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => {
      const scoped = scopeRule({ ...base, text }, "nftables", "172.7.0.0/16");
      assert.equal(scoped, wanted);
    });
  }
});

Deno.test("ruleSpecification() leaves the chain out", () => {
  assert.equal(ruleSpecification("-A POSTROUTING -j X"), "-j X");
  assert.equal(
    ruleSpecification("ip saddr 1.2.3.4 accept"),
    "ip saddr 1.2.3.4 accept",
  );
});
