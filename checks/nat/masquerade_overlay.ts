import type { ExpectedState, LocalNode } from "../../flannel/expected_types.ts";
import {
  familyOf,
  nftReplacement,
  type Overlay,
  type RewriteHit,
  ruleSpecification,
  typedRule,
} from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { shellQuote } from "../shell_quote.ts";
import { flannelIssue, flannelPull, githubIssue } from "../sources.ts";
import {
  addressesText,
  backendName,
  deleteCommand,
  nftWord,
  NO_SUBNET,
  overlaysOf,
  placeTool,
  ruleLine,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import { allRewrites, flannelRuleSet } from "./rewrites.ts";

/** Owners whose rules on sets and marks are not judged by a guess. */
const TRUSTED = new Set(["kubernetes", "calico", "cni"]);

/**
 * Whether it is only the rule's own conditions that leave it open which
 * packets it takes. What two backends both rewrite is rewritten for certain.
 */
function isGuess(hit: RewriteHit, hits: readonly RewriteHit[]): boolean {
  return hit.part === "maybe" &&
    (hit.rule.match.other.length > 0 ||
      !hits.some((other) => other.backend !== hit.backend));
}

/** The address that other containers see instead of the own one. */
function seenAddress(
  hit: RewriteHit,
  node: LocalNode,
  expected: ExpectedState,
  family: 4 | 6,
): string {
  const { target } = hit.rule;
  if (target.kind === "SNAT") return target.to;
  const mapped = /^NETMAP --to (\S+)/.exec(
    target.kind === "OTHER" ? target.text : "",
  )?.[1];
  if (mapped !== undefined) return mapped;
  const tunnel = expected.devices.find((d) => d.name === hit.device);
  const own = family === 4 ? node.address : node.ipv6Address;
  return tunnel?.address.split("/")[0] ?? own ?? hit.device;
}

/**
 * The rule without packets between containers; null where it cannot be
 * written so. For what comes in, the network is excluded as a source.
 */
function scopedRule(hit: RewriteHit, network: string): string | null {
  if (hit.direction === "out") return hit.scoped;
  const { match, text } = hit.rule;
  if (hit.backend === "nftables" || match.source !== undefined) return null;
  // A source no CIDR can say, `-s 10.0.1.0/255.0.255.0`, is kept as text.
  if (match.other.some((other) => /^(! )?-s /.test(other))) return null;
  return `! -s ${network} ${ruleSpecification(text)}`;
}

/** The rule as it should be; none where it cannot be written so. */
function wantedLine(hit: RewriteHit, scoped: string | null): Evidence[] {
  if (scoped === null) return [];
  const text = hit.backend === "nftables"
    ? scoped
    : `-A ${hit.chain} ${scoped}`;
  return [{ label: "wanted", text }];
}

/** Insert before delete, so that there is never a moment without a rule. */
function repairCommands(
  hit: RewriteHit,
  scoped: string | null,
  rulesets: readonly Ruleset[],
): string[] {
  const { backend, family, table, chain, position, rule } = hit;
  if (scoped === null) return [];
  const remove = deleteCommand(hit, rulesets);
  if (remove === null) return [];
  // Docker's restart leaves the scoped rule there and puts its own before it.
  if (hit.direction === "out" && hit.scopedPosition !== null) return [remove];
  if (backend === "nftables") {
    const { handle } = rule;
    const where = `${family} ${table} ${chain}`;
    return handle === null
      ? []
      : [`nft ${shellQuote(nftReplacement(where, handle, scoped))}`];
  }
  const tool = placeTool(hit, rulesets);
  const insert = `${tool} -t ${table} -I ${chain} ${position} ${
    typedRule(scoped)
  }`;
  return [insert, remove];
}

/** Whether a rule takes IPv6 as well: `ip daddr != …` in it would end that. */
export function isOfBoth({ family, rule }: RewriteHit): boolean {
  return family === "inet" && rule.match.source === undefined;
}

/** The accept that spares packets between containers before such a rule. */
function sparingRule(hit: RewriteHit, overlay: Overlay): string {
  const { subnet, network } = overlay;
  const word = nftWord(overlay);
  const [from, to] = hit.direction === "out"
    ? [subnet, network]
    : [network, subnet];
  return `${word} saddr ${from} ${word} daddr ${to} accept`;
}

function sparingCommands(hit: RewriteHit, spared: string): string[] {
  const { family, table, chain, rule } = hit;
  if (rule.handle === null) return [];
  const statement =
    `insert rule ${family} ${table} ${chain} handle ${rule.handle} ${spared}`;
  return [`nft ${shellQuote(statement)}`];
}

function takesText(hit: RewriteHit, overlay: Overlay): string {
  const from = addressesText(hit.source, overlay);
  const to = addressesText(hit.destination, overlay);
  const way = hit.direction === "out"
    ? `leaving by ${hit.device}`
    : `arriving by ${hit.device}`;
  return `${from} to ${to} ${way}`;
}

function variantOf(hit: RewriteHit, guess: boolean): string {
  if (guess) return "maybe";
  if (hit.direction === "in") return "incoming";
  return hit.owner === "docker" ? "default" : "foreign";
}

/** Whether `flandoc fix --snat` scopes the rule, as its plan decides. */
function isScoped(hit: RewriteHit): boolean {
  return hit.owner === "docker" && hit.direction === "out" &&
    !isOfBoth(hit) && hit.scoped !== null;
}

function rewritten(
  hit: RewriteHit,
  guess: boolean,
  overlay: Overlay,
  { netfilter, node, expected }: {
    readonly netfilter: readonly Ruleset[];
    readonly node: LocalNode;
    readonly expected: ExpectedState;
  },
): Finding {
  const spared = isOfBoth(hit) ? sparingRule(hit, overlay) : null;
  const scoped = spared === null ? scopedRule(hit, overlay.network) : null;
  return {
    subject: hit.rule.text,
    variant: variantOf(hit, guess),
    arguments: {
      rule: ruleSpecification(hit.rule.text),
      address: hit.direction === "out"
        ? seenAddress(hit, node, expected, familyOf(overlay))
        : overlay.bridge,
      device: hit.device,
      owner: hit.owner,
      backend: backendName(hit),
      table: hit.table,
      chain: hit.chain,
      position: hit.position,
      network: overlay.network,
      subnet: overlay.subnet,
    },
    evidence: [
      { label: "rule", text: ruleLine(hit, hit.owner) },
      { label: "takes", text: takesText(hit, overlay) },
      ...wantedLine(hit, spared ?? scoped),
    ],
    commands: spared === null
      ? repairCommands(hit, scoped, netfilter)
      : sparingCommands(hit, spared),
    ...(guess ? { severity: "warning" } : {}),
    ...(isScoped(hit) ? {} : { fix: null }),
  };
}

/** FD601: packets between containers lose their source address. */
export const MASQUERADE_OVERLAY = defineCheck({
  code: "FD601",
  name: "masquerade-overlay",
  severity: "error",
  needs: ["netfilter", "config", "node", "expected", "links", "addresses"],
  after: SUBNET_CAUSES,
  fix: "snat",
  applies: unlessSubnet,
  judge(facts) {
    const { netfilter } = facts;
    return overlaysOf(facts).flatMap((overlay) => {
      // flannel's own rules in a wrong order are FD604's, left over FD605's.
      const flannels = flannelRuleSet(netfilter, overlay);
      const hits = allRewrites(netfilter, overlay)
        .filter((hit) => !flannels.has(hit.rule));
      return hits.flatMap((hit): Finding[] => {
        const guess = isGuess(hit, hits);
        return guess && TRUSTED.has(hit.owner)
          ? []
          : [rewritten(hit, guess, overlay, facts)];
      });
    });
  },
  text: {
    en: {
      title: "Masquerade hides containers from other hosts' containers",
      messages: {
        default:
          "Containers here reach containers on other hosts as {address}: their own address is lost.",
        foreign:
          "Containers here reach containers on other hosts as {address}: their own address is lost. The rule is neither Docker's nor flannel's, so flandoc fix leaves it to you.",
        incoming:
          "Containers here see what containers on other hosts send as coming from this host's {address}: the senders' own addresses are lost.",
        maybe:
          "A rule may rewrite the source of what containers here send to containers on other hosts; it depends on conditions that flandoc cannot evaluate: {rule}",
      },
      meaning:
        "Docker masquerades what its containers send anywhere but to its own bridge, and does not know that other hosts' containers are no strangers. With flannel such packets leave by the external interface or the tunnel device and get the host's address there, though they would have arrived as they are. Docker inserts its rule at the head of POSTROUTING, before flannel's, and again at every start. flandoc walks all backends (iptables in both variants, nftables) with the containers' packets, jumps included, and reports each rule that rewrites them.",
      symptoms:
        "The access log of a web server in a container shows the other host's address, or that of its tunnel device, instead of the client container's. Address lists, rate limits and clusters that identify members by address (etcd, Consul, Redis) go wrong; connections themselves work.",
      repair:
        `Scope Docker's rule to other destinations than the flannel network; insert first, then delete, so that a rule is always there:
  iptables -t nat -I POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
  iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE
Docker puts its rule back at every start (FD610). To be rid of it for good let flanneld masquerade instead: dockerd with --ip-masq=false and flanneld with --ip-masq; both, or containers lose the Internet (FD603). Connections that exist keep the old address until they end.`,
      skips: NO_SUBNET.en,
    },
    zh: {
      title: "跨主机的容器流量被做了源地址转换",
      messages: {
        default:
          "本机容器访问其他主机上的容器时，源地址变成了 {address}，容器自己的地址丢失。",
        foreign:
          "本机容器访问其他主机上的容器时，源地址变成了 {address}，容器自己的地址丢失。这条规则不是 Docker 或 flannel 的，flandoc fix 不会改动，请自行处理。",
        incoming:
          "其他主机上的容器访问本机容器时，在本机容器看来源地址是本机的 {address}，对方容器自己的地址丢失。",
        maybe:
          "本机容器发往其他主机容器的报文可能被改写源地址，这取决于 flandoc 无法判断的匹配条件：{rule}",
      },
      meaning:
        "容器发出的报文，只要不是发往自己的网桥，Docker 一律做 MASQUERADE，它并不知道其他主机上的容器不是外人。使用 flannel 时，这些报文从外部网卡或隧道设备发出，在那里被换成主机的地址，而它们本来原样就能送达。Docker 把规则插在 POSTROUTING 链的最前面，先于 flannel 的规则，而且每次启动都会再插一次。flandoc 让容器的报文走一遍所有后端（两种 iptables 和 nftables）的规则，包括跳转，报告每一条会改写源地址的规则。",
      symptoms:
        "容器里 web 服务的访问日志中，客户端地址是对端主机（或其隧道设备）的地址，而不是对端容器的地址。按地址做的访问控制、限流，以及以地址识别成员的集群（etcd、Consul、Redis）都会出错，而连接本身是通的。",
      repair:
        `给 Docker 的规则加上目的网段的限制，排除 flannel 网段；先插入再删除，保证任何时刻都有规则：
  iptables -t nat -I POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
  iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE
Docker 每次启动都会把原来的规则加回来（FD610）。要一劳永逸，可以改由 flanneld 做地址转换：dockerd 使用 --ip-masq=false，同时 flanneld 使用 --ip-masq；两者缺一不可，否则容器无法访问外网（FD603）。已建立的连接在结束之前仍然使用旧地址。`,
      skips: NO_SUBNET.zh,
    },
  },
  sources: [
    flannelIssue(117),
    flannelIssue(1592),
    flannelPull(269),
    flannelIssue(1253),
    githubIssue("coreos/bugs", 1439),
    "https://github.com/docker/libnetwork/pull/375",
    "https://man7.org/linux/man-pages/man8/iptables-extensions.8.html",
  ],
});
