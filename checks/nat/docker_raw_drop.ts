import {
  type DropHit,
  type Overlay,
  overlayDrops,
} from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { chainKey } from "../../flannel/firewall/rule_places.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { githubIssue } from "../sources.ts";
import { dropLine, dropPlace } from "./drop_lines.ts";
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

/** Rules shown of those that Docker made for its containers. */
const SHOWN = 3;

/**
 * Whether Docker made a rule: in its own nftables table, or in raw what asks
 * only for a container's address, whole or by port, that does not come in by
 * the bridge.
 */
function isDockers(hit: DropHit, overlay: Overlay): boolean {
  if (hit.owner === "docker") return true;
  const { inDevice, destination, source } = hit.rule?.match ?? {};
  return hit.table === "raw" && hit.rule?.target.kind === "DROP" &&
    inDevice?.not === true && inDevice.value.join() === overlay.bridge &&
    destination?.not === false && source === undefined;
}

/** Whether a rule that is not Docker's stops more than a port or a set. */
function isWide({ part, rule }: DropHit): boolean {
  if (part !== "partly") return part === "whole";
  const match = rule?.match;
  return match?.protocol === undefined && match?.other.length === 0;
}

function takesLines(
  hits: readonly DropHit[],
  overlay: Overlay,
): Evidence[] {
  const ways = Map.groupBy(hits, (one) => `${one.direction} ${one.device}`);
  return [...ways.values()].map(([hit]) => {
    const by = hit!.direction === "out" ? overlay.bridge : hit!.device;
    const from = addressesText(hit!.source, overlay);
    const to = addressesText(hit!.destination, overlay);
    return { label: "takes", text: `${from} to ${to} coming in by ${by}` };
  });
}

/** What lets one device's packets from other hosts pass before the drop. */
function acceptCommand(
  hit: DropHit,
  overlay: Overlay,
  rulesets: readonly Ruleset[],
): string {
  const { network, subnet } = overlay;
  const { backend, family, table, chain, device } = hit;
  const word = nftWord(overlay);
  if (backend === "nftables") {
    return `nft insert rule ${family} ${table} ${chain} iifname ${device} ${word} saddr ${network} ${word} daddr ${subnet} accept`;
  }
  const tool = placeTool(hit, rulesets);
  return `${tool} -t ${table} -I ${chain} -i ${device} -s ${network} -d ${subnet} -j ACCEPT`;
}

/** All of Docker's drops in one chain: one for each container, most often. */
function byDocker(
  hits: readonly DropHit[],
  overlay: Overlay,
  rulesets: readonly Ruleset[],
): Finding {
  const rules = [...Map.groupBy(hits, dropPlace).values()]
    .map(([hit]) => hit!);
  const dropped = [
    ...new Set(rules.flatMap(({ rule }) => rule?.match.destination?.value)),
  ].filter((cidr) => cidr !== undefined);
  const sure = hits.some(({ part }) => part !== "maybe");
  return {
    subject: rules[0]!.rule?.text ?? rules[0]!.chain,
    variant: rules.length === 1 ? "docker" : "docker-many",
    arguments: {
      containers: dropped.map((cidr) => cidr.replace(/\/(32|128)$/, "")),
      count: dropped.length,
      table: rules[0]!.table,
      backend: backendName(rules[0]!),
    },
    evidence: [
      ...rules.slice(0, SHOWN).map((hit) => ({
        label: "rule",
        text: dropLine(hit),
      })),
      ...takesLines(hits.filter((hit) => hit.rule === rules[0]!.rule), overlay),
    ],
    commands: [
      ...new Set(hits.map((hit) => acceptCommand(hit, overlay, rulesets))),
    ],
    ...(sure ? {} : { severity: "warning" }),
  };
}

/** A drop that somebody else made. */
function byOther(hits: readonly DropHit[], overlay: Overlay): Finding {
  const hit = hits[0]!;
  const directions = new Set(hits.map(({ direction }) => direction));
  const isWhole = hits.some(({ part }) => part === "whole");
  return {
    subject: hit.rule?.text ?? `-P ${hit.chain} DROP`,
    variant: directions.size === 2 ? "both" : hit.direction,
    arguments: {
      rule: hit.rule?.text ?? `-P ${hit.chain} DROP`,
      table: hit.table,
      chain: hit.chain,
      backend: backendName(hit),
    },
    evidence: [
      { label: "rule", text: dropLine(hit) },
      ...takesLines(hits, overlay),
    ],
    // Whoever put a drop before everything else is to be asked first.
    commands: [],
    ...(isWhole ? {} : { severity: "warning" }),
  };
}

