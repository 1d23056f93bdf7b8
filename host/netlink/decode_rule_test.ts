import assert from "node:assert/strict";
import type { PolicyRule } from "../../flannel/kernel.ts";
import { messageOf } from "../../tests/support/netlink_message.ts";
import { decodeRule, ruleActionNumber } from "./decode_rule.ts";

const NEWRULE = 32;

const ALL: PolicyRule = {
  family: 4,
  priority: 0,
  from: null,
  to: null,
  iif: null,
  oif: null,
  fwmark: null,
  fwmask: null,
  table: 255,
  action: "lookup",
  not: false,
  other: [],
};

const CASES: readonly {
  readonly rule: string;
  readonly body: string;
  readonly expected: PolicyRule | null;
}[] = [
  {
    rule: "0: from all lookup local",
    body: `
      02 00 00 00 ff 00 00 01 00000000
      0800 0f00 ff000000  0800 0e00 ffffffff  0500 1500 02 000000
    `,
    expected: ALL,
  },
  {
    rule:
      "100: not from 10.5.0.0/16 to 10.6.0.0/16 fwmark 0x10/0xff iif eth0 oif eth1 lookup 1000",
    body: `
      02 10 10 00 fc 00 00 01 02000000
      0800 0100 0a060000  0800 0200 0a050000  0800 0600 64000000
      0900 0300 65746830 00 000000  0900 1100 65746831 00 000000
      0800 0a00 10000000  0800 1000 ff000000  0800 0f00 e8030000
    `,
    expected: {
      ...ALL,
      priority: 100,
      from: "10.5.0.0/16",
      to: "10.6.0.0/16",
      iif: "eth0",
      oif: "eth1",
      fwmark: 16,
      fwmask: 255,
      table: 1000,
      not: true,
    },
  },
  {
    rule:
      "200: from all tos 0x08 ipproto tcp sport 1-9 dport 53 uidrange 0-99 lookup main suppress_prefixlength 0",
    body: `
      02 00 00 08 fe 00 00 01 00000000
      0800 0600 c8000000  0500 1600 06 000000
      0800 1700 0100 0900  0800 1800 3500 3500
      0c00 1400 00000000 63000000  0800 0e00 00000000
    `,
    expected: {
      ...ALL,
      priority: 200,
      table: 254,
      other: [
        "tos 0x08",
        "ipproto tcp",
        "sport 1-9",
        "dport 53",
        "uidrange 0-99",
        "suppress_prefixlength 0",
      ],
    },
  },
  {
    rule: "300: from all goto 400",
    body: `
      02 00 00 00 00 00 00 02 00000000
      0800 0600 2c010000  0800 0400 90010000
    `,
    expected: {
      ...ALL,
      priority: 300,
      table: 0,
      action: "goto",
      other: ["goto 400"],
    },
  },
  {
    rule: "IPv6 from all to fd00::/64 prohibit",
    body: `
      0a 40 00 00 00 00 00 08 00000000
      1400 0100 fd000000 00000000 00000000 00000000
    `,
    expected: {
      ...ALL,
      family: 6,
      to: "fd00::/64",
      table: 0,
      action: "prohibit",
    },
  },
  {
    rule: "a prefix of zeros that the kernel left out",
    body: "02 00 08 00 fe 00 00 01 00000000",
    expected: { ...ALL, from: "0.0.0.0/8", table: 254 },
  },
  {
    rule: "a rule of another family",
    body: "80 00 00 00 fd 00 00 01 00000000",
    expected: null,
  },
];

Deno.test("decodeRule() reads RTM_NEWRULE", async (t) => {
  for (const { rule, body, expected } of CASES) {
    await t.step(rule, () => {
      assert.deepEqual(decodeRule(messageOf(NEWRULE, body)), expected);
    });
  }
});

Deno.test("ruleActionNumber() knows the actions that can be written", () => {
  assert.equal(ruleActionNumber("lookup"), 1);
  assert.equal(ruleActionNumber("blackhole"), 6);
  assert.throws(() => ruleActionNumber("goto"), RangeError);
  assert.throws(() => ruleActionNumber("drop"), RangeError);
});
