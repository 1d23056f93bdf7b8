import { attachment, leasedSubnets } from "../attachment.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { groupFindings } from "../group_findings.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import {
  type Cidr,
  contains,
  containsAddress,
  hostCidr,
  overlaps,
  parseCidr,
  tryParseCidr,
} from "../../flannel/cidr.ts";
import { formatAddress, formatRoute } from "../../flannel/format.ts";
import {
  KERNEL_PROTOCOL,
  LOCAL_TABLE,
  type Route,
} from "../../flannel/kernel.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs =
  | "config"
  | "settings"
  | "node"
  | "leases"
  | "links"
  | "addresses"
  | "routes"
  | "docker";

/** Shorter prefixes are default routes in pieces, as VPN clients set them. */
const SHORTEST_PREFIX = 8;

/** FD107: the overlay network shares addresses with something else here. */
export const NETWORK_OVERLAP: Check = defineCheck<Needs>({
  code: "FD107",
  name: "network-overlap",
  severity: "error",
  needs: [
    "config",
    "settings",
    "node",
    "leases",
    "links",
    "addresses",
    "routes",
    "docker",
  ],
  after: [...CONFIG_CAUSES, "FD109"],
  judge(facts) {
    const { ipv4, ipv6 } = facts.config;
    return [ipv4, ipv6].flatMap((range) => {
      if (range === null) return [];
      const network = parseCidr(range.network);
      return [
        ...addressFindings(facts, network, range.network),
        ...peerFindings(facts, network, range.network),
        ...endpointFindings(facts, network, range.network),
        ...dockerFindings(facts, network, range.network),
        ...routeFindings(facts, network, range.network, range.subnetLen),
      ];
    });
  },
  text: {
    en: {
      title: "The network overlaps another one",
      messages: {
        address:
          "{address} on {device} lies inside the overlay network {network}: what this address stands for and a container may have the same address.",
        lan:
          "The overlay network {network} lies inside {lan}, the network of {device}: hosts there whose address is in {network} cannot be reached from here.",
        "public-ip":
          "The public IP {address} of the peer with {subnet} lies inside the overlay network {network}: packets for the peer itself may be sent into the overlay.",
        "public-ips":
          "The public IPs of {count} peers lie inside the overlay network {network}: packets for the peers themselves may be sent into the overlay.",
        endpoint:
          "The etcd endpoint {address} lies inside the overlay network {network}: flanneld may lose etcd once the subnet around it is leased.",
        "docker-network":
          "The Docker network {name} has {subnet}, which overlaps the overlay network {network}: containers of that range on other hosts cannot be reached from here.",
        route:
          "A route that is not flannel's sends {dst} elsewhere, inside the overlay network {network}: subnets leased there will take it over, or it will take them.",
        "route-around":
          "The overlay network {network} lies inside {dst}, which this host routes elsewhere: whatever uses {network} out there cannot be reached from here.",
      },
      meaning:
        "The overlay network must be a range that nothing else uses: no host address, no Docker network of another kind, nothing behind a VPN or a router. The kernel takes the most specific route, so that either side may win, address by address.",
      symptoms:
        "Certain hosts, a DNS server or the gateway become unreachable when some host takes a certain subnet; containers of certain hosts cannot be reached from one host only; it comes and goes with a VPN.",
      repair:
        `Choose a Network that nothing uses and restart flanneld and Docker on every host:
  etcdctl set /coreos.com/network/config '{"Network": "10.83.0.0/16", "Backend": {"Type": "host-gw"}}'
Or move the other side: remove or narrow the route, or make the Docker network again in a free range:
  docker network rm NAME
  docker network create --subnet 192.168.240.0/24 NAME
For new Docker networks set "default-address-pools" in /etc/docker/daemon.json.`,
    },
    zh: {
      title: "overlay 网段与其他网络重叠",
      messages: {
        address:
          "{device} 上的地址 {address} 落在 overlay 网段 {network} 之内，可能与某个容器的地址相同。",
        lan:
          "overlay 网段 {network} 落在 {device} 所在网络 {lan} 之内，那里地址属于 {network} 的主机，从本机无法到达。",
        "public-ip":
          "子网 {subnet} 所属主机的公共 IP {address} 落在 overlay 网段 {network} 之内，发给该主机自身的报文可能被送进 overlay。",
        "public-ips":
          "有 {count} 台主机的公共 IP 落在 overlay 网段 {network} 之内，发给这些主机自身的报文可能被送进 overlay。",
        endpoint:
          "etcd 端点 {address} 落在 overlay 网段 {network} 之内，一旦它所在的子网被租出，flanneld 可能连不上 etcd。",
        "docker-network":
          "Docker 网络 {name} 的网段 {subnet} 与 overlay 网段 {network} 重叠，其他主机上属于该网段的容器从本机无法到达。",
        route:
          "一条不属于 flannel 的路由把 overlay 网段 {network} 内的 {dst} 送往别处，会与那里的子网互相抢占。",
        "route-around":
          "overlay 网段 {network} 落在 {dst} 之内，而本机把 {dst} 路由到别处：外部使用 {network} 的主机从本机无法到达。",
      },
      meaning:
        "overlay 网段必须是没有其他用途的地址段：不能包含主机地址、其他 Docker 网络，也不能与 VPN 或路由器后面的网络重叠。内核按最长前缀匹配选路，所以哪一方胜出因地址而异。",
      symptoms:
        "某台主机租到某个子网之后，个别主机、DNS 服务器或网关突然不可达；个别主机的容器只从某一台主机访问不到；故障随 VPN 的连接与断开时有时无。",
      repair: `换一个没有用途的 Network，并重启各主机的 flanneld 和 Docker：
  etcdctl set /coreos.com/network/config '{"Network": "10.83.0.0/16", "Backend": {"Type": "host-gw"}}'
或者移开另一方：删除或缩小那条路由，或在空闲网段重建该 Docker 网络：
  docker network rm 名称
  docker network create --subnet 192.168.240.0/24 名称
新建 Docker 网络的默认网段可用 /etc/docker/daemon.json 的 default-address-pools 指定。`,
    },
  },
  sources: [
    flannelIssue(611),
    flannelIssue(844),
    flannelIssue(959),
    githubIssue("kubernetes/kubernetes", 17962),
  ],
});

