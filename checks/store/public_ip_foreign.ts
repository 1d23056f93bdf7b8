import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { allAgents } from "../flannel_agents.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { sameAddress } from "../../flannel/cidr.ts";
import type { Lease } from "../../flannel/lease.ts";
import { vtepMac } from "../../flannel/lease_value.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "node" | "leases" | "addresses" | "links" | "config" | "settings";

/** FD212: the lease of this host sends the others to an address it has not. */
export const PUBLIC_IP_FOREIGN: Check = defineCheck<Needs>({
  code: "FD212",
  name: "public-ip-foreign",
  severity: "error",
  needs: ["node", "leases", "addresses", "links", "config", "settings"],
  after: CONFIG_CAUSES,
  applies(facts) {
    const processes = valueOf(facts.processes);
    // Without a running agent --public-ip is not known.
    const idle = processes !== undefined && allAgents(processes).length === 0;
    return unlessEtcd(facts) ?? (idle ? "no-agent" : undefined);
  },
  judge(facts) {
    return [...hostGatewayFindings(facts), ...foreignFindings(facts)];
  },
  text: {
    en: {
      title: "The public IP is not an address of this host",
      messages: {
        default:
          "The lease {key} of this host says it is at {publicIP}, which no interface here has: the other hosts send its packets elsewhere.",
        "host-gw":
          "The public IP {publicIP} is not the address of {device}, which is {address}: under host-gw the other hosts take it for the next hop, so that packets for containers here go elsewhere, and flanneld refuses to start so.",
      },
      meaning:
        "flannel publishes its address once, when it starts. When DHCP or a restart gives the host another one, the lease keeps the former address until flanneld is restarted. A public IP that is on no interface is right only where --public-ip says so: behind NAT, and not with host-gw.",
      symptoms:
        "This host is unreachable for containers elsewhere since its address changed; from here outwards packets still leave. After a restart of flanneld a second lease with the new address appears beside the former one.",
      repair: `See which address the host has now, then restart flanneld:
  ip -4 address
  systemctl restart flanneld
The former lease still holds the former subnet, so the host takes a new one, and Docker must be restarted: systemctl restart docker. To keep the subnet delete the former lease first, once it is sure that it is this host's, and leave subnet.env in place.`,
      skips: {
        ...SKIPS.en,
        "no-agent":
          "no flannel agent runs here, so that its --public-ip is not known",
      },
    },
    zh: {
      title: "公共 IP 不是本机的地址",
      messages: {
        default:
          "本机的租约 {key} 写的公共 IP 是 {publicIP}，而本机没有网卡带有这个地址：其他主机会把报文送到别处。",
        "host-gw":
          "公共 IP {publicIP} 不是网卡 {device} 的地址（实际是 {address}）：host-gw 模式下其他主机以它为下一跳，发往本机容器的报文会送到别处，flanneld 也会因此拒绝启动。",
      },
      meaning:
        "flannel 只在启动时公布一次地址。DHCP 或重启使主机换了地址之后，租约里仍是旧地址，直到重启 flanneld。公共 IP 不在任何网卡上，只有在用 --public-ip 指明（例如处于 NAT 之后）时才正常，而且 host-gw 不支持这种情况。",
      symptoms:
        "本机换地址之后，其他主机上的容器访问不到本机，而本机发出的报文仍能出去。重启 flanneld 后会出现一条带有新地址的租约，与旧租约并存。",
      repair: `查看主机现在的地址，再重启 flanneld：
  ip -4 address
  systemctl restart flanneld
旧租约仍占着原来的子网，所以本机会取得新的子网，必须再重启 Docker：systemctl restart docker。如果要保留原来的子网，在确认旧租约确属本机之后先删除它，并保留 subnet.env。`,
      skips: {
        ...SKIPS.zh,
        "no-agent": "本机没有运行 flannel 代理，无从得知它的 --public-ip",
      },
    },
  },
  sources: [
    flannelIssue(712),
    flannelIssue(1978),
    flannelPull(1982),
    flannelIssue(408),
  ],
});

function hostGatewayFindings({ config, node }: Known<Needs>): Finding[] {
  const { publicIP, address, device } = node;
  if (config.backendType !== "host-gw" || publicIP === null) return [];
  if (address === null || sameAddress(publicIP, address)) return [];
  return [{
    subject: publicIP,
    variant: "host-gw",
    arguments: { publicIP, device, address },
    evidence: [{ label: "address", text: `inet ${address} ${device}` }],
    commands: [`ip -4 address show dev ${device}`],
  }];
}

function foreignFindings(facts: Known<Needs>): Finding[] {
  const { settings, node } = facts;
  const lease = ownLease(facts);
  if (lease === null) return [];
  const { publicIP, publicIPv6 } = lease.attributes;
  // Without a subnet of a family its address is not used, and 0.0.0.0 for IPv4.
  const published = [
    ...(lease.subnet === null
      ? []
      : [[publicIP, settings.publicIP.value, node.address] as const]),
    ...(lease.ipv6Subnet === null || publicIPv6 === null
      ? []
      : [[publicIPv6, settings.publicIPv6.value, node.ipv6Address] as const]),
  ];
  return published.filter(([address, given]) =>
    !sameAddress(address, given || null) &&
    !facts.addresses.some((own) => sameAddress(own.address, address))
  ).map(([address, , own]): Finding => {
    const isIPv6 = address.includes(":");
    return {
      subject: address,
      arguments: { key: lease.key, publicIP: address },
      evidence: [
        { label: "lease", text: leaseLine(settings, lease) },
        {
          label: "address",
          text: `${isIPv6 ? "inet6" : "inet"} ${own} ${node.device}`,
        },
      ],
      commands: [
        isIPv6 ? "ip -6 address" : "ip -4 address",
        "systemctl restart flanneld",
      ],
    };
  });
}

/** The lease with this host's address, else the one with this host's VTEP. */
function ownLease({ node, leases, links }: Known<Needs>): Lease | null {
  if (node.lease !== null) return node.lease;
  const macs = new Set(
    links.filter((link) => link.kind === "vxlan" && /^flannel/.test(link.name))
      .flatMap((link) => link.mac ?? []),
  );
  return leases.find((lease) => {
    const mac = vtepMac(lease.attributes.backendData);
    return mac !== null && macs.has(mac);
  }) ?? null;
}
