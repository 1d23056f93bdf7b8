import {
  type FrameHit,
  frameHits,
} from "../../flannel/firewall/frame_filter.ts";
import type { Underlay } from "../../flannel/firewall/frame_traffic.ts";
import { isPortRule } from "../../flannel/firewall/port_rule.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { dropPlace } from "./drop_lines.ts";
import {
  addressesText,
  NO_SUBNET,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import { underlaysOf } from "./underlays.ts";

/** A hit, and whether it is for single ports of a bridge. */
interface JudgedHit extends FrameHit {
  readonly portRule: boolean;
  /** Whether that bridge has several, of which one may carry the frames. */
  readonly several: boolean;
}

/** `ip frag-off & 8191 != 0`, `ip frag-off & 8192 == 8192`. */
const FRAGMENTS = /^ip frag-off & ([0-9]+) (?:!= 0|> 0|== [1-9][0-9]*)$/;

/** The bit by which a packet forbids fragments: it is none itself. */
const DONT_FRAGMENT = 0x4000;

/** Tunnel packets are no fragments where the MTU is right. */
function isFragments(text: string): boolean {
  const mask = FRAGMENTS.exec(text)?.[1];
  return mask !== undefined && (Number(mask) & DONT_FRAGMENT) === 0;
}

/** A filter of what is from few MACs. */
const SENDER = /^(arp saddr ether|ether saddr) (\{ )?[0-9a-f]{2}:/;

/** A filter of a port or protocol that some of the containers' packets have. */
const SERVICES = /^(tcp|udp|th|sctp|dccp|udplite|icmp|icmpv6) /;

/**
 * Whether it is meant for a few packets: of one container, a port, a protocol,
 * fragments. Tunnel packets and ARP are all of one kind, of which no part is
 * a filter's.
 */
function isFilter(
  { kind, rule, part, device, portRule }: JudgedHit,
  { bridge, external }: Underlay,
): boolean {
  if (rule === null) return false;
  const { match, text } = rule;
  const isContainers = device === bridge?.name && device !== external.name;
  const isOne = portRule ||
    match.other.some((other) =>
      SENDER.test(other) && !other.includes(bridge?.mac ?? "none")
    );
  if (isContainers && isOne && part !== "whole") return true;
  if (part !== "whole" && match.other.some(isFragments)) return true;
  if (kind !== "containers") return false;
  // A map is one rule for all that is in it; its text says what it asks for.
  return /\b(dport|sport|l4proto|ip protocol) vmap /.test(text) ||
    match.protocol !== undefined ||
    match.other.some((other) => SERVICES.test(other));
}

/** A reverse path filter is FD702's, and drops no packet of a right route. */
function isReversePath({ rule }: FrameHit): boolean {
  const missing = /^fib saddr \. (mark \. )?iif oif (0|false|missing)$/;
  return rule?.match.other.some((text) => missing.test(text)) ?? false;
}

function judgedHits(
  rulesets: readonly Ruleset[],
  underlay: Underlay,
): JudgedHit[] {
  const { external, tunnels, bridge } = underlay;
  const devices = [external, ...tunnels, ...bridge === null ? [] : [bridge]];
  const several = (name: string) =>
    devices.filter((device) => device.name === name)
      .some(({ bridges }) => bridges.some(({ ports }) => ports.length > 1));
  return frameHits(rulesets, underlay).map((hit) => ({
    ...hit,
    portRule: isPortRule(rulesets, hit),
    several: several(hit.device),
  })).filter((hit) => !isFilter(hit, underlay));
}

function isSure({ part, unclear, portRule, several }: JudgedHit): boolean {
  return part !== "maybe" && !unclear &&
    !(portRule && several && part === "partly");
}

function placeOf({ family, table, chain }: FrameHit): string {
  return `${family} ${table} ${chain}`;
}

function ruleText({ rule }: FrameHit): string {
  return rule?.text ?? "policy drop";
}

/** `udp dport 8472 drop   (netdev t c 1, handle 4)` */
function ruleEvidence(hit: FrameHit): Evidence {
  const { position, rule } = hit;
  const place = [placeOf(hit), position].filter((part) => part !== null);
  const handle = rule?.handle ? `, handle ${rule.handle}` : "";
  const text = `${ruleText(hit)}   (${place.join(" ")}${handle})`;
  return { label: "rule", text };
}

function takesEvidence(hit: FrameHit, underlay: Underlay): Evidence {
  const what = hit.kind === "arp"
    ? "ARP "
    : hit.kind === "tunnel"
    ? `udp port ${underlay.port} `
    : "";
  const from = addressesText(hit.source, underlay.overlay);
  const to = addressesText(hit.destination, underlay.overlay);
  const way = hit.direction === "in" ? "coming in by" : "leaving by";
  return {
    label: "takes",
    text: `${what}${from} to ${to} ${way} ${hit.device}`,
  };
}

function variantOf(hits: readonly FrameHit[]): string {
  if (hits.every(({ part }) => part !== "whole")) return "partly";
  const kinds = new Set(
    hits.filter(({ part }) => part === "whole").map(({ kind }) => kind),
  );
  return kinds.size > 1 ? "default" : [...kinds][0]!;
}

/** What one rule or policy drops. */
function dropped(hits: readonly FrameHit[], underlay: Underlay): Finding {
  const hit = hits[0]!;
  const variant = variantOf(hits);
  const takes = hits.map((each) => takesEvidence(each, underlay));
  const unique = Map.groupBy(takes, ({ text }) => text);
  return {
    subject: `${placeOf(hit)}: ${ruleText(hit)}`,
    variant,
    arguments: {
      rule: ruleText(hit),
      place: placeOf(hit),
      devices: [...new Set(hits.map(({ device }) => device))],
    },
    evidence: [
      ruleEvidence(hit),
      ...[...unique.values()].map(([line]) => line!),
    ],
    // Whoever put a drop there is to be asked first.
    commands: [`nft -a list chain ${placeOf(hit)}`],
    ...(variant === "partly" ? { severity: "warning" } : {}),
  };
}

function unsureReason(hit: FrameHit): string {
  const handle = hit.rule?.handle ? `, handle ${hit.rule.handle}` : "";
  return `cannot tell what ${hit.device} loses by a rule of ${
    placeOf(hit)
  }${handle}: ${ruleText(hit)}`;
}

/** FD612: frames are dropped where no rule for routed packets is asked. */
export const FRAME_DROP = defineCheck({
  code: "FD612",
  name: "frame-drop",
  severity: "error",
  needs: [
    "netfilter",
    "config",
    "node",
    "leases",
    "expected",
    "links",
    "addresses",
    "routes",
    "neighbours",
  ],
  after: SUBNET_CAUSES,
  applies: unlessSubnet,
  judge(facts) {
    return underlaysOf(facts).flatMap((underlay) => {
      const hits = judgedHits(facts.netfilter, underlay).filter(isSure);
      return [...Map.groupBy(hits, dropPlace).values()]
        .map((group) => dropped(group, underlay));
    });
  },
  unsure(facts) {
    return underlaysOf(facts).flatMap((underlay) =>
      judgedHits(facts.netfilter, underlay)
        .filter((hit) => !isSure(hit) && !isReversePath(hit))
        .map(unsureReason)
    );
  },
  text: {
    en: {
      title: "A device, bridge or ARP filter drops what this network sends",
      messages: {
        default:
          "What this network sends by {devices} is dropped there by `{rule}` ({place}), before or after all other rules.",
        arp:
          "ARP is dropped on {devices} by `{rule}` ({place}): who asks there for a link-layer address does not learn it, so that nothing arrives once those known are forgotten.",
        tunnel:
          "The tunnel's packets are dropped on {devices} by `{rule}` ({place}): containers reach no other host.",
        containers:
          "What containers here and on other hosts send each other is dropped on {devices} by `{rule}` ({place}), before or after all other rules.",
        partly:
          "Part of what this network sends by {devices} is dropped there by `{rule}` ({place}).",
      },
      meaning:
        "nftables has chains that no iptables shows: of family netdev at a device (hook ingress, before anything else on the host, and egress, after everything), of family inet with hook ingress, of family bridge for what a bridge passes on, ebtables' too, and of family arp, arptables' too. What they drop, no accept in FORWARD or raw brings back, and tcpdump still shows it coming in. flandoc sends ARP, the tunnel's packets and the containers' through those of the external interface, the tunnel device and the containers' bridge. It does not look at programs of XDP, at tc's filters, at ebtables-legacy and arptables-legacy, and at rules for the devices and ports of single containers and guests.",
      symptoms:
        "tcpdump on the external interface shows packets of the other hosts, and nothing on this host sees them; FORWARD and INPUT look right and their counters stand still. With ARP dropped, `ip neigh` shows FAILED or INCOMPLETE for a host that answers others.",
      repair: `Look at the chain, and ask who made it:
  nft -a list ruleset
A rule is deleted by its handle; a table of a program's own (a DDoS filter, a security agent) is that program's to change:
  nft delete rule netdev TABLE CHAIN handle HANDLE
Let flannel pass before it, where it has to stay:
  nft insert rule netdev TABLE CHAIN udp dport 8472 accept
XDP and tc are looked at with:
  ip -details link show dev eth0
  tc filter show dev eth0 ingress`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "网卡、网桥或 ARP 过滤规则丢弃了本网络的报文",
      messages: {
        default:
          "本网络经 {devices} 收发的报文在那里被 `{rule}`（{place}）丢弃，与其他所有规则无关。",
        arp:
          "{devices} 上的 ARP 被 `{rule}`（{place}）丢弃：在那里查询链路层地址得不到结果，已知的过期之后就不再通。",
        tunnel:
          "隧道报文在 {devices} 上被 `{rule}`（{place}）丢弃：容器访问不到任何其他主机。",
        containers:
          "本机容器与其他主机的容器互相发送的报文在 {devices} 上被 `{rule}`（{place}）丢弃，与其他所有规则无关。",
        partly:
          "本网络经 {devices} 收发的报文有一部分在那里被 `{rule}`（{place}）丢弃。",
      },
      meaning:
        "nftables 有一些 iptables 看不到的链：netdev 族在网卡上（ingress 钩子先于本机的一切，egress 钩子后于一切），inet 族的 ingress 钩子，bridge 族针对网桥转发的报文（包括 ebtables），arp 族（包括 arptables）。被它们丢弃的报文，在 FORWARD 或 raw 中放行没有用，而 tcpdump 仍能看到报文进来。flandoc 让 ARP、隧道报文和容器报文走一遍外部网卡、隧道设备和容器网桥上的这些链。XDP 程序、tc 过滤器、ebtables-legacy 和 arptables-legacy，以及针对单个容器或虚拟机的网卡、网桥端口的规则，flandoc 不检查。",
      symptoms:
        "在外部网卡上用 tcpdump 能看到其他主机的报文，本机却毫无反应；FORWARD 和 INPUT 看上去都对，计数不增长。ARP 被丢弃时，`ip neigh` 对一台能应答别人的主机显示 FAILED 或 INCOMPLETE。",
      repair: `查看这条链，并弄清是谁添加的：
  nft -a list ruleset
规则按 handle 删除；如果整个表属于某个程序（防 DDoS、安全代理），请由该程序修改：
  nft delete rule netdev TABLE CHAIN handle HANDLE
必须保留时，在它之前放行 flannel：
  nft insert rule netdev TABLE CHAIN udp dport 8472 accept
XDP 和 tc 用下面的命令查看：
  ip -details link show dev eth0
  tc filter show dev eth0 ingress`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    "https://wiki.nftables.org/wiki-nftables/index.php/Netfilter_hooks",
    "https://manpages.debian.org/bookworm/nftables/nft.8.en.html",
  ],
});
