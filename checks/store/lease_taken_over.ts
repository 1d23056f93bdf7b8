import { etcdctl, leaseKey, leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck } from "../check.ts";
import { allAgents } from "../flannel_agents.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import {
  canonicalCidr,
  containsAddress,
  parseCidr,
  sameAddress,
} from "../../flannel/cidr.ts";
import type { Lease } from "../../flannel/lease.ts";
import { isOwnLease } from "../../flannel/own_lease.ts";
import { parseSubnetEnv } from "../../flannel/subnet_env.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs =
  | "node"
  | "leases"
  | "links"
  | "addresses"
  | "subnetEnvFile"
  | "settings"
  | "processes";

/**
 * Whether nothing says by which address the other hosts know this one: no
 * agent runs, none has a unit here, and no setting names an interface or an
 * address. An agent may publish any.
 */
function isGuess({ node, settings, processes }: Known<Needs>): boolean {
  const { iface, ifaceRegex, ifaceCanReach, publicIP, publicIPv6 } = settings;
  const told = [iface, ifaceRegex, ifaceCanReach, publicIP, publicIPv6];
  return node.lease === null && allAgents(processes).length === 0 &&
    told.every(({ source }) => source === "default") &&
    !Object.values(settings).some(({ source }) => source.startsWith("unit "));
}

