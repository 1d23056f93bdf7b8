import { deepStrictEqual } from "node:assert/strict";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { withNat } from "../../tests/fixtures/netfilter.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { flannelRules } from "../../flannel/firewall/mod.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { MASQUERADE_LEFTOVER } from "./masquerade_leftover.ts";
import { MASQUERADE_ORDER } from "./masquerade_order.ts";

const RETURN = "-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN";
const EGRESS =
  "-A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully";
const SUBNET = "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN";
const INBOUND =
  "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE --random-fully";

/** A host with these rules whose flanneld has --ip-masq. */
function masquerading(lines: readonly string[]): Facts {
  return withIpMasq(withNat(healthyFacts(), lines), true);
}

function withIpMasq(facts: Facts, value: boolean): Facts {
  const settings = given(facts, "settings");
  const ipMasq = { value, source: "flanneld (pid 812)" };
  return { ...facts, settings: known({ ...settings, ipMasq }) };
}

/** flannel v0.21's chain for a subnet. */
function chainFor(subnet: string): string[] {
  return flannelRules("own-chains", { network: "172.7.0.0/16", subnet })
    .filter(({ part }) => part === "masquerade").map(({ rule }) => rule.text);
}

/** The host's agent is another, or none. */
function withAgent(facts: Facts, name: string | null): Facts {
  const processes = given(facts, "processes")
    .filter((each) => each.name !== "flanneld" || name !== null)
    .map((each) =>
      each.name === "flanneld" ? { ...each, name: name!, unit: null } : each
    );
  return { ...facts, processes: known(processes) };
}

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
  const facts = masquerading([EGRESS, RETURN, SUBNET, INBOUND]);
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
  const facts = masquerading([EGRESS, SUBNET, INBOUND]);
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

const OLD = chainFor("172.7.99.0/24");

Deno.test("FD604 finds what a run with --ip-masq left for a former subnet", () => {
  const facts = withAgent(withNat(healthyFacts(), OLD), "flandoc");
  const of = '-m comment --comment "flanneld masq"';
  const { lines } = judged(MASQUERADE_ORDER, facts);
  deepStrictEqual(lines.filter((line) => !line.startsWith("  rule")), [
    "error left: iptables-nft POSTROUTING",
    "  found flandoc --ip-masq=false (default)",
    `  $ iptables -t nat -D POSTROUTING ${of} -j FLANNEL-POSTRTG`,
    `  $ iptables -t nat -D FLANNEL-POSTRTG -s 172.7.0.0/16 ! -d 224.0.0.0/4 ${of} -j MASQUERADE`,
    `  $ iptables -t nat -D FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.0.0/16 ${of} -j MASQUERADE`,
    `  $ iptables -t nat -D FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${of} -j RETURN`,
    `  $ iptables -t nat -D FLANNEL-POSTRTG -s 172.7.99.0/24 -d 172.7.0.0/16 ${of} -j RETURN`,
    `  $ iptables -t nat -D FLANNEL-POSTRTG -s 172.7.0.0/16 -d 172.7.99.0/24 ${of} -j RETURN`,
    `  $ iptables -t nat -D FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.99.0/24 ${of} -j RETURN`,
    "  $ iptables -t nat -X FLANNEL-POSTRTG",
  ]);
  deepStrictEqual(sentences(MASQUERADE_ORDER, facts), [
    "An earlier run of flannel left its masquerade in iptables-nft, where 3 of the rules that spare packets to and from 172.7.21.0/24 are missing. The agent, as it runs now or ran last (flandoc --ip-masq=false (default)), does not put them right.",
  ]);
  // FD605 does not offer to delete what still spares packets.
  deepStrictEqual(judged(MASQUERADE_LEFTOVER, facts).verdict, "ok");
});

Deno.test("FD604 shows the rules that the running agent makes", () => {
  const wanted = (facts: Facts) =>
    judged(MASQUERADE_ORDER, withIpMasq(facts, true)).lines
      .filter((line) => /^ +(wanted|\$)/.test(line));
  const facts = withNat(healthyFacts(), OLD);
  const lines = wanted(withAgent(facts, "flandoc"));
  deepStrictEqual(lines, [
    ...chainFor("172.7.21.0/24").map((text) => `  wanted ${text}`),
    "  $ systemctl restart flandoc",
  ]);
  // v0.11 puts its rules elsewhere, and leaves the chain.
  const other = judged(MASQUERADE_ORDER, withIpMasq(facts, true));
  deepStrictEqual(other.findings[0]!.variant, "left");
  deepStrictEqual(other.findings[0]!.commands.length, 8);
  // A restart sets all rules of the chain anew.
  const both = withIpMasq(withAgent(facts, "flandoc"), true);
  deepStrictEqual(judged(MASQUERADE_LEFTOVER, both).verdict, "ok");
});

Deno.test("FD604 goes by subnet.env where no agent runs", () => {
  const none = withAgent(withNat(healthyFacts(), OLD), null);
  const file = given(none, "subnetEnvFile");
  const last = (text: string | null) =>
    judged(MASQUERADE_ORDER, {
      ...none,
      subnetEnvFile: known({ ...file, text }),
    })
      .lines.filter((line) => /^(error| +found| +file)/.test(line));
  deepStrictEqual(last("FLANNEL_IPMASQ=false\n"), [
    "error left: iptables-nft POSTROUTING",
    "  file FLANNEL_IPMASQ=false",
  ]);
  deepStrictEqual(last("FLANNEL_IPMASQ=true\n"), [
    "error gap: iptables-nft POSTROUTING",
  ]);
  deepStrictEqual(last(null), [
    "error left: iptables-nft POSTROUTING",
    "  found flanneld --ip-masq=false (default)",
  ]);
});

Deno.test("FD604 leaves another network's rules in the chain of both", () => {
  const [jump, mark, ...rest] = OLD;
  const theirs = rest.map((line) => line.replaceAll("172.7.", "172.8."));
  const facts = withNat(healthyFacts(), [jump!, mark!, ...rest, ...theirs]);
  const { commands } = judged(MASQUERADE_ORDER, facts).findings[0]!;
  deepStrictEqual(commands.length, 5);
  deepStrictEqual(commands.every((line) => line.includes("172.7.")), true);
});

Deno.test("FD604 deletes nothing that does no harm without --ip-masq", () => {
  const facts = withNat(healthyFacts(), [RETURN, SUBNET, EGRESS, INBOUND]);
  const { findings } = judged(MASQUERADE_ORDER, facts);
  deepStrictEqual(findings.map((f) => [f.variant, f.commands]), [
    ["harmless", []],
  ]);
});
