import { deepStrictEqual } from "node:assert/strict";
import { given } from "../../tests/support/judged.ts";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { directPeers } from "./direct_peers.ts";
import { passageBy } from "./proxied.ts";

Deno.test("passageBy() keeps two hosts with one subnet apart", () => {
  const facts = healthyFacts();
  const [peer] = directPeers(given(facts, "expected"), given(facts, "node"));
  const other = { ...peer!, address: "192.168.1.13" };
  const answer = { subnet: peer!.subnet, bridgeReached: false };
  const passage = passageBy({
    source: "172.7.21.1",
    answers: [
      { ...answer, publicIP: peer!.address, hostReached: false },
      { ...answer, publicIP: other.address, hostReached: true },
    ],
    elapsedMs: 0,
  });
  deepStrictEqual([peer!, other].map(passage), ["unproved", "blocked"]);
});
