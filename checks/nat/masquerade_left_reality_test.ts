import "../../tests/support/load_libc.ts";
import { deepStrictEqual, ok } from "node:assert/strict";
import {
  flannelRules,
  type FlannelShape,
  overlayMasquerade,
} from "../../flannel/firewall/mod.ts";
import { readNetfilter } from "../../host/netfilter/read_netfilter.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { given, judged } from "../../tests/support/judged.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { MASQUERADE_LEFTOVER } from "./masquerade_leftover.ts";
import { MASQUERADE_ORDER } from "./masquerade_order.ts";
import { overlaysOf } from "./overlay.ts";

/** What an agent with --ip-masq left for a subnet this host had. */
function leave(netns: TestNetns, shape: FlannelShape, tool: string): void {
  const rules = flannelRules(shape, {
    network: "172.7.0.0/16",
    subnet: "172.7.99.0/24",
    randomFully: true,
  }).filter(({ part }) => part === "masquerade");
  const script = shape === "nftables"
    ? [
      "nft add table ip flannel-ipv4",
      "nft 'add chain ip flannel-ipv4 postrtg { type nat hook postrouting priority srcnat; }'",
      ...rules.map(({ rule }) =>
        `nft 'add rule ip flannel-ipv4 postrtg ${rule.text}'`
      ),
    ]
    : [
      ...shape === "four-rules" ? [] : [`${tool} -t nat -N FLANNEL-POSTRTG`],
      ...rules.map(({ rule }) => `${tool} -t nat ${rule.text}`),
    ];
  netns.exec("sh", "-ec", script.join("\n"));
}

async function factsOf(netns: TestNetns): Promise<Facts> {
  const netfilter = await readNetfilter({ netns: netns.name });
  return { ...healthyFacts(), netfilter };
}

/** Rules that rewrite the source of what containers here send to others. */
function hiding(facts: Facts): number {
  const [overlay] = overlaysOf({
    config: given(facts, "config"),
    node: given(facts, "node"),
    expected: given(facts, "expected"),
    links: given(facts, "links"),
    addresses: given(facts, "addresses"),
  });
  return overlayMasquerade(given(facts, "netfilter"), overlay!).length;
}

const CHECKS = [MASQUERADE_ORDER, MASQUERADE_LEFTOVER];

Deno.test({
  name: "FD604's and FD605's commands take what --ip-masq left",
  ...needs({
    netns: true,
    programs: ["iptables", "iptables-nft", "iptables-legacy", "nft"],
  }),
  async fn(t) {
    const cases: [FlannelShape, string, "error" | "warning"][] = [
      ["own-chains", "iptables-nft", "error"],
      ["four-rules", "iptables-nft", "warning"],
      ["nftables", "nft", "warning"],
      ["own-chains", "iptables-legacy", "error"],
    ];
    for (const [shape, tool, severity] of cases) {
      await t.step(`${shape}, ${tool}`, async () => {
        using netns = new TestNetns();
        leave(netns, shape, tool);
        let facts = await factsOf(netns);
        const found = CHECKS.flatMap((check) => judged(check, facts).lines)
          .filter((line) => !line.startsWith("  "));
        deepStrictEqual(found.map((line) => line.split(" ").slice(0, 2)), [
          [severity, "left:"],
        ]);
        let harm = hiding(facts);
        deepStrictEqual(harm > 0, severity === "error");
        const commands = CHECKS.flatMap((check) =>
          judged(check, facts).findings.flatMap((finding) => finding.commands)
        );
        for (const command of commands) {
          // `iptables` is the other variant on this machine.
          const line = command.replace(/^iptables /, `${tool} `);
          netns.exec("sh", "-c", line);
          facts = await factsOf(netns);
          ok(hiding(facts) <= harm, `${line} makes it worse`);
          harm = hiding(facts);
        }
        deepStrictEqual(harm, 0);
        deepStrictEqual(
          CHECKS.map((check) => judged(check, facts).verdict),
          ["ok", "ok"],
        );
        deepStrictEqual(
          netns.exec("sh", "-c", "nft list ruleset; iptables-legacy-save")
            .match(/masquerade|FLANNEL/gi),
          null,
        );
      });
    }
  },
});

Deno.test({
  name: "FD605's commands spare packets until nothing takes them",
  ...needs({ netns: true, programs: ["iptables-nft", "nft"] }),
  async fn() {
    using netns = new TestNetns();
    leave(netns, "four-rules", "iptables-nft");
    // An upgrade: flannel's chain for the subnet of now, beside the old rules.
    const rules = flannelRules("own-chains", {
      network: "172.7.0.0/16",
      subnet: "172.7.21.0/24",
    }).filter(({ part }) => part === "masquerade")
      .map(({ rule }) => `iptables-nft -t nat ${rule.text}`);
    netns.exec(
      "sh",
      "-ec",
      ["iptables-nft -t nat -N FLANNEL-POSTRTG", ...rules].join("\n"),
    );
    const facts = await factsOf(netns);
    deepStrictEqual(judged(MASQUERADE_ORDER, facts).verdict, "ok");
    const { commands } = judged(MASQUERADE_LEFTOVER, facts).findings[0]!;
    deepStrictEqual(commands.length, 4);
    for (const command of commands) {
      netns.exec("sh", "-c", command.replace(/^iptables /, "iptables-nft "));
      deepStrictEqual(hiding(await factsOf(netns)), 0, command);
    }
    const after = await factsOf(netns);
    deepStrictEqual(judged(MASQUERADE_LEFTOVER, after).verdict, "ok");
  },
});
