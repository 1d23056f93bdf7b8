import {
  dockerMasquerades,
  type DuplicateRules,
  duplicateRules,
  type FilledPlace,
  flannelStates,
} from "../../flannel/firewall/mod.ts";
import { flannelPlaceKey } from "../../flannel/firewall/find_flannel.ts";
import { chainKey } from "../../flannel/firewall/rule_places.ts";
import { defineCheck } from "../check.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import {
  backendName,
  deleteCommand,
  NO_SUBNET,
  overlaysOf,
  ruleLine,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";

/** Places shown of one rule; thousands of copies have been seen. */
const SHOWN = 4;

/** Copies of flannel's rules, also with another comment or `--random-fully`. */
function flannelDuplicates(
  present: readonly FilledPlace[],
  surplus: readonly FilledPlace[],
): DuplicateRules[] {
  const key = (place: FilledPlace) =>
    `${chainKey(place)} ${flannelPlaceKey(place)}`;
  const copies = Map.groupBy(surplus, key);
  return present.flatMap((first) => {
    const own = copies.get(key(first));
    return own === undefined ? [] : [{ first, surplus: own }];
  });
}

/** FD602: the same masquerade rule more than once. */
export const MASQUERADE_DUPLICATE = defineCheck({
  code: "FD602",
  name: "masquerade-duplicate",
  severity: "warning",
  needs: ["netfilter", "config", "node", "expected", "links", "addresses"],
  after: SUBNET_CAUSES,
  fix: "snat",
  applies: unlessSubnet,
  judge(facts) {
    const { netfilter } = facts;
    const duplicates = overlaysOf(facts).flatMap((overlay) => [
      ...duplicateRules(dockerMasquerades(netfilter, overlay)),
      ...flannelStates(netfilter, overlay)
        .filter((state) => state.part === "masquerade")
        .flatMap((state) => flannelDuplicates(state.present, state.surplus)),
    ]);
    return duplicates.map(({ first, surplus }) => ({
      subject: first.rule.text,
      arguments: {
        count: surplus.length + 1,
        chain: first.chain,
        backend: backendName(first),
      },
      evidence: [first, ...surplus].slice(0, SHOWN).map((place) => ({
        label: "rule",
        text: ruleLine(place),
      })),
      commands: surplus.slice(0, SHOWN)
        .map((place) => deleteCommand(place, netfilter))
        .filter((command) => command !== null),
    }));
  },
  text: {
    en: {
      title: "Masquerade rule is there more than once",
      messages: {
        default:
          "The same rule is {count} times in {chain} ({backend}). Only the first copy ever decides; the others cost time and hide what is in force.",
      },
      meaning:
        "Programs that ask whether a rule exists before they add it can still add it twice when two of them run at once, when an iptables version's -C fails (1.8.0 to 1.8.2), or when saved rules are restored over live ones. Nobody deletes the copies: flannel's resync only looks for missing rules.",
      symptoms:
        "Growing CPU use of iptables and kube-proxy, slow connection set-up with thousands of copies; a rule that was deleted is still in force.",
      repair:
        `Delete the copies; each command deletes the first rule that looks so, which leaves one when it is typed once less than there are:
  iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
Then find who adds them: two agents (FD804), or iptables-restore beside a running Docker.`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "地址转换规则重复",
      messages: {
        default:
          "{chain}（{backend}）中同一条规则出现了 {count} 次。起作用的永远只有第一条，其余的白白耗时，还让人看不清实际生效的是什么。",
      },
      meaning:
        "有些程序先检查规则是否存在再添加，但两个程序同时运行、iptables 的 -C 判断有误（1.8.0 至 1.8.2）、或者在现有规则之上恢复已保存的规则时，仍会加出重复的规则。没有人会删除它们：flannel 的定期检查只补缺失的规则。",
      symptoms:
        "iptables、kube-proxy 占用的 CPU 越来越高；重复上千条时新建连接变慢；明明删了一条规则，却依然生效。",
      repair:
        `删除多余的规则；每执行一次删除最靠前的一条，执行次数比总数少一次，就剩下一条：
  iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
然后查清是谁加的：两个代理同时运行（FD804），或者在 Docker 运行时执行了 iptables-restore。`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    flannelIssue(1337),
    flannelIssue(797),
    flannelIssue(986),
    flannelPull(808),
    flannelIssue(1703),
  ],
});
