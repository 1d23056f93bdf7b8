import {
  egressMasquerade,
  familyOf,
  type Overlay,
} from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import type { LocalNode } from "../../flannel/expected_types.ts";
import { MAIN_TABLE, type Route } from "../../flannel/kernel.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { routeDevices } from "../../flannel/route_decision.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { DockerFacts, Settings } from "../../snapshot/facts.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import type { AttachmentFacts } from "../bridge_claim.ts";
import { leasedSubnets } from "../attachment.ts";
import { SKIPS, unlessBridge, unsureBridge } from "../skips.ts";
import { flannelIssue } from "../sources.ts";
import { shellQuote } from "../shell_quote.ts";
import {
  type HiddenMasquerade,
  hiddenMasquerade,
} from "./hidden_masquerade.ts";
import {
  backendName,
  iptablesTool,
  nftWord,
  NO_SUBNET,
  overlaysOf,
  placeTool,
  ruleLine,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";

const DEFAULT = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** Device of the default route with the lowest metric, or null. */
function defaultDevice(
  routes: readonly Route[],
  family: 4 | 6,
): string | null {
  const defaults = routes.filter((route) =>
    route.family === family && route.table === MAIN_TABLE &&
    route.dst === DEFAULT[family] && route.type === "unicast"
  ).sort((a, b) => a.metric - b.metric);
  return defaults.length === 0 ? null : routeDevices(defaults[0]!)[0] ?? null;
}

/** Who says that it masquerades, by its own settings. */
function masquerader(
  settings: Settings,
  docker: DockerFacts | null,
): "flanneld" | "Docker" | null {
  if (settings.ipMasq.value) return "flanneld";
  return docker?.ipMasq.value && docker.iptables.value ? "Docker" : null;
}

/**
 * Families whose packets somebody has to masquerade. IPv6 has addresses that
 * the world can answer: only flanneld's --ip-masq says that these are not.
 */
function families(settings: Settings, config: NetworkConfig): (4 | 6)[] {
  return [
    ...config.ipv4 === null ? [] : [4 as const],
    ...config.ipv6 !== null && settings.ipMasq.value ? [6 as const] : [],
  ];
}

function unmasked(
  overlay: Overlay,
  { netfilter, settings, docker }: {
    readonly netfilter: readonly Ruleset[];
    readonly settings: Settings;
    readonly docker: DockerFacts | null;
  },
): Finding {
  const family = familyOf(overlay);
  const { subnet, network, bridge, externalDevice: device } = overlay;
  const who = masquerader(settings, docker);
  const rule = `-s ${subnet} ! -d ${network} ! -o ${bridge} -j MASQUERADE`;
  const said: Evidence[] = [
    {
      label: "found",
      text:
        `flanneld --ip-masq=${settings.ipMasq.value} (${settings.ipMasq.source})`,
    },
    ...(docker === null ? [] : [{
      label: "found",
      text:
        `dockerd --ip-masq=${docker.ipMasq.value} (${docker.ipMasq.source})`,
    }]),
  ];
  const tool = iptablesTool("iptables-nft", netfilter, family);
  return {
    subject: `${subnet} ${device}`,
    variant: who === null ? "nobody" : "lost",
    arguments: { subnet, device, who: who ?? "" },
    evidence: [
      {
        label: "takes",
        text: `${subnet} to ${DEFAULT[family]} leaving by ${device}`,
      },
      ...said,
      { label: "wanted", text: `-A POSTROUTING ${rule}` },
    ],
    commands: [`${tool} -t nat -A POSTROUTING ${rule}`],
    ...(who === null ? { severity: "warning" } : {}),
  };
}

/** The rule that masquerades, put before the one that hides another. */
function insertCommand(
  { by }: HiddenMasquerade,
  rule: string,
  rulesets: readonly Ruleset[],
): string[] {
  const { backend, family, table, chain, position } = by;
  if (backend !== "nftables") {
    const tool = placeTool(by, rulesets);
    return [`${tool} -t ${table} -I ${chain} ${position} ${rule}`];
  }
  const { handle } = by.rule;
  if (handle === null) return [];
  const statement =
    `insert rule ${family} ${table} ${chain} handle ${handle} ${rule}`;
  return [`nft ${shellQuote(statement)}`];
}

function hidden(
  found: HiddenMasquerade,
  overlay: Overlay,
  rulesets: readonly Ruleset[],
): Finding {
  const { by, masquerade } = found;
  const { subnet, network, bridge, externalDevice: device } = overlay;
  const native = by.backend === "nftables";
  const word = nftWord(overlay);
  const rule = native
    ? `${word} saddr ${subnet} ${word} daddr != ${network} oifname != "${bridge}" masquerade`
    : `-s ${subnet} ! -d ${network} ! -o ${bridge} -j MASQUERADE`;
  return {
    subject: `${subnet} ${device}`,
    variant: "hidden",
    arguments: {
      subnet,
      device,
      rule: by.rule.text,
      masquerade: masquerade.text,
      backend: backendName(by),
    },
    evidence: [
      { label: "rule", text: ruleLine(by) },
      {
        label: "takes",
        text: `${subnet} to ${DEFAULT[familyOf(overlay)]} leaving by ${device}`,
      },
      { label: "found", text: masquerade.text },
      { label: "wanted", text: native ? rule : `-A ${by.chain} ${rule}` },
    ],
    commands: insertCommand(found, rule, rulesets),
  };
}

/** Why it cannot be told whether this host attaches containers at all. */
function bridgeDoubts(
  facts: Omit<AttachmentFacts, "subnetEnv"> & {
    readonly config: NetworkConfig;
    readonly node: LocalNode;
  },
): string[] {
  const subnetEnv = leasedSubnets(facts.config, facts.node);
  return unsureBridge({ ...facts, subnetEnv });
}

/** FD603: containers go out to the world with their own addresses. */
export const MASQUERADE_MISSING = defineCheck({
  code: "FD603",
  name: "masquerade-missing",
  severity: "error",
  needs: [
    "netfilter",
    "config",
    "node",
    "expected",
    "links",
    "addresses",
    "routes",
    "settings",
    "docker",
  ],
  // With FD305 the containers have other addresses than the subnet's.
  after: [...SUBNET_CAUSES, "FD305", "FD308"],
  // FD308 says it too where neither is set to masquerade.
  follows(facts, cause) {
    const [settings, docker] = [valueOf(facts.settings), valueOf(facts.docker)];
    return cause !== "FD308" || settings === undefined ||
      masquerader(settings, docker ?? null) === null;
  },
  applies(facts) {
    const skip = unlessSubnet(facts) ?? unlessBridge(facts);
    if (skip !== undefined) return skip;
    const routes = valueOf(facts.routes);
    const settings = valueOf(facts.settings);
    const config = valueOf(facts.config);
    if (!routes || !settings || !config) return undefined;
    const judged = families(settings, config);
    if (judged.length === 0) return "ipv6-only";
    return judged.every((family) => defaultDevice(routes, family) === null)
      ? "no-default-route"
      : undefined;
  },
  judge(facts) {
    if (bridgeDoubts(facts).length > 0) return [];
    const judged = families(facts.settings, facts.config);
    return overlaysOf(facts).filter((overlay) =>
      judged.includes(familyOf(overlay))
    ).flatMap((overlay) => {
      const device = defaultDevice(facts.routes, familyOf(overlay));
      if (device === null) return [];
      const outside = { ...overlay, externalDevice: device };
      const { untouched } = egressMasquerade(facts.netfilter, outside);
      if (untouched !== "whole") return [];
      const found = hiddenMasquerade(facts.netfilter, outside);
      return found === null
        ? [unmasked(outside, facts)]
        : [hidden(found, outside, facts.netfilter)];
    });
  },
  unsure: bridgeDoubts,
  text: {
    en: {
      title: "Nobody masquerades what containers send to the Internet",
      messages: {
        lost:
          "{who} is set to masquerade, but no rule does: packets from {subnet} leave by {device} with addresses that nobody outside can answer.",
        nobody:
          "Neither flanneld nor Docker masquerades {subnet}: packets leave by {device} with container addresses. That is right only where the network outside routes them back.",
        hidden:
          "Packets from {subnet} leave by {device} with addresses that nobody outside can answer: `{rule}` ({backend}) lets them go before `{masquerade}` is asked.",
      },
      meaning:
        "flanneld masquerades only with --ip-masq, which is off by default; Docker does it unless told --ip-masq=false. mk-docker-opts.sh writes the opposite of flanneld's setting for Docker, so that exactly one of them does. Where both are off, or a rule was lost to a firewall reload, an iptables-restore or a stopped flanneld of v0.25 and v0.26, containers reach other hosts' containers but not the world. So they do where a RETURN or ACCEPT without a destination stands before the masquerade: in the nat table it says that no rule behind it is asked. One that is meant to spare packets between containers names the flannel network (`-s 172.7.21.0/24 -d 172.7.0.0/16 -j RETURN`).",
      symptoms:
        "Between containers all is well; name resolution and package downloads time out; routers and servers outside see packets from container addresses.",
      repair:
        `Let one of the two masquerade: start flanneld with --ip-masq, or dockerd without --ip-masq=false. At once, by hand:
  iptables -t nat -A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
Leave it as it is where the cloud or the router outside knows the container networks and translates them itself.`,
      skips: {
        ...NO_SUBNET.en,
        "no-bridge": SKIPS.en["no-bridge"],
        "no-default-route": "this host has no default route, so nothing leaves",
        "ipv6-only":
          "the network has IPv6 only and flanneld is not set to masquerade it",
      },
    },
    zh: {
      title: "容器访问外网时没有做地址转换",
      messages: {
        lost:
          "{who} 的设置是做地址转换，却没有任何规则生效：{subnet} 的报文带着容器地址从 {device} 发出，外面无法应答。",
        nobody:
          "flanneld 和 Docker 都没有为 {subnet} 做地址转换：报文带着容器地址从 {device} 发出。只有外部网络有回到容器网段的路由时，这才是对的。",
        hidden:
          "{subnet} 的报文带着容器地址从 {device} 发出，外面无法应答：`{rule}`（{backend}）在 `{masquerade}` 之前就放走了它们。",
      },
      meaning:
        "flanneld 只有加了 --ip-masq 才做地址转换，默认不做；Docker 则默认做，除非指定 --ip-masq=false。mk-docker-opts.sh 会把与 flanneld 相反的设置写给 Docker，使两者恰好有一个做。如果两者都关闭，或者规则因防火墙重载、iptables-restore、v0.25 和 v0.26 的 flanneld 停止而丢失，容器就只能访问其他主机上的容器，不能访问外网。MASQUERADE 之前有一条不限目的地址的 RETURN 或 ACCEPT 时也是如此：在 nat 表中，它之后的规则都不再生效。如果只想放过容器之间的报文，规则应写明容器网段（`-s 172.7.21.0/24 -d 172.7.0.0/16 -j RETURN`）。",
      symptoms:
        "容器之间一切正常，域名解析、下载软件包却超时；外面的路由器和服务器看到源地址为容器地址的报文。",
      repair:
        `让两者之一做地址转换：flanneld 加上 --ip-masq，或者去掉 dockerd 的 --ip-masq=false。手工立即生效：
  iptables -t nat -A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
如果云平台或外部路由器认识容器网段并自行做地址转换，保持现状即可。`,
      skips: {
        ...NO_SUBNET.zh,
        "no-bridge": SKIPS.zh["no-bridge"],
        "no-default-route": "本机没有默认路由，没有报文会出去",
        "ipv6-only": "本网络只启用了 IPv6，flanneld 也没有设置地址转换",
      },
    },
  },
  sources: [
    flannelIssue(115),
    flannelIssue(1253),
    flannelIssue(117),
    flannelIssue(964),
    flannelIssue(835),
  ],
});
