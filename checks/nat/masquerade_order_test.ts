import { deepStrictEqual } from "node:assert/strict";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { withNat } from "../../tests/fixtures/netfilter.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { MASQUERADE_ORDER } from "./masquerade_order.ts";

const RETURN = "-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN";
const EGRESS =
  "-A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully";
const SUBNET = "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN";
const INBOUND =
  "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE --random-fully";

Deno.test("FD604 is ok for flannel's order, and where flannel has no rules", () => {
  const facts = withNat(healthyFacts(), [RETURN, EGRESS, SUBNET, INBOUND]);
  deepStrictEqual(judged(MASQUERADE_ORDER, facts).verdict, "ok");
  deepStrictEqual(judged(MASQUERADE_ORDER, healthyFacts()).verdict, "ok");
});

Deno.test("FD604 does not mind rules of others in between", () => {
  const facts = withNat(healthyFacts(), [
    RETURN,
    "-A POSTROUTING -s 172.18.0.0/16 ! -o br-0123456789ab -j MASQUERADE",
    EGRESS,
    SUBNET,
    INBOUND,
  ]);
  deepStrictEqual(judged(MASQUERADE_ORDER, facts).verdict, "ok");
});

Deno.test("FD604 finds the masquerade before what it was to spare", () => {
  const facts = withNat(healthyFacts(), [EGRESS, RETURN, SUBNET, INBOUND]);
  const { lines } = judged(MASQUERADE_ORDER, facts);
  deepStrictEqual(lines.filter((line) => !line.startsWith("  wanted")), [
    "error default: iptables-nft POSTROUTING",
    `  rule ${EGRESS}   (nat POSTROUTING 1, iptables-nft)`,
    `  rule ${RETURN}   (nat POSTROUTING 2, iptables-nft)`,
    `  rule ${SUBNET}   (nat POSTROUTING 3, iptables-nft)`,
    `  rule ${INBOUND}   (nat POSTROUTING 4, iptables-nft)`,
    "  $ iptables -t nat -D POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
  ]);
  deepStrictEqual(sentences(MASQUERADE_ORDER, facts), [
    "flannel's own rules in iptables-nft are in the wrong order (1 of them): its masquerade takes packets that the rules behind it were to spare, and containers lose their addresses.",
  ]);
});

Deno.test("FD604 only warns of an order that changes nothing", () => {
  const facts = withNat(healthyFacts(), [RETURN, SUBNET, EGRESS, INBOUND]);
  deepStrictEqual(
    judged(MASQUERADE_ORDER, facts).lines[0],
    "warning harmless: iptables-nft POSTROUTING",
  );
});

Deno.test("FD604 finds that the rule which spares packets is gone", () => {
  const facts = withNat(healthyFacts(), [EGRESS, SUBNET, INBOUND]);
  const { lines } = judged(MASQUERADE_ORDER, facts);
  deepStrictEqual(lines[0], "error gap: iptables-nft POSTROUTING");
  deepStrictEqual(lines.at(-1), "  $ systemctl restart flanneld");
});

Deno.test("FD604 is unknown without the rules", () => {
  deepStrictEqual(
    judged(MASQUERADE_ORDER, without(healthyFacts(), "netfilter")).verdict,
    "unknown: not looked at",
  );
});
