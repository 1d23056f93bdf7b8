import { deepStrictEqual } from "node:assert/strict";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import {
  DOCKER_RULE,
  iptablesTable,
  SCOPED_RULE,
  withMore,
  withNat,
} from "../../tests/fixtures/netfilter.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { MASQUERADE_DUPLICATE } from "./masquerade_duplicate.ts";

const RETURN = "-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN";
const COMMENTED =
  '-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -m comment --comment "flanneld masq" -j RETURN';

Deno.test("FD602 is ok where each rule is there once", () => {
  deepStrictEqual(judged(MASQUERADE_DUPLICATE, healthyFacts()).verdict, "ok");
});

Deno.test("FD602 does not take Docker's rule and its scoped form for the same", () => {
  const facts = withNat(healthyFacts(), [DOCKER_RULE, SCOPED_RULE]);
  deepStrictEqual(judged(MASQUERADE_DUPLICATE, facts).verdict, "ok");
});

Deno.test("FD602 warns of copies, in any spelling", () => {
  const spelled =
    "-A POSTROUTING ! -d 172.7.0.0/16 -s 172.7.21.1/24 ! -o docker0 -j MASQUERADE";
  const facts = withNat(healthyFacts(), [SCOPED_RULE, spelled, SCOPED_RULE]);
  deepStrictEqual(judged(MASQUERADE_DUPLICATE, facts).lines, [
    `warning: ${SCOPED_RULE}`,
    `  rule ${SCOPED_RULE}   (nat POSTROUTING 1, iptables-nft)`,
    `  rule ${spelled}   (nat POSTROUTING 2, iptables-nft)`,
    `  rule ${SCOPED_RULE}   (nat POSTROUTING 3, iptables-nft)`,
    `  $ iptables -t nat -D POSTROUTING ! -d 172.7.0.0/16 -s 172.7.21.1/24 ! -o docker0 -j MASQUERADE`,
    "  $ iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
  ]);
  deepStrictEqual(sentences(MASQUERADE_DUPLICATE, facts), [
    "The same rule is 3 times in POSTROUTING (iptables-nft). Only the first copy ever decides; the others cost time and hide what is in force.",
  ]);
});

Deno.test("FD602 counts flannel's rule with another comment as a copy", () => {
  const facts = withNat(healthyFacts(), [
    RETURN,
    "-A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE",
    COMMENTED,
  ]);
  const { lines } = judged(MASQUERADE_DUPLICATE, facts);
  deepStrictEqual(lines, [
    `warning: ${RETURN}`,
    `  rule ${RETURN}   (nat POSTROUTING 1, iptables-nft)`,
    `  rule ${COMMENTED}   (nat POSTROUTING 3, iptables-nft)`,
    '  $ iptables -t nat -D POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
  ]);
});

Deno.test("FD602 leaves one rule in each of two backends to FD607", () => {
  const facts = withMore(healthyFacts(), "iptables-legacy", [
    iptablesTable("nat", [SCOPED_RULE]),
  ]);
  deepStrictEqual(judged(MASQUERADE_DUPLICATE, facts).verdict, "ok");
});

Deno.test("FD602 shows only some of a thousand copies", () => {
  const facts = withNat(
    healthyFacts(),
    Array.from({ length: 1000 }, () => SCOPED_RULE),
  );
  const { lines, findings } = judged(MASQUERADE_DUPLICATE, facts);
  deepStrictEqual(lines.length, 9);
  deepStrictEqual(findings[0]!.arguments.count, 1000);
});

Deno.test("FD602 is unknown without the rules", () => {
  deepStrictEqual(
    judged(MASQUERADE_DUPLICATE, without(healthyFacts(), "netfilter")).verdict,
    "unknown: not looked at",
  );
});
