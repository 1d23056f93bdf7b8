import assert from "node:assert/strict";
import { goRegExp } from "./go_regexp.ts";

Deno.test("goRegExp() reads Go's syntax", async (t) => {
  const cases: ReadonlyArray<
    readonly [pattern: string, matches: string, not: string]
  > = [
    ["^eth\\d$", "eth0", "eth10"],
    ["eth\\-0", "eth-0", "eth0"],
    ["(?i)^ETH", "eth0", "veth0"],
    ["(?i)eth\\-0", "ETH-0", "ETH0"],
    ["^en[[:alnum:]]+$", "enp3s0", "en-0"],
    ["\\A10\\.0\\.", "10.0.0.1", "110.0.0.1"],
    ["s0\\z", "enp3s0", "enp3s01"],
    ["(?P<kind>bond)[0-9]", "bond0", "bond"],
  ];
  for (const [pattern, matches, not] of cases) {
    await t.step(pattern, () => {
      const regex = goRegExp(pattern);
      assert.ok(regex !== null);
      assert.ok(regex.test(matches), `does not match ${matches}`);
      assert.ok(!regex.test(not), `matches ${not}`);
    });
  }
});

Deno.test("goRegExp() refuses what is no expression", () => {
  for (const pattern of ["[", "eth(", "*", "(?<", "a\\-[", "(?ii)["]) {
    assert.equal(goRegExp(pattern), null, pattern);
  }
});
