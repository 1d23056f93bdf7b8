import assert from "node:assert/strict";
import { CAPTURES, readCapture } from "../tests/support/captures.ts";
import {
  firstAddressOf,
  formatSubnetEnv,
  parseSubnetEnv,
  subnetOf,
} from "./subnet_env.ts";

const PLAIN = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`;
const DUAL = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_IPV6_NETWORK=fc00::/48
FLANNEL_IPV6_SUBNET=fc00:0:0:1::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
`;
const SIX = `FLANNEL_IPV6_NETWORK=fc00::/48
FLANNEL_IPV6_SUBNET=fc00:0:0:1::1/64
FLANNEL_MTU=1430
FLANNEL_IPMASQ=true
`;

Deno.test("formatSubnetEnv() writes flannel's bytes", async (t) => {
  for (const text of [PLAIN, DUAL, SIX]) {
    await t.step(text.slice(0, 30), () => {
      const { env, problems } = parseSubnetEnv(text);
      assert.deepEqual(problems, []);
      assert.equal(formatSubnetEnv(env!), text);
    });
  }
  for (const name of CAPTURES) {
    for (const host of ["ha", "hb"] as const) {
      await t.step(`${name}/${host}`, () => {
        const text = readCapture(name, host).subnetEnv;
        const { env, problems } = parseSubnetEnv(text);
        assert.deepEqual(problems, []);
        assert.equal(formatSubnetEnv(env!), text);
      });
    }
  }
});

Deno.test("parseSubnetEnv() reads on where CNI stumbles", async (t) => {
  const swap = (from: string, to: string) => PLAIN.replace(from, to);
  const table: [string, string, string[]][] = [
    ["comment and blank line", `# made by flannel\n\n${PLAIN}`, []],
    ["another variable", `${PLAIN}DOCKER_OPTS="--bip x"\n`, []],
    [
      "quotes",
      swap("=10.244.1.1/24", '="10.244.1.1/24"'),
      ["quoted FLANNEL_SUBNET 3"],
    ],
    ["export", swap("FLANNEL_MTU", "export FLANNEL_MTU"), [
      "prefixed FLANNEL_MTU 4",
    ]],
    [
      "export and quotes",
      swap("FLANNEL_MTU=1450", "export FLANNEL_MTU='1450'"),
      [
        "prefixed FLANNEL_MTU 4",
      ],
    ],
    ["blank before name", swap("FLANNEL_MTU", "\tFLANNEL_MTU"), [
      "prefixed FLANNEL_MTU 4",
    ]],
    ["blank before value", swap("MTU=", "MTU= "), ["spaces FLANNEL_MTU 4"]],
    ["blank before quoted value", swap("MTU=1450", "MTU= '1450'"), [
      "spaces FLANNEL_MTU 4",
    ]],
    ["export and blanks", swap("FLANNEL_MTU=", "export FLANNEL_MTU = "), [
      "spaces FLANNEL_MTU 4",
    ]],
    ["comment after value", swap("1450", "1450 # vxlan"), [
      "trailing FLANNEL_MTU 4",
    ]],
    ["blank after value", swap("=true", "=true "), [
      "trailing FLANNEL_IPMASQ 5",
    ]],
    ["CRLF", PLAIN.replaceAll("\n", "\r\n"), [
      "carriage-return FLANNEL_NETWORK 2",
      "carriage-return FLANNEL_SUBNET 3",
      "carriage-return FLANNEL_MTU 4",
      "carriage-return FLANNEL_IPMASQ 5",
    ]],
    ["list", swap("=10.244.0.0/16", "=10.244.0.0/16,10.245.0.0/16"), [
      "several-cidrs FLANNEL_NETWORK 2",
    ]],
    ["twice", `FLANNEL_MTU=1500\n${PLAIN}`, ["duplicate FLANNEL_MTU 5"]],
    ["noise", `hello\n${PLAIN}`, ["not-assignment hello 2"]],
  ];
  for (const [name, text, wanted] of table) {
    await t.step(name, () => {
      const { env, problems } = parseSubnetEnv(`\n${text}`);
      assert.deepEqual(
        problems.map((p) => `${p.code} ${p.variable} ${p.line}`),
        wanted,
      );
      assert.deepEqual(env, {
        network: "10.244.0.0/16",
        subnet: "10.244.1.1/24",
        ipv6Network: null,
        ipv6Subnet: null,
        mtu: 1450,
        ipMasq: true,
      });
    });
  }
});

Deno.test("parseSubnetEnv() gives nothing where a needed value is bad", async (t) => {
  const table: [string, string, string[]][] = [
    ["empty", "", [
      "missing FLANNEL_NETWORK",
      "missing FLANNEL_SUBNET",
      "missing FLANNEL_MTU",
      "missing FLANNEL_IPMASQ",
    ]],
    ["no MTU", PLAIN.replace("FLANNEL_MTU=1450\n", ""), [
      "missing FLANNEL_MTU",
    ]],
    ["MTU not a number", PLAIN.replace("1450", "big"), [
      "not-number FLANNEL_MTU",
    ]],
    ["subnet not a CIDR", PLAIN.replace("10.244.1.1/24", "10.244.1.1"), [
      "not-cidr FLANNEL_SUBNET",
    ]],
    ["IPv6 for IPv4", PLAIN.replace("10.244.1.1/24", "fd00::1/64"), [
      "not-cidr FLANNEL_SUBNET",
    ]],
  ];
  for (const [name, text, wanted] of table) {
    await t.step(name, () => {
      const { env, problems } = parseSubnetEnv(text);
      assert.equal(env, null);
      assert.deepEqual(
        problems.map((p) => `${p.code} ${p.variable}`),
        wanted,
      );
    });
  }
});

Deno.test("parseSubnetEnv() wants the first address of the subnet", async (t) => {
  const table: [string, string[]][] = [
    ["10.244.1.1/24", []],
    ["10.244.1.65/26", []],
    ["10.244.1.0/24", ["network-address FLANNEL_SUBNET 2"]],
    ["10.244.1.64/26", ["network-address FLANNEL_SUBNET 2"]],
    ["10.244.1.9/24", ["not-first FLANNEL_SUBNET 2"]],
    ["10.244.1.1/26", []],
    ["10.244.1.65/24", ["not-first FLANNEL_SUBNET 2"]],
    // No subnet of flannel's: FD303 says so.
    ["10.244.1.1/32", []],
  ];
  for (const [subnet, wanted] of table) {
    await t.step(subnet, () => {
      const { env, problems } = parseSubnetEnv(
        PLAIN.replace("10.244.1.1/24", subnet),
      );
      assert.equal(env!.subnet, subnet);
      assert.deepEqual(
        problems.map((p) => `${p.code} ${p.variable} ${p.line}`),
        wanted,
      );
    });
  }
});

Deno.test("parseSubnetEnv() takes only true for true", () => {
  const { env, problems } = parseSubnetEnv(PLAIN.replace("=true", "=TRUE"));
  assert.equal(env!.ipMasq, false);
  assert.deepEqual(problems.map((p) => p.code), ["not-boolean"]);
});

Deno.test("firstAddressOf() and subnetOf() are each other's inverse", () => {
  assert.equal(firstAddressOf("10.5.16.64/26"), "10.5.16.65/26");
  assert.equal(subnetOf("10.5.16.65/26"), "10.5.16.64/26");
  assert.equal(firstAddressOf("fc00:0:0:1::/64"), "fc00:0:0:1::1/64");
});