/** FD608: packets to containers are dropped before any filter is asked. */
export const DOCKER_RAW_DROP = defineCheck({
  code: "FD608",
  name: "docker-raw-drop",
  severity: "error",
  needs: ["netfilter", "config", "node", "expected", "links", "addresses"],
  after: SUBNET_CAUSES,
  applies: unlessSubnet,
  judge(facts) {
    const { netfilter } = facts;
    return overlaysOf(facts).flatMap((overlay) => {
      const drops = overlayDrops(netfilter, overlay, "prerouting");
      const docker = drops.filter((hit) => isDockers(hit, overlay));
      const others = drops.filter((hit) =>
        !isDockers(hit, overlay) && isWide(hit)
      );
      return [
        ...[...Map.groupBy(docker, chainKey).values()]
          .map((hits) => byDocker(hits, overlay, netfilter)),
        ...[...Map.groupBy(others, dropPlace).values()]
          .map((hits) => byOther(hits, overlay)),
      ];
    });
  },
  text: {
    en: {
      title: "Packets to containers are dropped before routing",
      messages: {
        docker:
          "Docker drops what containers on other hosts send to {containers}, in the {table} table ({backend}), before FORWARD and DOCKER-USER are asked.",
        "docker-many":
          "Docker drops what containers on other hosts send to {count} containers here, in the {table} table ({backend}), before FORWARD and DOCKER-USER are asked.",
        both:
          "What containers here and on other hosts send each other is dropped before it is routed, in both directions, by `{rule}` ({backend}).",
        out:
          "What containers here send to containers on other hosts is dropped before it is routed, by `{rule}` ({backend}).",
        in:
          "What containers on other hosts send to containers here is dropped before it is routed, by `{rule}` ({backend}).",
      },
      meaning:
        "Docker 28 and later lets nobody but this host itself reach a container by the container's own address: a rule in raw PREROUTING for each container (in its own table where it uses nftables) drops what does not come in by the container's bridge. With flannel all traffic of other hosts comes in that way, by the tunnel device or the external interface. The rule comes before routing and before the filter table, so that no accept in FORWARD or DOCKER-USER helps.",
      symptoms:
        "After an upgrade of Docker to 28 or later, containers of other hosts cannot reach containers here; from this host everything works, FORWARD looks right. The packet counters of these rules grow.",
      repair:
        `For good, tell Docker that containers may be reached directly (Docker 28.2 or later), in /etc/docker/daemon.json:
  "allow-direct-routing": true
and restart Docker. For 28.0 and 28.1 set DOCKER_INSECURE_NO_IPTABLES_RAW=1 in Docker's unit. A Docker network of your own can name the devices it trusts when it is made:
  docker network create -o com.docker.network.bridge.trusted_host_interfaces=flannel.1 NAME
At once, until Docker or the host restarts, an accept for the flannel network before Docker's drops:
  iptables -t raw -I PREROUTING -i flannel.1 -s 172.7.0.0/16 -d 172.7.21.0/24 -j ACCEPT
Either way containers of other hosts then reach every port of containers here, which is what flannel is for. With host-gw the packets come in by the external interface, where a neighbour in that network can forge the source address. A rule that is not Docker's is for whoever made it.`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "发往容器的报文在路由之前就被丢弃",
      messages: {
        docker:
          "其他主机的容器发往 {containers} 的报文被 Docker 丢弃，发生在 {table} 表（{backend}），还没有轮到 FORWARD 和 DOCKER-USER。",
        "docker-many":
          "其他主机的容器发往本机 {count} 个容器的报文被 Docker 丢弃，发生在 {table} 表（{backend}），还没有轮到 FORWARD 和 DOCKER-USER。",
        both:
          "本机容器与其他主机的容器互相发送的报文，两个方向都在路由之前被 `{rule}`（{backend}）丢弃。",
        out:
          "本机容器发往其他主机容器的报文，在路由之前被 `{rule}`（{backend}）丢弃。",
        in:
          "其他主机的容器发往本机容器的报文，在路由之前被 `{rule}`（{backend}）丢弃。",
      },
      meaning:
        "从 28 版起，Docker 只允许本机直接访问容器自己的地址：它在 raw 表的 PREROUTING 链里为每个容器添加一条规则（使用 nftables 时则在它自己的表里），凡不是从容器网桥进来的报文一律丢弃。而在 flannel 网络中，其他主机发来的报文都是从隧道设备或外部网卡进来的。这条规则先于路由和 filter 表，所以在 FORWARD 或 DOCKER-USER 中放行没有用。",
      symptoms:
        "Docker 升级到 28 或更高版本之后，其他主机的容器访问不到本机的容器；从本机访问一切正常，FORWARD 链看上去也没有问题。这些规则的报文计数在增长。",
      repair:
        `长期办法：让 Docker 允许直接访问容器（28.2 及以上版本），在 /etc/docker/daemon.json 中加入：
  "allow-direct-routing": true
然后重启 Docker。28.0 和 28.1 版则在 Docker 的 unit 中设置 DOCKER_INSECURE_NO_IPTABLES_RAW=1。自建的 Docker 网络可以在创建时指明信任的设备：
  docker network create -o com.docker.network.bridge.trusted_host_interfaces=flannel.1 名称
立即生效的办法（到 Docker 或主机重启为止）是在 Docker 的规则之前放行容器网段：
  iptables -t raw -I PREROUTING -i flannel.1 -s 172.7.0.0/16 -d 172.7.21.0/24 -j ACCEPT
无论哪种办法，其他主机的容器都能访问本机容器的所有端口，这正是 flannel 的用途。host-gw 的报文从外部网卡进来，该网络中的邻居可以伪造源地址。不属于 Docker 的规则请由添加者处理。`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    githubIssue("moby/moby", 49792),
    "https://github.com/moby/moby/pull/49325",
    "https://github.com/moby/moby/pull/49829",
    "https://github.com/moby/moby/pull/49832",
    "https://docs.docker.com/engine/network/firewall-iptables",
  ],
});
