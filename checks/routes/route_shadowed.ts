import { contains, parseCidr, tryParseCidr } from "../../flannel/cidr.ts";
import type { LocalNode } from "../../flannel/expected_types.ts";
import {
  deleteRouteCommand,
  formatRoute,
  formatRule,
  formatWantedRoute,
} from "../../flannel/format.ts";
import type { PolicyRule, Route } from "../../flannel/kernel.ts";
import { isConnected } from "../../flannel/route_owner.ts";
import { findBridgeShadows, type Shadow } from "../../flannel/route_shadow.ts";
import { defineCheck, type Finding } from "../check.ts";
import { containerBridge } from "../container_bridge.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { githubIssue } from "../sources.ts";
import { NO_ROUTES, routeDiff, unlessRoutes } from "./route_facts.ts";

type RouteShadow = Extract<Shadow, { readonly by: Route }>;
type RuleShadow = Extract<Shadow, { readonly by: PolicyRule }>;

/** Routes shown as evidence of a rule that overrules many. */
const SHOWN = 3;

/** Rules an administrator adds are seldom before this one. */
const RULE_PRIORITY = 100;

/**
 * Whether a route only serves the own subnet, as the bridge's connected route
 * does inside udp's one route for the whole network.
 */
function servesOwnSubnet(route: Route, node: LocalNode): boolean {
  const dst = tryParseCidr(route.dst);
  return [node.lease?.subnet, node.lease?.ipv6Subnet].some((subnet) =>
    dst !== null && subnet !== null && subnet !== undefined &&
    contains(parseCidr(subnet), dst)
  );
}

function byRoute({ wanted, by, kind }: RouteShadow): Finding {
  // Deleting it would cut this host off from a network that it is in.
  const connected = isConnected(by);
  return {
    subject: formatRoute(by),
    variant: connected ? "connected" : kind,
    arguments: {
      subnet: wanted.dst,
      peer: wanted.peer.attributes.publicIP,
      dst: by.dst,
      device: by.device ?? "",
    },
    evidence: [
      { label: "route", text: formatRoute(by) },
      { label: "wanted", text: formatWantedRoute(wanted) },
    ],
    commands: connected ? [] : [deleteRouteCommand(by)],
  };
}

/** Whether the rule takes what containers send, and not only this host. */
function takesContainers(rule: PolicyRule, node: LocalNode): boolean {
  if (rule.from === null) return true;
  const from = parseCidr(rule.from);
  const subnet = node.lease?.subnet ?? null;
  return subnet !== null &&
    (contains(from, parseCidr(subnet)) || contains(parseCidr(subnet), from));
}

function byRule(
  shadows: readonly RuleShadow[],
  node: LocalNode,
  network: string,
): Finding {
  const [first] = shadows;
  const { by } = first!;
  const containers = takesContainers(by, node);
  const priority = Math.max(1, Math.min(RULE_PRIORITY, by.priority - 1));
  return {
    subject: formatRule(by).replace("\t", " "),
    variant: containers ? "rule" : "host-rule",
    arguments: {
      rule: formatRule(by).replace("\t", " "),
      count: shadows.length,
      subnets: shadows.map(({ wanted }) => wanted.dst),
    },
    evidence: [
      { label: "rule", text: formatRule(by).replace("\t", " ") },
      ...(first!.route === null
        ? []
        : [{ label: "route", text: formatRoute(first!.route) }]),
      ...shadows.slice(0, SHOWN).map(({ wanted }) => ({
        label: "wanted",
        text: formatWantedRoute(wanted),
      })),
    ],
    commands: [`ip rule add pref ${priority} to ${network} lookup main`],
    ...(containers ? {} : { severity: "warning" }),
  };
}

