import {
  deleteRouteCommand,
  formatRoute,
  formatWantedRoute,
  replaceRouteCommand,
} from "../../flannel/format.ts";
import { defaultMetric } from "../../flannel/kernel.ts";
import type { WrongRoute } from "../../flannel/route_diff.ts";
import { isConnected } from "../../flannel/route_owner.ts";
import { defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import {
  type ContestedRoute,
  deviceTrouble,
  isDirect,
  NO_ROUTES,
  onLinkOn,
  routeDiff,
  type RouteFacts,
  unlessRoutes,
} from "./route_facts.ts";

/** Routes shown of a grouped finding. */
const SHOWN = 3;

/** What is there, and what should be, unless it would cut this host off. */
function lines({ wanted, observed }: WrongRoute) {
  const found = { label: "found", text: formatRoute(observed) };
  return isConnected(observed)
    ? [found]
    : [found, { label: "wanted", text: formatWantedRoute(wanted) }];
}

/**
 * A replace takes the place of a route with the same metric only. In a network
 * that this host is in itself, flannel's route would cut it off.
 */
function commands({ wanted, observed }: WrongRoute): string[] {
  if (isConnected(observed)) return [];
  const replace = replaceRouteCommand(wanted);
  return observed.metric === defaultMetric(observed.family)
    ? [replace]
    : [replace, deleteRouteCommand(observed)];
}

/** How a route is wrong, which is also what it does to packets. */
function variantOf({ observed, differs }: WrongRoute) {
  if (observed.type !== "unicast") return "refused";
  if (isConnected(observed)) return "connected";
  // The gateway and the device are flannel's: packets arrive all the same.
  return differs.every((attribute) => attribute === "onlink")
    ? "flag"
    : "default";
}

/**
 * A function that says whether `fix --routes` corrects a route: not where this
 * host would be cut off, nor where the kernel takes no such next hop.
 */
function mendable(
  { routes, node }: RouteFacts,
): (route: WrongRoute) => boolean {
  const isNear = onLinkOn(routes, node.device);
  return ({ wanted, observed }) =>
    !isConnected(observed) &&
    (!isDirect(wanted, node) || isNear(wanted.gateway!));
}

function wrong(route: WrongRoute, isMendable: boolean): Finding {
  const { wanted, observed } = route;
  const variant = variantOf(route);
  return {
    subject: wanted.dst,
    variant,
    arguments: {
      subnet: wanted.dst,
      peer: wanted.peer.attributes.publicIP,
      type: observed.type,
      device: observed.device ?? "",
      differs: route.differs,
    },
    evidence: lines(route),
    commands: commands(route),
    ...(variant === "flag" ? { severity: "warning" } : {}),
    ...(isMendable ? {} : { fix: null }),
  };
}

/** It leads to none of the hosts that claim the subnet. */
function contested({ claims, observed }: ContestedRoute): Finding {
  const { dst } = claims[0]!;
  return {
    subject: dst,
    variant: "contested",
    arguments: {
      subnet: dst,
      peers: claims.map(({ peer }) => peer.attributes.publicIP),
    },
    evidence: [
      { label: "found", text: formatRoute(observed!) },
      ...claims.map((route) => ({
        label: "wanted",
        text: formatWantedRoute(route),
      })),
    ],
    commands: [],
    fix: null,
  };
}

/** FD402: a route to a lease's subnet that leads elsewhere. */
export const ROUTE_WRONG = defineCheck({
  code: "FD402",
  name: "route-wrong",
  severity: "error",
  needs: ["expected", "routes", "rules", "links", "config", "node"],
  after: [...STATE_CAUSES, "FD213"],
  fix: "routes",
  applies: unlessRoutes,
  judge(facts) {
    const routes = routeDiff(facts).wrong.filter(({ wanted }) =>
      deviceTrouble(facts.links, wanted.device) === null
    );
    const isMendable = mendable(facts);
    const one = (route: WrongRoute) => wrong(route, isMendable(route));
    const claimed = routeDiff(facts).contested.filter((each) =>
      each.observed !== null &&
      each.claims.some(({ device }) =>
        deviceTrouble(facts.links, device) === null
      )
    );
    const single = groupFindings(routes, one, (all) => ({
      subject: facts.config.ipv4?.network ?? facts.config.ipv6?.network ?? "",
      variant: "many",
      arguments: {
        count: all.length,
        total: facts.expected.routes.length,
        subnets: all.map(({ wanted }) => wanted.dst),
      },
      evidence: all.slice(0, SHOWN).flatMap(lines),
      commands: [],
      ...(all.some(isMendable) ? {} : { fix: null }),
    }));
    return [...single, ...claimed.map(contested)];
  },
  text: {
    en: {
      title: "Route to a peer's subnet leads elsewhere",
      messages: {
        default:
          "The route to {subnet} does not lead to {peer}, which has leased it: what containers here send there ends at the wrong place.",
        refused:
          "The route to {subnet} is of type {type}: the kernel refuses what containers here send to {peer}'s containers.",
        connected:
          "{subnet}, which {peer} has leased, is also a network of this host's device {device}: containers there cannot be reached from here, and flannel's route would cut this host off from the network of {device}.",
        contested:
          "The route to {subnet} leads to none of the hosts that claim it ({peers}): what containers here send there ends at the wrong place. One of them has to take another subnet first: FD208.",
        flag:
          "The route to {subnet} leads to {peer}, but its onlink flag is not as flannel sets it: flanneld does not know the route for its own.",
        many:
          "{count} of the {total} routes to other hosts' subnets lead elsewhere than their leases say.",
      },
      meaning:
        "The records say where each subnet lives; the kernel's route for it has another gateway, device or flag. That happens when a host got another address, when the backend was changed and a host was left out, when DirectRouting's answer changed with the network, or when another program set a route for the same subnet: host-gw then fails to add its own every ten seconds without a word in the log. With vxlan the route through the subnet's own first address with `onlink` is right; do not replace it by a route through the host's address.",
      symptoms:
        "One peer's containers are unreachable from here while others work, or packets loop until their TTL ends.",
      repair: `Put flannel's route in its place:
  ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0
If a route with another metric stays beside it, delete that one. If the wrong route comes back, find who sets it (the proto in \`ip route\`): an administrator may have meant it, as in a cloud that only its own router knows the way in.
A network of this host itself (a Docker network, a LAN) has to move to other addresses, or the overlay network has to: flandoc explain FD107. Its route is not to be replaced.`,
      skips: NO_ROUTES.en,
    },
    zh: {
      title: "到对端子网的路由指向别处",
      messages: {
        default:
          "到 {subnet} 的路由没有指向租用它的 {peer}：本机容器发往该子网的报文到了错误的地方。",
        refused:
          "到 {subnet} 的路由类型是 {type}：本机容器发往 {peer} 上容器的报文会被内核拒绝。",
        connected:
          "{peer} 租用的 {subnet} 同时也是本机设备 {device} 所在的网络：从本机访问不到那台主机上的容器；如果换成 flannel 的路由，本机又会与 {device} 的网络断开。",
        contested:
          "有多台主机（{peers}）都声称拥有 {subnet}，而到它的路由没有指向其中任何一台：本机容器发往那里的报文到了错误的地方。先要让其中一台换用别的子网，见 FD208。",
        flag:
          "到 {subnet} 的路由指向 {peer}，但 onlink 标志与 flannel 设置的不同：flanneld 不会把它当作自己的路由。",
        many:
          "到其他主机子网的 {total} 条路由中，有 {count} 条的指向与租约不符。",
      },
      meaning:
        "记录写明了每个子网在哪台主机上，而内核中对应路由的网关、设备或标志却不同。可能是某台主机换了地址，可能是更换后端时漏掉了某台主机，可能是网络变化后 DirectRouting 的判断变了，也可能是别的程序为同一子网设置了路由：这时 host-gw 每十秒都会添加失败，日志里却没有任何提示。注意：vxlan 以子网自己的首个地址为网关并带 `onlink` 是正确的写法，不要改成以主机地址为网关。",
      symptoms:
        "从本机访问不到某个对端的容器，其他对端正常；或者报文来回打转直到 TTL 耗尽。",
      repair: `换成 flannel 的路由：
  ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0
如果旁边还留有度量值（metric）不同的同目标路由，把它删掉。如果错误的路由又回来了，请查清是谁设置的（看 \`ip route\` 中的 proto）：也可能是管理员有意为之，例如只有云平台自己的路由器才知道怎么走。
如果那是本机自己所在的网络（Docker 网络、局域网），就要让它或者 overlay 网段换用其他地址（flandoc explain FD107），不要替换它的路由。`,
      skips: NO_ROUTES.zh,
    },
  },
  sources: [
    flannelIssue(2554),
    flannelIssue(996),
    flannelIssue(254),
    flannelIssue(765),
    "https://man7.org/linux/man-pages/man8/ip-route.8.html",
  ],
});
