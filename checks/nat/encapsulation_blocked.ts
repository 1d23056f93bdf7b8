import { containsAddress, parseCidr } from "../../flannel/cidr.ts";
import type { Underlay } from "../../flannel/firewall/frame_traffic.ts";
import { familyOf } from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import {
  type TunnelHit,
  tunnelHits,
} from "../../flannel/firewall/tunnel_filter.ts";
import type { Route } from "../../flannel/kernel.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { flannelIssue } from "../sources.ts";
import { dropLine, dropPlace, isTrusted, unsureReason } from "./drop_lines.ts";
import {
  backendName,
  NO_SUBNET,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import { tunnelAccept } from "./tunnel_accept.ts";
import { underlaysOf } from "./underlays.ts";

/** Addresses that a line names one by one. */
const FEW = 3;

/** Commands that a person types one by one; more are a script's. */
const MOST = 16;

/**
 * Where the tunnel's packets come from, as few addresses: the peers, or the
 * network of the external interface where it holds them all. Never the world:
 * vxlan asks nobody who he is.
 */
function sources(
  { peers, external, overlay }: Underlay,
  routes: readonly Route[],
): readonly string[] {
  if (peers.length <= FEW) return peers;
  const around = routes.find(({ dst, device, gateway, family }) => {
    if (device !== external.name || gateway !== null) return false;
    if (family !== familyOf(overlay) || dst.endsWith("/0")) return false;
    const cidr = parseCidr(dst);
    return peers.every((peer) => containsAddress(cidr, peer.split("/")[0]!));
  });
  if (around !== undefined) return [around.dst];
  return peers.length <= MOST ? peers : [];
}

function repairCommands(
  hit: TunnelHit,
  underlay: Underlay,
  routes: readonly Route[],
  rulesets: readonly Ruleset[],
): string[] {
  const commands = sources(underlay, routes)
    .map((address) => tunnelAccept(hit, underlay, address, rulesets));
  return commands.some((command) => command.startsWith("firewall-cmd"))
    ? [...commands, "firewall-cmd --reload"]
    : commands;
}

function takesLine(hit: TunnelHit, { port, external }: Underlay): Evidence {
  const shown = (cidrs: readonly string[]) =>
    `${cidrs.slice(0, FEW).join(", ")}${cidrs.length > FEW ? " …" : ""}`;
  const way = hit.direction === "in" ? "coming in by" : "leaving by";
  return {
    label: "takes",
    text: `udp port ${port} ${shown(hit.source)} to ${
      shown(hit.destination)
    } ${way} ${external.name}`,
  };
}

/** Whether a direction's first packets are all dropped, whoever sends them. */
function isShut(
  hits: readonly TunnelHit[],
  direction: TunnelHit["direction"],
): boolean {
  return hits.some((hit) =>
    hit.direction === direction && hit.part === "whole"
  );
}

/**
 * `in-first`, `out-first`: where answers pass, the other direction opens the
 * way for a while, unless it is shut as well.
 */
function variantOf(hits: readonly TunnelHit[], all: readonly TunnelHit[]) {
  const { direction } = hits[0]!;
  const isFirst = hits.every((hit) =>
    hit.answersPass && hit.direction === direction
  );
  const other = direction === "in" ? "out" : "in";
  if (isFirst && !isShut(all, other)) return `${direction}-first`;
  return hits.some(({ part }) => part === "whole") ? direction : "partly";
}

/** @param all every drop of the family, this one's too */
function blocked(
  hits: readonly TunnelHit[],
  all: readonly TunnelHit[],
  underlay: Underlay,
  { routes, netfilter }: {
    readonly routes: readonly Route[];
    readonly netfilter: readonly Ruleset[];
  },
): Finding {
  const hit = hits[0]!;
  const variant = variantOf(hits, all);
  const rule = hit.rule?.text ?? `-P ${hit.chain} DROP`;
  return {
    subject: rule,
    variant,
    arguments: {
      rule,
      chain: hit.chain,
      backend: backendName(hit),
      port: underlay.port ?? "",
    },
    evidence: [
      { label: "rule", text: dropLine(hit) },
      ...hits.map((each) => takesLine(each, underlay)),
    ],
    commands: repairCommands(hit, underlay, routes, netfilter),
    ...(variant === hit.direction ? {} : { severity: "warning" }),
  };
}

function isSure({ part, unclear }: TunnelHit): boolean {
  return part !== "maybe" && !unclear;
}

function unlessTunnel(facts: Facts): string | undefined {
  const skip = unlessSubnet(facts);
  if (skip !== undefined) return skip;
  const config = valueOf(facts.config);
  const hasPort = config?.vxlan !== undefined || config?.udpPort !== undefined;
  return config === undefined || hasPort ? undefined : "no-tunnel";
}

/** FD516: this host's own filter drops the tunnel's packets. */
export const ENCAPSULATION_BLOCKED = defineCheck({
  code: "FD516",
  name: "encapsulation-port-blocked",
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
  ],
  after: SUBNET_CAUSES,
  applies: unlessTunnel,
  judge(facts) {
    return underlaysOf(facts).flatMap((underlay) => {
      const drops = tunnelHits(facts.netfilter, underlay)
        .filter(isSure);
      return [...Map.groupBy(drops, dropPlace).values()]
        .map((hits) => blocked(hits, drops, underlay, facts));
    });
  },
  unsure(facts) {
    return underlaysOf(facts).flatMap((underlay) =>
      tunnelHits(facts.netfilter, underlay)
        .filter((hit) => !isSure(hit) && !isTrusted(hit))
        .map((hit) => unsureReason(underlay.external.name, hit))
    );
  },
  text: {
    en: {
      title: "This host's filter drops the tunnel's packets",
      messages: {
        in:
          "What other hosts send through the tunnel (udp port {port}) is dropped on this host by `{rule}` ({backend}, {chain}): containers here get nothing from other hosts.",
        out:
          "What this host sends through the tunnel (udp port {port}) is dropped before it leaves, by `{rule}` ({backend}, {chain}): containers here reach no other host.",
        partly:
          "Part of the tunnel's packets (udp port {port}) is dropped on this host by `{rule}` ({backend}, {chain}): some hosts are cut off.",
        "in-first":
          "What another host sends through the tunnel (udp port {port}) before this host has sent to it is dropped on this host by `{rule}` ({backend}, {chain}): it gets in only as an answer, for a minute or two after the last packet.",
        "out-first":
          "What this host sends through the tunnel (udp port {port}) before another host has sent to it is dropped by `{rule}` ({backend}, {chain}): it gets out only as an answer, for a minute or two after the last packet.",
      },
      meaning:
        "vxlan carries containers' packets in UDP to port 8472 (the udp backend to 8285; the config's Port says another) between the hosts' own addresses. For the host they are packets to itself, which pass raw and mangle PREROUTING and INPUT, and OUTPUT on the way out: a firewall that lets in SSH and refuses the rest cuts the tunnel, while hosts ping each other and containers of one host talk. Every packet of vxlan is a new connection to conntrack, since the sender's port changes with the flow inside, so that accepting established ones does not help. udp sends from the port it listens on: with established ones accepted, the way is open as long as this host sends as well (net.netfilter.nf_conntrack_udp_timeout and …_udp_timeout_stream), and shut for whoever comes first. flandoc walks the chains of all backends; what a cloud's security group or a router on the way drops, it does not see from here.",
      symptoms:
        "Hosts reach each other, their containers do not, in one direction or both; the tunnel device's TX counter grows and its RX counter stands still. Often after a firewall was set up, or on a new host.",
      repair:
        `Let the port in from the other hosts, and from nobody else: whoever can send to it can send to every container.
  iptables -I INPUT -s 192.168.1.0/24 -p udp --dport 8472 -j ACCEPT
With firewalld, in the zone of the external interface (firewall-cmd --get-active-zones):
  firewall-cmd --permanent --zone=public --add-rich-rule='rule family="ipv4" source address="192.168.1.0/24" port port="8472" protocol="udp" accept'
  firewall-cmd --reload
With ufw, before any deny of the port (ufw status numbered; one that is there already is not moved, and has to be deleted first):
  ufw prepend allow proto udp from 192.168.1.0/24 to any port 8472`,
      skips: {
        ...NO_SUBNET.en,
        "no-tunnel": "this network's backend has no tunnel over UDP",
      },
    },
    zh: {
      title: "本机的过滤规则丢弃了隧道报文",
      messages: {
        in:
          "其他主机经隧道（udp 端口 {port}）发来的报文在本机被 `{rule}`（{backend}，{chain}）丢弃：本机容器收不到其他主机的任何报文。",
        out:
          "本机经隧道（udp 端口 {port}）发出的报文还没离开就被 `{rule}`（{backend}，{chain}）丢弃：本机容器访问不到任何其他主机。",
        partly:
          "隧道报文（udp 端口 {port}）有一部分在本机被 `{rule}`（{backend}，{chain}）丢弃：与某些主机不通。",
        "in-first":
          "本机尚未向某台主机发送时，该主机经隧道（udp 端口 {port}）发来的报文在本机被 `{rule}`（{backend}，{chain}）丢弃：只有作为应答才能进来，且在最后一个报文之后一两分钟内有效。",
        "out-first":
          "某台主机尚未向本机发送时，本机经隧道（udp 端口 {port}）发给它的报文被 `{rule}`（{backend}，{chain}）丢弃：只有作为应答才能出去，且在最后一个报文之后一两分钟内有效。",
      },
      meaning:
        "vxlan 把容器的报文装进主机之间的 UDP 报文，目的端口 8472（udp 后端为 8285，配置中的 Port 可以另行指定）。对主机来说这是发给自己的报文，要经过 raw、mangle 的 PREROUTING 和 INPUT，发出时经过 OUTPUT：只放行 SSH、拒绝其余的防火墙会切断隧道，而主机之间能互相 ping 通，同一台主机的容器之间也正常。vxlan 的发送端口随内层的流变化，所以在 conntrack 看来每个报文都是新连接，放行 ESTABLISHED 没有用。udp 后端从它监听的端口发送：放行 ESTABLISHED 之后，只要本机也在发送就能通（net.netfilter.nf_conntrack_udp_timeout 和 …_udp_timeout_stream），对先发送的一方则不通。flandoc 会走一遍所有后端的链；云平台安全组或途中路由器的丢弃，从本机看不到。",
      symptoms:
        "主机之间互通，容器之间单向或双向不通；隧道设备的发送计数增长，接收计数不变。常见于配置防火墙之后，或者新加入的主机。",
      repair:
        `只对其他主机放行该端口，不要对所有人放行：谁能向它发报文，谁就能向每个容器发报文。
  iptables -I INPUT -s 192.168.1.0/24 -p udp --dport 8472 -j ACCEPT
使用 firewalld 时，加到外部网卡所在的区域（firewall-cmd --get-active-zones）：
  firewall-cmd --permanent --zone=public --add-rich-rule='rule family="ipv4" source address="192.168.1.0/24" port port="8472" protocol="udp" accept'
  firewall-cmd --reload
使用 ufw 时，要放在拒绝该端口的规则之前（ufw status numbered；已存在的规则不会被移动，须先删除）：
  ufw prepend allow proto udp from 192.168.1.0/24 to any port 8472`,
      skips: {
        ...NO_SUBNET.zh,
        "no-tunnel": "本网络的后端没有 UDP 隧道",
      },
    },
  },
  sources: [
    flannelIssue(871),
    flannelIssue(1704),
    flannelIssue(710),
    flannelIssue(1039),
    flannelIssue(1515),
  ],
});
