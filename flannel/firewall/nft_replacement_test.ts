import assert from "node:assert/strict";
import { nftReplacement } from "./nft_replacement.ts";

Deno.test("nftReplacement() replaces, and does without where nft aborts", () => {
  assert.equal(
    nftReplacement("ip t c", 5, "ip saddr 10.0.0.0/8 masquerade"),
    "replace rule ip t c handle 5 ip saddr 10.0.0.0/8 masquerade",
  );
  assert.equal(
    nftReplacement("ip t c", 5, "ip saddr { 10.0.0.0/8 } masquerade"),
    "insert rule ip t c handle 5 ip saddr { 10.0.0.0/8 } masquerade; delete rule ip t c handle 5",
  );
});
