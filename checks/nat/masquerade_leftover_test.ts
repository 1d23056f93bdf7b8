import { deepStrictEqual } from "node:assert/strict";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { SCOPED_RULE, withNat } from "../../tests/fixtures/netfilter.ts";
import { known } from "../../snapshot/fact.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { MASQUERADE_LEFTOVER } from "./masquerade_leftover.ts";

/** Rules of v0.11 for a network and subnet. */
function v011(network: string, subnet: string): string[] {
  return [
    `-A POSTROUTING -s ${network} -d ${network} -j RETURN`,
    `-A POSTROUTING -s ${network} ! -d 224.0.0.0/4 -j MASQUERADE`,
    `-A POSTROUTING ! -s ${network} -d ${subnet} -j RETURN`,
    `-A POSTROUTING ! -s ${network} -d ${network} -j MASQUERADE`,
  ];
}

const HEAD = [
  '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
  '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG -s 172.7.21.0/24 -d 172.7.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG -s 172.7.0.0/16 -d 172.7.21.0/24 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.21.0/24 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG -s 172.7.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
  '-A FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
];

Deno.test("FD605 is ok for this network's own rules and those of others", () => {
  for (
    const lines of [
      [SCOPED_RULE],
      v011("172.7.0.0/16", "172.7.21.0/24"),
      HEAD,
      [...HEAD, "-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE"],
    ]
  ) {
    const facts = withNat(healthyFacts(), lines);
    deepStrictEqual(judged(MASQUERADE_LEFTOVER, facts).lines, []);
  }
});

Deno.test("FD605 warns of rules of a former network", () => {
  const facts = withNat(healthyFacts(), [
    ...v011("172.7.0.0/16", "172.7.21.0/24"),
    ...v011("172.26.0.0/16", "172.26.9.0/24"),
  ]);
  const { lines } = judged(MASQUERADE_LEFTOVER, facts);
  deepStrictEqual(lines.slice(0, 3), [
    "warning network: iptables-nft 172.26.0.0/16",
    "  rule -A POSTROUTING -s 172.26.0.0/16 -d 172.26.0.0/16 -j RETURN   (nat POSTROUTING 5, iptables-nft)",
    "  rule -A POSTROUTING -s 172.26.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE   (nat POSTROUTING 6, iptables-nft)",
  ]);
  deepStrictEqual(lines.length, 9);
  deepStrictEqual(sentences(MASQUERADE_LEFTOVER, facts), [
    "4 rules in iptables-nft are flannel's for the network 172.26.0.0/16, which this host no longer has (now 172.7.0.0/16).",
  ]);
});

Deno.test("FD605 warns of the rule that names a former subnet", () => {
  const facts = withNat(healthyFacts(), [
    ...v011("172.7.0.0/16", "172.7.21.0/24"),
    "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.99.0/24 -j RETURN",
  ]);
  deepStrictEqual(judged(MASQUERADE_LEFTOVER, facts).lines.slice(0, 2), [
    "warning shape: iptables-nft 172.7.0.0/16",
    "  rule -A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.99.0/24 -j RETURN   (nat POSTROUTING 5, iptables-nft)",
  ]);
});

Deno.test("FD605 warns of what an upgrade left in POSTROUTING", () => {
  const facts = withNat(healthyFacts(), [
    ...v011("172.7.0.0/16", "172.7.21.0/24"),
    ...HEAD,
  ]);
  const { findings, lines } = judged(MASQUERADE_LEFTOVER, facts);
  deepStrictEqual(findings.map((f) => [f.variant, f.arguments.count]), [
    ["shape", 4],
  ]);
  deepStrictEqual(
    lines[1],
    "  rule -A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN   (nat POSTROUTING 1, iptables-nft)",
  );
});

Deno.test("FD605 is an error where a former, larger network masquerades the present one", () => {
  const facts = withNat(healthyFacts(), [
    "-A POSTROUTING -s 172.0.0.0/8 ! -d 224.0.0.0/4 -j MASQUERADE",
    ...v011("172.7.0.0/16", "172.7.21.0/24"),
  ]);
  deepStrictEqual(
    judged(MASQUERADE_LEFTOVER, facts).lines[0],
    "error masquerades: iptables-nft 172.0.0.0/8",
  );
});

Deno.test("FD605 is unknown without the rules", () => {
  deepStrictEqual(
    judged(MASQUERADE_LEFTOVER, without(healthyFacts(), "netfilter")).verdict,
    "unknown: not looked at",
  );
});

Deno.test("FD605 leaves another network's rules to a second agent", () => {
  const facts = withNat(healthyFacts(), [
    ...v011("172.7.0.0/16", "172.7.21.0/24"),
    ...v011("172.26.0.0/16", "172.26.9.0/24"),
  ]);
  const processes = given(facts, "processes");
  const flanneld = processes.find(({ name }) => name === "flanneld")!;
  const two = known([...processes, { ...flanneld, pid: 4711 }]);
  deepStrictEqual(
    judged(MASQUERADE_LEFTOVER, { ...facts, processes: two }).verdict,
    "ok",
  );
  // A leftover of the own network is nobody else's.
  const stale = withNat(
    { ...facts, processes: two },
    [
      ...v011("172.7.0.0/16", "172.7.21.0/24"),
      "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.99.0/24 -j RETURN",
    ],
  );
  deepStrictEqual(
    judged(MASQUERADE_LEFTOVER, stale).findings.map((f) => f.variant),
    ["shape"],
  );
});