/** Devices whose addresses and routes in the network are flannel's business. */
function overlayDevices(facts: Known<Needs>): ReadonlySet<string> {
  const bridges = new Set(
    facts.links.filter((link) => link.kind === "bridge").map((l) => l.name),
  );
  const own = ownSubnets(facts);
  // A bridge on a former subnet is FD305's to say.
  const attached = attachment({
    ...facts,
    subnetEnv: leasedSubnets(facts.config, facts.node),
  });
  return new Set([
    "cni0",
    ...(attached === null ? [] : [attached.bridge]),
    facts.docker?.bridge.value ?? "docker0",
    ...facts.links.filter((link) => /^flannel/.test(link.name))
      .map((link) => link.name),
    ...facts.addresses.filter((address) =>
      bridges.has(address.device) &&
      own.some((subnet) => containsAddress(subnet, address.address))
    ).map((address) => address.device),
  ]);
}

function ownSubnets({ node }: Known<Needs>): Cidr[] {
  return [node.lease?.subnet, node.lease?.ipv6Subnet].flatMap((text) =>
    text ? [parseCidr(text)] : []
  );
}

/** Bridges of Docker networks other than the default one. */
function dockerBridges({ docker }: Known<Needs>): ReadonlySet<string> {
  return new Set(
    docker?.networks.filter((network) => network.name !== "bridge")
      .map((network) => network.bridge),
  );
}

function addressFindings(
  facts: Known<Needs>,
  network: Cidr,
  text: string,
): Finding[] {
  const aside = overlayDevices(facts);
  const docker = dockerBridges(facts);
  const own = ownSubnets(facts);
  return facts.addresses.filter((address) =>
    address.family === network.family && address.scope !== "host" &&
    !aside.has(address.device) && !docker.has(address.device)
  ).flatMap((address): Finding[] => {
    const line = formatAddress(address);
    const evidence = [{ label: "address", text: line }];
    const common = { subject: line, evidence, commands: [] };
    const lan = tryParseCidr(`${address.address}/${address.prefixLength}`);
    if (containsAddress(network, address.address)) {
      const inOwn = own.some((s) => containsAddress(s, address.address));
      return inOwn ? [] : [{
        ...common,
        variant: "address",
        arguments: {
          address: address.address,
          device: address.device,
          network: text,
        },
      }];
    }
    if (lan === null || lan.prefixLength === 0 || !contains(lan, network)) {
      return [];
    }
    return [{
      ...common,
      variant: "lan",
      severity: "warning",
      arguments: {
        network: text,
        lan: `${address.address}/${address.prefixLength}`,
        device: address.device,
      },
    }];
  });
}

