import {
  type FlannelState,
  flannelStates,
  type FoundFlannelRule,
  type Overlay,
} from "../../flannel/firewall/mod.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";
import { defineCheck, type Finding } from "../check.ts";
import { separateAgents } from "../flannel_agents.ts";
import { flannelIssue } from "../sources.ts";
import {
  backendName,
  NO_SUBNET,
  overlaysOf,
  ruleLine,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import { missingGuards } from "./own_rules.ts";
import { isInOwnChain, removalCommands } from "./removal.ts";
import { allRewrites } from "./rewrites.ts";
import { keepsRules, type RuleKeeper, ruleKeeper } from "./rule_keeper.ts";

/** Rules shown of one network; a full set of flannel's has eight. */
const SHOWN = 10;

function left(
  subject: string,
  places: readonly FoundFlannelRule[],
  overlay: Overlay,
  rewriting: ReadonlySet<Rule>,
  rulesets: readonly Ruleset[],
): Finding {
  const network = places[0]!.network ?? overlay.network;
  const harms = places.some((place) => rewriting.has(place.rule));
  const own = network === overlay.network;
  return {
    subject,
    variant: harms ? "masquerades" : own ? "shape" : "network",
    arguments: {
      backend: backendName(places[0]!),
      network,
      current: overlay.network,
      subnet: overlay.subnet,
      count: places.length,
    },
    evidence: places.slice(0, SHOWN).map((place) => ({
      label: "rule",
      text: ruleLine(place),
    })),
    commands: removalCommands(places, rulesets).slice(0, SHOWN),
    ...(harms ? { severity: "error" } : {}),
  };
}

/**
 * Leftovers without those that FD604 tells of and puts right: where rules that
 * spare packets are missing, to delete a former subnet's would let the
 * masquerade behind take the packets they still spare.
 */
function leftoversOf(
  state: FlannelState,
  { network }: Overlay,
  keeper: RuleKeeper,
): readonly FoundFlannelRule[] {
  const isTold = state.part === "masquerade" && missingGuards(state).length > 0;
  return state.leftover.filter((place) =>
    !isTold || (place.network ?? network) !== network ||
    (keepsRules(keeper, state) && !isInOwnChain(place))
  );
}

/** FD605: rules that flannel made for another network, subnet or version. */
export const MASQUERADE_LEFTOVER = defineCheck({
  code: "FD605",
  name: "masquerade-leftover",
  severity: "warning",
  needs: [
    "netfilter",
    "config",
    "node",
    "expected",
    "links",
    "addresses",
    "processes",
    "settings",
    "subnetEnvFile",
  ],
  after: SUBNET_CAUSES,
  applies: unlessSubnet,
  judge(facts) {
    const { netfilter } = facts;
    // Rules for another network are a second agent's where there is one.
    const isAlone = separateAgents(facts.processes).length < 2;
    const keeper = ruleKeeper(facts);
    return overlaysOf(facts).flatMap((overlay) => {
      const leftovers = flannelStates(netfilter, overlay)
        .flatMap((state) => leftoversOf(state, overlay, keeper))
        .filter(({ network }) =>
          isAlone || (network ?? overlay.network) === overlay.network
        );
      if (leftovers.length === 0) return [];
      const rewriting = new Set(
        allRewrites(netfilter, overlay).map((hit) => hit.rule),
      );
      const groups = Map.groupBy(
        leftovers,
        (place) => `${backendName(place)} ${place.network ?? overlay.network}`,
      );
      return [...groups].map(([subject, places]) =>
        left(subject, places, overlay, rewriting, netfilter)
      );
    });
  },
  text: {
    en: {
      title: "Rules left over from another flannel network or version",
      messages: {
        network:
          "{count} rules in {backend} are flannel's for the network {network}, which this host no longer has (now {current}).",
        shape:
          "{count} rules in {backend} are flannel's for {network}, but of another version or for another subnet than {subnet}: nobody maintains or removes them.",
        masquerades:
          "{count} rules in {backend} that flannel made for {network} are still in force and rewrite the source of packets between containers of {current}.",
      },
      meaning:
        "flanneld knows only the rules it would make now. On a change of the network or the subnet v0.11 deletes the old ones only if both changed; later versions need the old subnet.env for it, which a reboot wipes; an upgrade changes the rules' form (v0.16.2 added comments, v0.20 chains of its own), and the old form stays. The switch to nftables leaves jumps and FLANNEL-FWD behind.",
      symptoms:
        "Mostly none but confusion. A former network that contains the present one masquerades its packets; a forward rule of a former network lets it through.",
      repair:
        `Delete the rules, one by one, those that masquerade before those that spare packets from it; never flush the chain:
  iptables -t nat -D POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
  iptables -t nat -D POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
If a second flannel network runs on this host on purpose, its rules are not left over.`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "其他 flannel 网段或版本遗留的规则",
      messages: {
        network:
          "{backend} 中有 {count} 条 flannel 为网段 {network} 建立的规则，而本机已不再使用该网段（现为 {current}）。",
        shape:
          "{backend} 中有 {count} 条 flannel 为 {network} 建立的规则，但出自别的版本，或针对 {subnet} 以外的子网：没有人维护，也没有人清除。",
        masquerades:
          "{backend} 中有 {count} 条 flannel 为 {network} 建立的规则仍在生效，会改写 {current} 内容器之间报文的源地址。",
      },
      meaning:
        "flanneld 只认识它现在会建立的规则。网段或子网变化时，v0.11 只有在两者都变了的情况下才删除旧规则；后来的版本要靠旧的 subnet.env 才能删除，而重启会清掉这个文件；升级会改变规则的写法（v0.16.2 加了注释，v0.20 改用自己的链），旧写法的规则就留了下来。切换到 nftables 之后，跳转规则和 FLANNEL-FWD 也会残留。",
      symptoms:
        "多数时候只是让人困惑。如果以前的网段包含现在的网段，它的 MASQUERADE 会改写现在的报文；以前网段的转发规则也会继续放行。",
      repair:
        `逐条删除这些规则，先删做地址转换的，再删放过报文的，切勿清空整条链：
  iptables -t nat -D POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
  iptables -t nat -D POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
如果本机有意运行着第二个 flannel 网络，它的规则不算遗留。`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    flannelIssue(1142),
    flannelIssue(836),
    flannelIssue(734),
    flannelIssue(820),
  ],
});