/** FD404: something else decides over a route that is there. */
export const ROUTE_SHADOWED = defineCheck({
  code: "FD404",
  name: "route-shadowed",
  severity: "error",
  needs: [
    "expected",
    "routes",
    "rules",
    "config",
    "node",
    "links",
    "addresses",
  ],
  after: STATE_CAUSES,
  applies: unlessRoutes,
  judge(facts) {
    const { config, node } = facts;
    const bridge = containerBridge(facts);
    const shadowed = [
      ...routeDiff(facts).shadowed,
      ...bridge === null ? [] : findBridgeShadows({
        wanted: facts.expected.routes,
        observed: facts.routes,
        rules: facts.rules,
        node,
      }, bridge),
    ];
    const routes = shadowed.filter((shadow): shadow is RouteShadow =>
      shadow.kind !== "policy-rule" && !servesOwnSubnet(shadow.by, node)
    );
    const rules = new Map<PolicyRule, RuleShadow[]>();
    for (const shadow of shadowed) {
      if (shadow.kind !== "policy-rule") continue;
      const known = rules.get(shadow.by);
      if (known === undefined) rules.set(shadow.by, [shadow]);
      else known.push(shadow);
    }
    return [
      ...groupFindings(routes, byRoute, (all): Finding => ({
        subject: config.ipv4?.network ?? "",
        variant: "many",
        arguments: {
          count: all.length,
          routes: all.map(({ by }) => formatRoute(by)),
        },
        evidence: all.slice(0, SHOWN).map(({ by }) => ({
          label: "route",
          text: formatRoute(by),
        })),
        commands: [],
      })),
      ...[...rules.entries()].map(([rule, list]) =>
        byRule(
          list,
          node,
          (rule.family === 4 ? config.ipv4 : config.ipv6)?.network ?? "",
        )
      ),
    ];
  },
  text: {
    en: {
      title: "Route to a peer's subnet is overruled",
      messages: {
        "more-specific":
          "Inside {subnet} ({peer}) the kernel has a more specific route for {dst}, which leads elsewhere and is used whatever the route to the whole subnet says.",
        connected:
          "{dst} is a network of this host's device {device}, and it shares addresses with {subnet}, which {peer} has leased: containers there whose address is in {dst} cannot be reached from here.",
        "lower-metric":
          "The route to {subnet} ({peer}) is there, but another one for the same subnet has the lower metric and is used instead.",
        rule:
          "The policy rule `{rule}` is asked before the main table and leads {count} of the peers' subnets elsewhere, whatever `ip route` shows for them.",
        "host-rule":
          "The policy rule `{rule}` leads what this host sends from that address to {count} of the peers' subnets elsewhere: services on this host do not reach containers on other hosts with their answers. Containers here are not concerned.",
        many:
          "{count} routes inside other hosts' subnets lead elsewhere than flannel's routes.",
      },
      meaning:
        "A route being there does not mean that it is used. The kernel asks policy rules in the order of their priority, takes the first table that has an answer, in it the longest prefix, and among equals the lowest metric. VPN clients, cloud agents (nm-cloud-setup writes rules at priority 30400) and source routing for several interfaces put rules before main; their tables usually hold a default route and so answer for every peer's subnet.",
      symptoms:
        "`ip route` shows what flannel wants and packets leave elsewhere; `ip route get 172.7.22.2 from 172.7.21.2 iif docker0` shows where. After a reboot of a RHEL 8.4 cloud image the overlay is dead.",
      repair:
        `Let the network's addresses be looked up in main first; this leaves the other rules as they are:
  ip rule add pref 100 to 172.7.0.0/16 lookup main
or remove what overrules the route, if nobody needs it:
  ip route del 172.7.22.128/25 via 10.0.0.1 dev eth1
  systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service
A network that this host is in itself has to move to other addresses instead (flandoc explain FD107); without its route it would be cut off.`,
      skips: NO_ROUTES.en,
    },
    zh: {
      title: "到对端子网的路由被其他路由或规则压过",
      messages: {
        "more-specific":
          "内核中有一条包含在 {subnet}（{peer}）之内的更精确的路由 {dst}，指向别处；不管到整个子网的路由如何，用的都是它。",
        connected:
          "{dst} 是本机设备 {device} 所在的网络，与 {peer} 租用的 {subnet} 有相同的地址：那台主机上地址属于 {dst} 的容器，从本机访问不到。",
        "lower-metric":
          "到 {subnet}（{peer}）的路由存在，但同一子网还有一条度量值（metric）更小的路由，实际使用的是后者。",
        rule:
          "策略路由规则 `{rule}` 先于 main 表生效，把 {count} 个对端子网引向了别处，`ip route` 里显示的路由不起作用。",
        "host-rule":
          "策略路由规则 `{rule}` 把本机以该源地址发往 {count} 个对端子网的报文引向了别处：本机上的服务无法应答其他主机上的容器。本机的容器不受影响。",
        many: "其他主机的子网内有 {count} 条路由，指向与 flannel 的路由不同。",
      },
      meaning:
        "路由存在并不等于被使用。内核按优先级逐条查看策略规则，采用第一个有结果的路由表；同一张表里选前缀最长的，前缀相同则选度量值最小的。VPN 客户端、云主机的网络代理（nm-cloud-setup 会写入优先级为 30400 的规则）、多网卡的源地址路由，都会在 main 之前插入规则，而它们的路由表里通常有默认路由，于是所有对端子网都被它截走。",
      symptoms:
        "`ip route` 显示的正是 flannel 想要的，报文却从别处发出；`ip route get 172.7.22.2 from 172.7.21.2 iif docker0` 能看到真正的去向。RHEL 8.4 的云镜像重启后，容器网络整个不通。",
      repair: `让容器网段的地址先查 main 表，不影响其他规则：
  ip rule add pref 100 to 172.7.0.0/16 lookup main
如果没有人需要，也可以删掉压过它的路由或规则：
  ip route del 172.7.22.128/25 via 10.0.0.1 dev eth1
  systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service
如果那是本机自己所在的网络，则不能删除它的路由，否则本机会与该网络断开；应当让它换用其他地址（flandoc explain FD107）。`,
      skips: NO_ROUTES.zh,
    },
  },
  sources: [
    githubIssue("rancher/rke2", 1053),
    githubIssue("projectcalico/calico", 4662),
    githubIssue("k3s-io/k3s", 6255),
    "https://man7.org/linux/man-pages/man8/ip-rule.8.html",
  ],
});
