import { deepStrictEqual } from "node:assert/strict";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withArp } from "../../tests/fixtures/segment.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { ARP_DUPLICATE } from "./arp_duplicate.ts";

const MACS = ["52:54:00:aa:01:11", "52:54:00:bb:02:22"];

Deno.test("FD503 is ok where one MAC answers for each address", () => {
  deepStrictEqual(judged(ARP_DUPLICATE, healthyFacts()).verdict, "ok");
  deepStrictEqual(
    judged(ARP_DUPLICATE, healthyVxlanFacts()).verdict,
    "skipped: no-direct-peers",
  );
});

Deno.test("FD503 finds two MACs for a next hop", () => {
  const facts = withArp(healthyFacts(), { "192.168.1.11": MACS });
  deepStrictEqual(judged(ARP_DUPLICATE, facts).lines, [
    "error default: 192.168.1.11",
    "  answer ARP, Reply 192.168.1.11 is-at 52:54:00:aa:01:11",
    "  answer ARP, Reply 192.168.1.11 is-at 52:54:00:bb:02:22",
    "  $ arping -D -c 3 -I eth0 192.168.1.11",
  ]);
  deepStrictEqual(sentences(ARP_DUPLICATE, facts), [
    "2 MACs answer ARP for 192.168.1.11, the next hop of 172.7.22.0/24: 52:54:00:aa:01:11, 52:54:00:bb:02:22. Packets for 172.7.22.0/24 go to whichever answered last.",
  ]);
});

Deno.test("FD503 only warns of a gateway, which may be two routers", () => {
  const facts = withArp(healthyFacts(), { "192.168.1.254": MACS });
  deepStrictEqual(
    judged(ARP_DUPLICATE, facts).lines[0],
    "warning gateway: 192.168.1.254",
  );
});

Deno.test("FD503 does not count one MAC that answered twice", () => {
  const facts = withArp(healthyFacts(), {
    "192.168.1.11": [MACS[0]!, MACS[0]!],
  });
  deepStrictEqual(judged(ARP_DUPLICATE, facts).verdict, "ok");
});

Deno.test("FD503 says many duplicates in one finding", () => {
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`192.168.1.${i + 20}`, MACS]),
  );
  const { lines } = judged(ARP_DUPLICATE, withArp(healthyFacts(), many));
  deepStrictEqual(lines.length, 8);
  deepStrictEqual(lines[0], "error many: eth0");
});

Deno.test("FD503 is unknown without the sweep", () => {
  deepStrictEqual(
    judged(ARP_DUPLICATE, without(healthyFacts(), "arp")).verdict,
    "unknown: not looked at",
  );
});
