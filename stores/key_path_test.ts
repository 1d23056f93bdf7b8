import assert from "node:assert/strict";
import { childName, keyPath } from "./key_path.ts";

Deno.test("keyPath() joins as Go's path.Join does", () => {
  const cases = [
    [["/coreos.com/network", "config"], "/coreos.com/network/config"],
    [["coreos.com/network", "config"], "coreos.com/network/config"],
    [["/coreos.com//network/", "config"], "/coreos.com/network/config"],
    [["/a/../b/./", "subnets"], "/b/subnets"],
    [["", "config"], "config"],
    [["/", "config"], "/config"],
    [["/", "coreos.com", "config"], "/coreos.com/config"],
    [["/a/"], "/a"],
    [["/"], "/"],
  ] as const;
  for (const [parts, wanted] of cases) assert.equal(keyPath(...parts), wanted);
});

Deno.test("childName() names direct children only", () => {
  const cases = [
    ["/p/subnets/10.5.1.0-24", "10.5.1.0-24"],
    ["/p/subnets/", null],
    ["/p/subnets", null],
    ["/p/subnetsX/a", null],
    ["/p/subnets/a/b", null],
    ["/p/subnets//a", null],
    ["p/subnets/a", null],
    ["/p/config", null],
  ] as const;
  for (const [key, wanted] of cases) {
    assert.equal(childName("/p/subnets", key), wanted, key);
  }
});
