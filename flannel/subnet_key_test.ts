import assert from "node:assert/strict";
import { formatCidr } from "./cidr.ts";
import { formatSubnetKey, parseSubnetKey } from "./subnet_key.ts";

Deno.test("parseSubnetKey() reads the three forms", async (t) => {
  const table: [string, string | null, string | null][] = [
    ["10.5.34.0-24", "10.5.34.0/24", null],
    ["10.5.16.64-26", "10.5.16.64/26", null],
    ["10.5.34.0-24&fd00:12:13::-64", "10.5.34.0/24", "fd00:12:13::/64"],
    ["0.0.0.0-0&fd00::1:0-112", null, "fd00::1:0/112"],
  ];
  for (const [key, v4, v6] of table) {
    await t.step(key, () => {
      const parsed = parseSubnetKey(key);
      assert.equal(parsed.ipv4 && formatCidr(parsed.ipv4), v4);
      assert.equal(parsed.ipv6 && formatCidr(parsed.ipv6), v6);
      assert.equal(formatSubnetKey(v4, v6), key);
    });
  }
});

const FORM = 'expected "A.B.C.D-LEN" or "A.B.C.D-LEN&V6-LEN"';

Deno.test("parseSubnetKey() rejects what no flannel writes", async (t) => {
  const table: [string, string][] = [
    ["", FORM],
    ["config", FORM],
    ["10.5.34.0", FORM],
    ["10.5.34.0/24", FORM],
    ["x10.5.34.0-24", FORM],
    ["10.5.34.0-24 ", FORM],
    ["10.5.34.0-24&", FORM],
    ["10.5.300.0-24", "expected an IPv4 address before -"],
    ["10.5.34-24", "expected an IPv4 address before -"],
    ["10.5.34.0-32", "expected a length up to 31"],
    ["10.5.34.7-24", "expected the network address of 10.5.34.0/24"],
    ["0.0.0.0-0", "expected a subnet"],
    ["10.5.34.0-24&fd00:::-64", "expected an IPv6 address after &"],
    ["10.5.34.0-24&fd00::-128", "expected an IPv6 length up to 127"],
    ["10.5.34.0-24&fd00::1-64", "expected the network address of fd00::/64"],
  ];
  for (const [key, why] of table) {
    await t.step(key || "empty", () => {
      assert.throws(() => parseSubnetKey(key), {
        name: "SyntaxError",
        message: `Cannot parse subnet key: ${why}, got "${key}"`,
      });
    });
  }
});

Deno.test("formatSubnetKey() prints IPv6 canonically and wants a subnet", () => {
  assert.equal(
    formatSubnetKey("10.5.1.0/24", "FD00:0:0:1::/64"),
    "10.5.1.0-24&fd00:0:0:1::-64",
  );
  assert.throws(() => formatSubnetKey(null, null), TypeError);
});