function peerFindings(
  { leases, node }: Known<Needs>,
  network: Cidr,
  text: string,
): Finding[] {
  const inside = leases.flatMap((lease) => {
    const { publicIP, publicIPv6 } = lease.attributes;
    const address = network.family === 4 ? publicIP : publicIPv6;
    const isInside = lease.key !== node.lease?.key && address !== null &&
      containsAddress(network, address);
    return isInside ? [{ lease, address }] : [];
  });
  const evidence = ({ lease, address }: (typeof inside)[number]) => ({
    label: "lease",
    text: `${lease.key} ${address}`,
  });
  return groupFindings(inside, (peer) => ({
    subject: peer.address,
    variant: "public-ip",
    arguments: {
      address: peer.address,
      subnet: peer.lease.subnet ?? peer.lease.key,
      network: text,
    },
    evidence: [evidence(peer)],
    commands: [],
  }), (all) => ({
    subject: text,
    variant: "public-ips",
    arguments: { count: all.length, network: text },
    evidence: all.slice(0, 5).map(evidence),
    commands: [],
  }));
}

function endpointFindings(
  { settings, addresses, leases }: Known<Needs>,
  network: Cidr,
  text: string,
): Finding[] {
  if (settings.store.value === "kubernetes") return [];
  const told = new Set([
    ...addresses.map((address) => address.address),
    ...leases.map((lease) => lease.attributes.publicIP),
  ]);
  return settings.etcdEndpoints.value.flatMap((endpoint) => {
    const address = hostOf(endpoint);
    if (address === null || told.has(address)) return [];
    if (!containsAddress(network, address)) return [];
    return [{
      subject: endpoint,
      variant: "endpoint",
      arguments: { address, network: text },
      evidence: [{ label: "endpoint", text: endpoint }],
      commands: [],
    }];
  });
}

/** The IP address in an endpoint URL, or null where it has a name. */
function hostOf(endpoint: string): string | null {
  const host = URL.parse(endpoint)?.hostname.replace(/^\[|\]$/g, "") ?? "";
  return hostCidr(host) === null ? null : host;
}

function dockerFindings(
  facts: Known<Needs>,
  network: Cidr,
  text: string,
): Finding[] {
  // The default bridge is FD305's and FD309's where Docker attaches the
  // containers; beside a CNI plugin it is one more network of Docker's.
  const cni = facts.settings.store.value === "kubernetes" ||
    facts.links.some((link) => link.name === "cni0");
  const own = ownSubnets(facts);
  return (facts.docker?.networks ?? []).filter((docker) =>
    docker.name !== "bridge" || cni
  ).flatMap((docker) =>
    docker.subnets.flatMap((subnet): Finding[] => {
      const cidr = tryParseCidr(subnet);
      if (cidr === null || !overlaps(cidr, network)) return [];
      if (own.some((ours) => contains(ours, cidr))) return [];
      return [{
        subject: docker.name,
        variant: "docker-network",
        arguments: { name: docker.name, subnet, network: text },
        evidence: [{ label: "device", text: `${docker.bridge} ${subnet}` }],
        commands: [`docker network inspect ${docker.name}`],
      }];
    })
  );
}

function routeFindings(
  facts: Known<Needs>,
  network: Cidr,
  text: string,
  subnetLen: number,
): Finding[] {
  const aside = overlayDevices(facts);
  const docker = dockerBridges(facts);
  const leased = facts.leases.flatMap(({ subnet, ipv6Subnet }) =>
    [subnet, ipv6Subnet].flatMap((s) => (s === null ? [] : [parseCidr(s)]))
  );
  return facts.routes.filter((route) =>
    route.table !== LOCAL_TABLE && route.type === "unicast" &&
    route.family === network.family && route.protocol !== KERNEL_PROTOCOL &&
    !aside.has(route.device ?? "") && !docker.has(route.device ?? "")
  ).flatMap((route): Finding[] => {
    const dst = tryParseCidr(route.dst);
    if (dst === null || !overlaps(dst, network)) return [];
    const around = dst.prefixLength < network.prefixLength;
    if (around) {
      return dst.prefixLength < SHORTEST_PREFIX ? [] : [
        routeFinding(route, "route-around", text),
      ];
    }
    // A subnet of the usual length towards a host is flannel's, even if stale
    // (FD403); what lies in a leased subnet is FD402's and FD404's.
    const shaped = dst.prefixLength === subnetLen && route.gateway !== null &&
      route.device === facts.node.device;
    if (shaped || leased.some((subnet) => contains(subnet, dst))) return [];
    return [routeFinding(route, "route", text)];
  });
}

function routeFinding(
  route: Route,
  variant: "route" | "route-around",
  network: string,
): Finding {
  return {
    subject: formatRoute(route),
    variant,
    severity: variant === "route" ? "warning" : "info",
    arguments: { dst: route.dst, network },
    evidence: [{ label: "route", text: formatRoute(route) }],
    commands: [],
  };
}
