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
import { allRewrites } from "./rewrites.ts";

/** Rules that spare packets; without them the others take too much. */
function missingGuards(state: FlannelState) {
  return state.missing.filter(({ rule }) =>
    ["RETURN", "ACCEPT"].includes(rule.target.kind)
  );
}

/** Rules by chain, in the order the kernel asks them. */
function inOrder(places: readonly FilledPlace[]): FilledPlace[] {
  return [...places].sort((a, b) =>
    a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : a.position - b.position
  );
}

function disordered(
  state: FlannelState,
  overlay: Overlay,
  rewriting: ReadonlySet<Rule>,
  rulesets: readonly Ruleset[],
): Finding[] {
  const guards = missingGuards(state);
  const { shape, present, misplaced } = state;
  if (shape === null || misplaced.length + guards.length === 0) return [];
  const harms = present.some((place) => rewriting.has(place.rule));
  const wanted = flannelRules(shape, overlay)
    .filter((rule) => rule.part === "masquerade");
  const evidence: Evidence[] = [
    ...inOrder(present).map((place) => ({
      label: "rule",
      text: ruleLine(place),
    })),
    ...wanted.map(({ rule }) => ({ label: "wanted", text: rule.text })),
  ];
  // flanneld sets all of its rules anew as soon as one is missing.
  const first = guards.length > 0 ? undefined : misplaced[0];
  const command = first && deleteCommand(first, rulesets);
  const backend = backendName(present[0]!);
  return [{
    subject: `${backend} ${present[0]!.chain}`,
    variant: guards.length > 0 ? "gap" : harms ? "default" : "harmless",
    arguments: {
      backend,
      chain: present[0]!.chain,
      count: guards.length > 0 ? guards.length : misplaced.length,
    },
    evidence,
    commands: command
      ? [command]
      : guards.length > 0
      ? ["systemctl restart flanneld"]
      : [],
    ...(harms ? {} : { severity: "warning" }),
  }];
}

/** FD604: flannel's rules in another order than flannel's, or with gaps. */
export const MASQUERADE_ORDER = defineCheck({
  code: "FD604",
  name: "masquerade-order",
  severity: "error",
  needs: ["netfilter", "config", "node", "expected", "links", "addresses"],
  after: SUBNET_CAUSES,
  applies: unlessSubnet,
  judge(facts) {
    const { netfilter } = facts;
    return overlaysOf(facts).flatMap((overlay) => {
      const rewriting = new Set(
        allRewrites(netfilter, overlay).map((hit) => hit.rule),
      );
      return flannelStates(netfilter, overlay)
        .filter((state) => state.part === "masquerade")
        .flatMap((state) => disordered(state, overlay, rewriting, netfilter));
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
      },
      meaning:
        "flannel's rules work together: first those that let packets between containers pass as they are, then the masquerade of everything else. flanneld asks every few seconds whether each rule exists, not where, so an order once broken (by a restore of saved rules, two agents, an upgrade) stays until a rule is missing and flanneld sets all of them anew.",
      symptoms:
        "As with FD601: containers appear with their host's address. Listing the rules shows each of them there.",
      repair:
        `Delete one of the misplaced rules; a running flanneld (with --ip-masq) notices within --iptables-resync seconds and sets all of its rules anew, in order:
  iptables -t nat -D POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN
From v0.20 on a restart of flanneld does the same, for it empties its chain first.`,
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
      },
      meaning:
        "flannel 的规则是一个整体：先放过容器之间的报文，再对其余报文做地址转换。flanneld 每隔几秒检查的是每条规则在不在，而不是在什么位置；顺序一旦被打乱（恢复了保存的规则、两个代理同时运行、升级），就会一直错下去，直到缺了某一条，flanneld 才会重新设置全部规则。",
      symptoms:
        "与 FD601 相同：容器以主机的地址出现。逐条查看规则时，每一条都在。",
      repair:
        `删除其中一条位置不对的规则；运行中的 flanneld（带 --ip-masq）会在 --iptables-resync 秒内发现，并按顺序重新设置全部规则：
  iptables -t nat -D POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN
v0.20 起，重启 flanneld 也有同样的效果，因为它会先清空自己的链。`,
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
