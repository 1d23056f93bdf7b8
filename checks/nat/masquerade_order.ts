import {
  type FilledPlace,
  flannelRules,
  type FlannelState,
  flannelStates,
  type Overlay,
} from "../../flannel/firewall/mod.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { flannelIssue } from "../sources.ts";
import {
  backendName,
  deleteCommand,
  NO_SUBNET,
  overlaysOf,
  ruleLine,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import { missingGuards, ownRules } from "./own_rules.ts";
import { removalCommands } from "./removal.ts";
import { allRewrites } from "./rewrites.ts";
import { keepsRules, type RuleKeeper, ruleKeeper } from "./rule_keeper.ts";

/** Rules by chain, in the order the kernel asks them. */
function inOrder(places: readonly FilledPlace[]): FilledPlace[] {
  return [...places].sort((a, b) =>
    a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : a.position - b.position
  );
}

/** Rules of the version that runs; of the one that made those there else. */
function wantedEvidence(
  { shape }: FlannelState,
  overlay: Overlay,
  keeper: RuleKeeper,
): Evidence[] {
  return flannelRules(keeper.shape ?? shape!, overlay)
    .filter(({ part }) => part === "masquerade")
    .map(({ rule }) => ({ label: "wanted", text: rule.text }));
}

/**
 * What helps: an agent with --ip-masq sets all of its rules anew when it
 * starts, and when one is missing. One without leaves what is there (flannel
 * v0.11 to v0.28), so that the rules have to go.
 */
function commandsFor(
  state: FlannelState,
  overlay: Overlay,
  isKept: boolean,
  rulesets: readonly Ruleset[],
): string[] {
  const isGap = missingGuards(state).length > 0;
  if (!isKept) {
    return removalCommands(ownRules(state, overlay), rulesets);
  }
  // Nothing looks for missing rules in nftables.
  if (isGap || state.backend === "nftables") {
    return ["systemctl restart flanneld"];
  }
  const command = deleteCommand(state.misplaced[0]!, rulesets);
  return command === null ? [] : [command];
}

function variantOf(
  isGap: boolean,
  harms: boolean,
  isKept: boolean,
): string {
  if (isGap) return isKept ? "gap" : "left";
  return harms ? "default" : "harmless";
}

function disordered(
  state: FlannelState,
  overlay: Overlay,
  keeper: RuleKeeper,
  rewriting: ReadonlySet<Rule>,
  rulesets: readonly Ruleset[],
): Finding[] {
  const guards = missingGuards(state);
  const { shape, present, misplaced, leftover } = state;
  if (shape === null || misplaced.length + guards.length === 0) return [];
  const isGap = guards.length > 0;
  const harms = [...present, ...leftover]
    .some((place) => rewriting.has(place.rule));
  const backend = backendName(present[0]!);
  const { chain } = present[0]!;
  const shown = isGap ? ownRules(state, overlay) : present;
  const isHarmless = !isGap && !harms;
  const isKept = keepsRules(keeper, state);
  return [{
    subject: `${backend} ${chain}`,
    variant: variantOf(isGap, harms, isKept),
    arguments: {
      backend,
      chain,
      subnet: overlay.subnet,
      agent: keeper.evidence.text,
      count: isGap ? guards.length : misplaced.length,
    },
    evidence: [
      ...inOrder(shown).map((place) => ({
        label: "rule",
        text: ruleLine(place),
      })),
      ...isKept ? wantedEvidence(state, overlay, keeper) : [keeper.evidence],
    ],
    // Harmless, they may be the only ones that masquerade at all.
    commands: isHarmless && !isKept
      ? []
      : commandsFor(state, overlay, isKept, rulesets),
    ...(harms ? {} : { severity: "warning" }),
  }];
}

/** FD604: flannel's rules in another order than flannel's, or with gaps. */
export const MASQUERADE_ORDER = defineCheck({
  code: "FD604",
  name: "masquerade-order",
  severity: "error",
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
    const keeper = ruleKeeper(facts);
    return overlaysOf(facts).flatMap((overlay) => {
      const rewriting = new Set(
        allRewrites(netfilter, overlay).map((hit) => hit.rule),
      );
      return flannelStates(netfilter, overlay)
        .filter((state) => state.part === "masquerade")
        .flatMap((state) =>
          disordered(state, overlay, keeper, rewriting, netfilter)
        );
    });
  },
  text: {
    en: {
      title: "flannel's masquerade rules are out of order",
      messages: {
        default:
          "flannel's own rules in {backend} are in the wrong order ({count} of them): its masquerade takes packets that the rules behind it were to spare, and containers lose their addresses.",
        harmless:
          "flannel's own rules in {backend} are not in flannel's order ({count} of them). At present that changes nothing for packets between containers.",
        gap:
          "{count} of flannel's rules in {backend} that spare packets from its masquerade are missing, while the masquerade is there.",
        left:
          "An earlier run of flannel left its masquerade in {backend}, where {count} of the rules that spare packets to and from {subnet} are missing. The agent, as it runs now or ran last ({agent}), does not put them right.",
      },
      meaning:
        "flannel's rules work together: first those that let packets between containers pass as they are, then the masquerade of everything else. flanneld asks every few seconds whether each rule exists, not where, so an order once broken (by a restore of saved rules, two agents, an upgrade) stays until a rule is missing and flanneld sets all of them anew. A flanneld that is started without --ip-masq leaves the rules of a run with it: when this host gets another subnet, those that spare packets still name the old one. flandoc's agent takes them away then.",
      symptoms:
        "As with FD601: containers appear with their host's address. Listing the rules shows each of them there.",
      repair:
        `Delete one of the misplaced rules; a running flanneld (with --ip-masq) notices within --iptables-resync seconds and sets all of its rules anew, in order:
  iptables -t nat -D POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN
From v0.20 on a restart of flanneld does the same, for it empties its chain first.
Without --ip-masq nothing sets them anew: delete them, the jump first and the RETURN rules last. Docker or the CNI plugin masquerade then; FD603 says so where nobody does:
  iptables -t nat -D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "flannel 的地址转换规则顺序不对",
      messages: {
        default:
          "{backend} 中 flannel 自己的规则顺序错误（{count} 条）：MASQUERADE 先拿走了本应由后面的规则放过的报文，容器因此丢失自己的地址。",
        harmless:
          "{backend} 中 flannel 自己的规则与 flannel 的顺序不一致（{count} 条）。目前对容器之间的报文没有影响。",
        gap:
          "{backend} 中缺少 {count} 条 flannel 用来放过报文的规则，而 MASQUERADE 规则还在。",
        left:
          "以前运行的 flannel 在 {backend} 中留下了 MASQUERADE 规则，却缺少 {count} 条用来放过 {subnet} 收发报文的规则。现在运行或上次运行的代理（{agent}）不会补齐它们。",
      },
      meaning:
        "flannel 的规则是一个整体：先放过容器之间的报文，再对其余报文做地址转换。flanneld 每隔几秒检查的是每条规则在不在，而不是在什么位置；顺序一旦被打乱（恢复了保存的规则、两个代理同时运行、升级），就会一直错下去，直到缺了某一条，flanneld 才会重新设置全部规则。不带 --ip-masq 启动的 flanneld 会保留以前带该参数时建立的规则：本机换了子网之后，放过报文的规则仍写着旧子网。flandoc 的代理会在这时清除它们。",
      symptoms:
        "与 FD601 相同：容器以主机的地址出现。逐条查看规则时，每一条都在。",
      repair:
        `删除其中一条位置不对的规则；运行中的 flanneld（带 --ip-masq）会在 --iptables-resync 秒内发现，并按顺序重新设置全部规则：
  iptables -t nat -D POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN
v0.20 起，重启 flanneld 也有同样的效果，因为它会先清空自己的链。
不带 --ip-masq 时没有谁会重新设置，应逐条删除：先删跳转规则，最后删 RETURN 规则。之后由 Docker 或 CNI 插件做地址转换；如果没有谁做，FD603 会指出：
  iptables -t nat -D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    flannelIssue(1337),
    flannelIssue(1703),
    flannelIssue(2176),
    flannelIssue(1965),
    flannelIssue(2145),
  ],
});