/** FD213: the subnet in use on this host is leased to another. */
export const LEASE_TAKEN_OVER: Check = defineCheck<Needs>({
  code: "FD213",
  name: "lease-taken-over",
  severity: "error",
  needs: [
    "node",
    "leases",
    "links",
    "addresses",
    "subnetEnvFile",
    "settings",
    "processes",
  ],
  // FD212: the other address is this host's own former one.
  after: [...CONFIG_CAUSES, "FD212"],
  applies: unlessEtcd,
  judge(facts) {
    const { node, settings } = facts;
    const claim = claimed(facts);
    if (claim === null) return [];
    const { lease, line } = claim;
    const guess = isGuess(facts);
    const isHere = facts.addresses.some(({ address }) =>
      sameAddress(address, lease.attributes.publicIP)
    );
    if (guess && isHere) return [];
    const variant = guess ? `${claim.variant}-guess` as const : claim.variant;
    const subnet = lease.subnet ?? lease.ipv6Subnet ?? lease.key;
    return [{
      subject: lease.key,
      variant,
      arguments: {
        subnet,
        owner: lease.attributes.publicIP,
        publicIP: node.publicIP ?? node.publicIPv6 ?? "",
        device: claim.device,
        path: facts.subnetEnvFile.path,
      },
      evidence: [
        { label: claim.variant === "bridge" ? "address" : "file", text: line },
        { label: "lease", text: leaseLine(settings, lease) },
        ...(node.lease === null
          ? []
          : [{ label: "lease", text: leaseLine(settings, node.lease) }]),
      ],
      commands: [etcdctl(settings, "get", leaseKey(settings, lease.key))],
      ...(guess ? { severity: "warning" } : {}),
    }];
  },
  text: {
    en: {
      title: "This host's subnet is leased to another host",
      messages: {
        "subnet-env":
          "{path} gives this host {subnet}, but that subnet is leased to {owner}, not to {publicIP}: two hosts may have containers with the same addresses.",
        bridge:
          "{device} carries an address of {subnet}, but that subnet is leased to {owner}, not to {publicIP}: two hosts may have containers with the same addresses.",
        "subnet-env-guess":
          "{path} gives this host {subnet}, which is leased to {owner}. No agent runs here that would say by which address the other hosts know this one: if {owner} is that address (--public-ip, a host behind NAT), all is well; else two hosts may have containers with the same addresses.",
        "bridge-guess":
          "{device} carries an address of {subnet}, which is leased to {owner}. No agent runs here that would say by which address the other hosts know this one: if {owner} is that address (--public-ip, a host behind NAT), all is well; else two hosts may have containers with the same addresses.",
      },
      meaning:
        "A lease ends after 24 hours without renewal and its subnet goes to the next host that asks, while the containers of the first go on with their addresses. A copied subnet.env or a cloned image, two hosts with one public IP, and etcd restored from a backup do the same; flannel v0.8 to v0.17 even takes the subnet named in subnet.env from its owner. flannel itself never looks whether its key still is its own.",
      symptoms:
        "Connections to addresses of this subnet reach now this host, now the other; other hosts route to the other one, so that answers for this host's containers are lost. Nothing is logged.",
      repair:
        `Decide which host keeps the subnet; it is the one in the lease. On this host take a new one; its containers get new addresses:
  systemctl stop flanneld
  rm /run/flannel/subnet.env
  systemctl start flanneld
  systemctl restart docker
Before that see that the address in the lease is none of this host's (ip -4 address) and not its address behind NAT. Do not rewrite or delete the other host's lease. If the address in the lease was this host's own former one, it is enough to restart flanneld and then Docker.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "本机的子网已租给别的主机",
      messages: {
        "subnet-env":
          "{path} 里本机的子网是 {subnet}，但它租给了 {owner}，而不是本机 {publicIP}：两台主机上可能有地址相同的容器。",
        bridge:
          "{device} 上有 {subnet} 的地址，但该子网租给了 {owner}，而不是本机 {publicIP}：两台主机上可能有地址相同的容器。",
        "subnet-env-guess":
          "{path} 里本机的子网是 {subnet}，它租给了 {owner}。本机没有运行代理，无从得知其他主机用哪个地址称呼本机：如果 {owner} 就是那个地址（--public-ip，或主机位于 NAT 之后），则一切正常；否则两台主机上可能有地址相同的容器。",
        "bridge-guess":
          "{device} 上有 {subnet} 的地址，该子网租给了 {owner}。本机没有运行代理，无从得知其他主机用哪个地址称呼本机：如果 {owner} 就是那个地址（--public-ip，或主机位于 NAT 之后），则一切正常；否则两台主机上可能有地址相同的容器。",
      },
      meaning:
        "租约 24 小时未续期就会到期，子网分给下一个申请的主机，而原主机上的容器仍在使用原来的地址。复制 subnet.env 或克隆镜像、两台主机公共 IP 相同、从备份恢复 etcd，也会造成同样的后果；flannel v0.8 到 v0.17 甚至会凭 subnet.env 把子网从别的主机手里夺走。flannel 从不检查自己的键是否还属于自己。",
      symptoms:
        "访问该子网的地址时，有时到达本机，有时到达另一台；其他主机的路由指向另一台，本机容器收不到回包。日志中没有任何提示。",
      repair:
        `确定由哪台主机保留该子网，应以租约为准。在本机上重新申请子网，容器会换地址：
  systemctl stop flanneld
  rm /run/flannel/subnet.env
  systemctl start flanneld
  systemctl restart docker
在此之前先确认租约里的地址不是本机的（ip -4 address），也不是本机在 NAT 之后的地址。不要改写或删除另一台主机的租约。如果租约里的地址就是本机原来的地址，只需依次重启 flanneld 和 Docker。`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(1289),
    flannelPull(1505),
    flannelIssue(1129),
    flannelIssue(29),
    flannelIssue(520),
  ],
});

/** Where this host uses a subnet that another host's lease names. */
interface Claim {
  readonly lease: Lease;
  readonly variant: "subnet-env" | "bridge";
  readonly device: string;
  /** The line of the file, or the address, that makes the claim. */
  readonly line: string;
}

function claimed(facts: Known<Needs>): Claim | null {
  const { leases, node, subnetEnvFile, links, addresses } = facts;
  const others = leases.filter((lease) => !isOwnLease(lease, node));
  const text = subnetEnvFile.text ?? "";
  const env = parseSubnetEnv(text).env;
  const subnet = env?.subnet ? canonicalCidr(env.subnet) : null;
  const named = subnet === null
    ? undefined
    : others.find((lease) => lease.subnet === subnet);
  if (named !== undefined) {
    const line = text.split(/\r?\n/).find((l) => /FLANNEL_SUBNET=/.test(l));
    return {
      lease: named,
      variant: "subnet-env",
      device: "",
      line: line ?? "",
    };
  }
  // An own lease within another one is FD208's.
  const own = node.lease?.subnet ?? null;
  // Only the containers' bridge claims a subnet; an address of another device
  // inside the network is FD107's.
  for (const address of addresses) {
    const isBridge = /^(?:docker0|cni0)$/.test(address.device) &&
      links.some((l) => l.name === address.device && l.kind === "bridge");
    if (!isBridge || address.family !== 4) continue;
    if (own !== null && containsAddress(parseCidr(own), address.address)) {
      continue;
    }
    const lease = others.find((other) =>
      other.subnet !== null &&
      containsAddress(parseCidr(other.subnet), address.address)
    );
    if (lease === undefined) continue;
    return {
      lease,
      variant: "bridge",
      device: address.device,
      line: `inet ${address.address}/${address.prefixLength} ${address.device}`,
    };
  }
  return null;
}
