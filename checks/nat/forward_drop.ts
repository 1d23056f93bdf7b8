import {
  type DropHit,
  firewallManagers,
  type Overlay,
  routedDrops,
  routedUnclear,
} from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { flannelIssue, flannelPull, githubIssue } from "../sources.ts";
import {
  addressesText,
  backendName,
  nftWord,
  NO_SUBNET,
  overlaysOf,
  placeTool,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import { dropLine, dropPlace, isTrusted, unsureReason } from "./drop_lines.ts";
import { dropManager, managerCommands } from "./drop_manager.ts";
import { forwardFilters } from "./forward_filters.ts";

/**
 * Whether a drop is meant for a few packets: a port, a protocol, a set. What
 * an administrator or a network policy filters is no fault of the network.
 */
function isFilter(hit: DropHit): boolean {
  if (hit.part === "maybe") return true;
  return hit.part !== "whole" && isPartial(hit);
}

/** Whether a rule asks for more than addresses and devices. */
function isPartial({ rule }: DropHit): boolean {
  const match = rule?.match;
  return match !== undefined &&
    (match.protocol !== undefined || match.other.length > 0);
}

function takesLine(hit: DropHit, overlay: Overlay): Evidence {
  const [into, out] = hit.direction === "out"
    ? [overlay.bridge, hit.device]
    : [hit.device, overlay.bridge];
  const from = addressesText(hit.source, overlay);
  const to = addressesText(hit.destination, overlay);
  return { label: "takes", text: `${from} to ${to} from ${into} to ${out}` };
}

function hasChain(rulesets: readonly Ruleset[], hit: DropHit, name: string) {
  return rulesets.some((ruleset) =>
    ruleset.backend === hit.backend &&
    ruleset.tables.some((table) =>
      table.name === "filter" && table.family === hit.family &&
      table.chains.some((chain) => chain.name === name)
    )
  );
}

/** Programs here whose rules in FORWARD are network policies. */
function policiesOf(rulesets: readonly Ruleset[]): string[] {
  return firewallManagers(rulesets)
    .filter((manager) => manager.policy).map(({ manager }) => manager);
}

/** iptables' chain of the hook that a drop is at. */
function headOf({ hook }: DropHit): string {
  return hook.toUpperCase();
}

/** The two rules that let both directions pass, and where they belong. */
function wantedRules(hit: DropHit, overlay: Overlay): string[] {
  const { backend, table, chain } = hit;
  const { network } = overlay;
  if (backend === "nftables") {
    return ["saddr", "daddr"].map((side) =>
      `${
        nftWord(overlay)
      } ${side} ${network} accept   (${table} ${chain}, ${backend})`
    );
  }
  const head = headOf(hit);
  const place = table === "filter" ? "" : `   (${table} ${head})`;
  return ["-s", "-d"].map((side) =>
    `-A ${head} ${side} ${network} -j ACCEPT${place}`
  );
}

/** Filters that an accept for this drop would come before. */
function filtersBeside(
  { backend, rule }: DropHit,
  overlay: Overlay,
  rulesets: readonly Ruleset[],
): string[] {
  return forwardFilters(rulesets, overlay, backend)
    .filter((text) => text !== rule?.text);
}

/** What lets both directions pass, in the words of whoever drops them. */
function repairCommands(
  hit: DropHit,
  overlay: Overlay,
  rulesets: readonly Ruleset[],
): string[] {
  const { network } = overlay;
  const manager = dropManager(hit, rulesets);
  if (manager !== null) return managerCommands(manager, network);
  const { backend, family, table } = hit;
  if (backend === "nftables") {
    return ["saddr", "daddr"].map((side) =>
      `nft insert rule ${family} ${table} ${hit.chain} ${
        nftWord(overlay)
      } ${side} ${network} accept`
    );
  }
  const tool = placeTool(hit, rulesets);
  const filters = filtersBeside(hit, overlay, rulesets);
  if (policiesOf(rulesets).length > 0 || filters.length > 0) {
    // An accept before policies and filters ends them: behind, or none.
    if (hit.rule !== null || table !== "filter") return [];
    return ["-s", "-d"].map((side) =>
      `${tool} -A ${hit.chain} ${side} ${network} -j ACCEPT`
    );
  }
  // What stands in DOCKER-USER, Docker's restart leaves in place and first.
  const chain = table === "filter" && hasChain(rulesets, hit, "DOCKER-USER")
    ? "DOCKER-USER"
    : headOf(hit);
  const option = table === "filter" ? "" : `-t ${table} `;
  return ["-s", "-d"].map((side) =>
    `${tool} ${option}-I ${chain} ${side} ${network} -j ACCEPT`
  );
}

/** Whether `flandoc fix --forward` lets it pass, as its plan decides. */
function isAccepted(hit: DropHit, rulesets: readonly Ruleset[]): boolean {
  return hit.hook === "forward" && hit.part === "whole" &&
    hit.backend !== "nftables" && hit.table === "filter" &&
    dropManager(hit, rulesets) === null;
}

/** What one rule or policy drops. */
function dropped(
  hits: readonly DropHit[],
  overlay: Overlay,
  rulesets: readonly Ruleset[],
): Finding {
  const hit = hits[0]!;
  const directions = new Set(hits.map(({ direction }) => direction));
  const takes = Map.groupBy(hits, (one) => `${one.direction} ${one.device}`);
  const whole = hits.some(({ part }) => part === "whole");
  const direction = directions.size === 2 ? "both" : hit.direction;
  const rule = hit.rule?.text ?? `-P ${hit.chain} DROP`;
  return {
    subject: rule,
    variant: whole ? direction : "partly",
    arguments: {
      rule,
      chain: hit.chain,
      backend: backendName(hit),
      owner: hit.owner,
      network: overlay.network,
      policies: policiesOf(rulesets),
    },
    evidence: [
      { label: "rule", text: dropLine(hit) },
      ...[...takes.values()].map(([one]) => takesLine(one!, overlay)),
      ...wantedRules(hit, overlay).map((text) => ({ label: "wanted", text })),
      // What an accept at the chain's head would switch off.
      ...filtersBeside(hit, overlay, rulesets)
        .map((text): Evidence => ({ label: "found", text })),
    ],
    commands: repairCommands(hit, overlay, rulesets),
    ...(whole ? {} : { severity: "warning" }),
    ...(hits.some((one) => isAccepted(one, rulesets)) ? {} : { fix: null }),
  };
}

/** FD606: the kernel's filter drops packets between containers. */
export const FORWARD_DROP = defineCheck({
  code: "FD606",
  name: "forward-drop",
  severity: "error",
  needs: ["netfilter", "config", "node", "expected", "links", "addresses"],
  after: SUBNET_CAUSES,
  fix: "forward",
  applies: unlessSubnet,
  judge(facts) {
    const { netfilter } = facts;
    return overlaysOf(facts).flatMap((overlay) => {
      const drops = routedDrops(netfilter, overlay)
        .filter((hit) => !isFilter(hit));
      return [...Map.groupBy(drops, dropPlace).values()]
        .map((hits) => dropped(hits, overlay, netfilter));
    });
  },
  unsure(facts) {
    return overlaysOf(facts).flatMap((overlay) =>
      [
        ...routedUnclear(facts.netfilter, overlay),
        ...routedDrops(facts.netfilter, overlay)
          .filter(({ part }) => part === "maybe"),
      ].filter((hit) => !isPartial(hit) && !isTrusted(hit))
        .map((hit) => unsureReason(overlay.bridge, hit))
    );
  },
  text: {
    en: {
      title: "The forward chain drops packets between containers",
      messages: {
        both:
          "What containers here and on other hosts send each other is dropped on this host, in both directions, by `{rule}` ({backend}).",
        out:
          "What containers here send to containers on other hosts is dropped on this host, by `{rule}` ({backend}).",
        in:
          "What containers on other hosts send to containers here is dropped on this host, by `{rule}` ({backend}).",
        partly:
          "Part of what containers here and on other hosts send each other is dropped on this host, by `{rule}` ({backend}).",
      },
      meaning:
        "A packet between hosts passes the forward hook on each of them. Docker sets FORWARD's policy to DROP and accepts only what it knows; flannel adds two accepts for its network, unless it is older than v0.9.1, told --iptables-forward-rules=false, or its rules were lost. Its rules stand at the end, so a reject before them wins (iptables-services, firewalld, newer Docker's drops for each bridge). An accept holds only in its own base chain: with iptables legacy, iptables nft and nftables at once, each of them has to let the packet pass. So has every table: what mangle drops in FORWARD or POSTROUTING, filter never sees or no longer has. flandoc walks all of them; what a rule hands to a program (NFQUEUE), it cannot tell.",
      symptoms:
        "A host reaches containers on other hosts, its containers do not; or only one direction works. Often after a Docker upgrade, a reboot, or `firewall-cmd --reload`. The packet counters of the rule named here grow.",
      repair:
        `Let the flannel network pass; in DOCKER-USER where Docker has that chain, else at FORWARD's head:
  iptables -I DOCKER-USER -s 172.7.0.0/16 -j ACCEPT
  iptables -I DOCKER-USER -d 172.7.0.0/16 -j ACCEPT
With firewalld:
  firewall-cmd --permanent --zone=trusted --add-source=172.7.0.0/16
  firewall-cmd --reload
Do not set the policy to ACCEPT: that opens the host as a router for everybody. Where Calico or another network policy filters in FORWARD, or rules of your own that drop a port or a container, an accept before them switches them off for these packets: there flandoc names commands only for a drop that comes after all rules, and puts the accept behind them (-A), where flannel has its own; fix does it at the chain's head only when --forward is named.`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "转发链丢弃了容器之间的报文",
      messages: {
        both:
          "本机容器与其他主机的容器互相发送的报文，两个方向都在本机被 `{rule}`（{backend}）丢弃。",
        out:
          "本机容器发往其他主机容器的报文，在本机被 `{rule}`（{backend}）丢弃。",
        in:
          "其他主机的容器发往本机容器的报文，在本机被 `{rule}`（{backend}）丢弃。",
        partly:
          "本机容器与其他主机的容器互相发送的报文，有一部分在本机被 `{rule}`（{backend}）丢弃。",
      },
      meaning:
        "主机之间的容器报文在每台主机上都要经过 forward 钩子。Docker 把 FORWARD 链的默认策略设为 DROP，只放行自己认识的流量；flannel 会为容器网段添加两条 ACCEPT，除非版本早于 v0.9.1、指定了 --iptables-forward-rules=false，或者规则已经丢失。flannel 的规则在链的末尾，排在前面的拒绝规则优先（iptables-services、firewalld、新版 Docker 针对每个网桥的 DROP）。ACCEPT 只在它所在的基础链内有效：同时存在 iptables-legacy、iptables-nft 和 nftables 时，每一个都必须放行。每个表也是如此：mangle 表在 FORWARD 或 POSTROUTING 中丢弃的报文，filter 表放行也没有用。flandoc 会全部走一遍；规则交给程序处理的报文（NFQUEUE），它无法判断。",
      symptoms:
        "主机能访问其他主机的容器，本机的容器却不能；或者只有一个方向通。常见于升级 Docker、重启或执行 `firewall-cmd --reload` 之后。这里指出的规则的报文计数在增长。",
      repair:
        `放行容器网段；Docker 有 DOCKER-USER 链时加在该链，否则加在 FORWARD 链的最前面：
  iptables -I DOCKER-USER -s 172.7.0.0/16 -j ACCEPT
  iptables -I DOCKER-USER -d 172.7.0.0/16 -j ACCEPT
使用 firewalld 时：
  firewall-cmd --permanent --zone=trusted --add-source=172.7.0.0/16
  firewall-cmd --reload
不要把默认策略改成 ACCEPT：那等于让任何人都能把这台主机当路由器用。如果 Calico 等网络策略在 FORWARD 中过滤，或者有您自己丢弃某个端口、某个容器的规则，在它们之前放行会让它们对这些报文失效：这时只有丢弃发生在所有规则之后，flandoc 才给出命令，并把放行规则加在末尾（-A），flannel 自己的规则也在那里；只有指定 --forward，fix 才会把放行规则加在链的最前面。`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    flannelPull(872),
    flannelIssue(603),
    flannelIssue(699),
    flannelIssue(1321),
    githubIssue("kubernetes/kubernetes", 40182),
    "https://github.com/moby/moby/pull/48724",
    "https://github.com/flannel-io/flannel/pull/978",
  ],
});
