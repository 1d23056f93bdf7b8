import assert from "node:assert/strict";
import { isHostAddress } from "./host_address.ts";

Deno.test("isHostAddress() takes what a packet can be sent to", async (t) => {
  const table: [string, boolean][] = [
    ["192.168.1.11", true],
    ["169.254.1.1", true],
    ["223.255.255.254", true],
    ["0.0.0.0", false],
    ["0.1.2.3", false],
    ["127.0.0.1", false],
    ["224.0.0.1", false],
    ["255.255.255.255", false],
    ["fd01::11", true],
    ["fe80::1", true],
    ["::", false],
    ["::1", false],
    ["ff02::1", false],
    ["", false],
  ];
  for (const [text, wanted] of table) {
    await t.step(text, () => assert.equal(isHostAddress(text), wanted));
  }
});
