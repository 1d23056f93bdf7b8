import { etcdctl, subnetsKey } from "../etcdctl.ts";
import { type Check, defineCheck } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { allAgents } from "../flannel_agents.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { parseSubnetEnv, subnetOf } from "../../flannel/subnet_env.ts";
import { subnetUsage } from "../../flannel/allocation.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { valueOf } from "../../snapshot/fact.ts";

/** FD204: no lease carries this host's public IP. */
export const LEASE_MISSING: Check = defineCheck({
  code: "FD204",
  name: "lease-missing",
  severity: "error",
  needs: ["node", "leases", "subnetEnvFile", "settings"],
  // FD213: the subnet in use here is leased to another host.
  after: [...CONFIG_CAUSES, "FD213"],
  applies(facts) {
    const processes = valueOf(facts.processes);
    const file = valueOf(facts.subnetEnvFile);
    const fresh = processes !== undefined && file !== undefined &&
      allAgents(processes).length === 0 && file.text === null;
    return unlessEtcd(facts) ??
      (fresh ? "no-agent" : isExhausted(facts) ? "exhausted" : undefined);
  },
  judge({ node, leases, subnetEnvFile, settings }) {
    if (node.lease !== null) return [];
    const env = parseSubnetEnv(subnetEnvFile.text ?? "").env;
    const address = env?.subnet ?? env?.ipv6Subnet ?? null;
    const publicIP = node.publicIP ?? node.publicIPv6 ?? "";
    const line = subnetEnvFile.text?.split(/\r?\n/).find((text) =>
      /^FLANNEL_(?:IPV6_)?SUBNET=/.test(text)
    );
    return [{
      subject: publicIP,
      variant: address === null ? "default" : "in-use",
      arguments: {
        publicIP,
        count: leases.length,
        subnet: address === null ? "" : subnetOf(address),
        path: subnetEnvFile.path,
      },
      evidence: [
        ...(line === undefined ? [] : [{ label: "file", text: line }]),
        ...leases.slice(0, 3).map((lease) => ({
          label: "lease",
          text: `${lease.key} ${lease.attributes.publicIP}`,
        })),
      ],
      commands: [
        etcdctl(settings, "list", subnetsKey(settings)),
        "systemctl restart flanneld",
      ],
    }];
  },
  text: {
    en: {
      title: "This host has no lease",
      messages: {
        default:
          "None of the {count} leases carries this host's public IP {publicIP}: no other host routes anything here.",
        "in-use":
          "This host works with {subnet}, as {path} says, but no lease carries its public IP {publicIP}: other hosts have no route here, and {subnet} may be given to another host.",
      },
      meaning:
        "A host owns its subnet by a lease in etcd that it renews before its 24 hours end. Without the lease the others delete their routes to this host, while its own bridge, containers and rules stay as they were. The subnet is free for the next host that asks.",
      symptoms:
        "Containers here reach nobody on other hosts, or answers do not come back; nothing is wrong to be seen on this host. Earlier flanneld logged “Lease has been revoked. Shutting down daemon.” or had been stopped for more than a day.",
      repair:
        `Restart flanneld while subnet.env is still there; it takes the same subnet again if that is free:
  systemctl restart flanneld
  etcdctl ls /coreos.com/network/subnets
If it took another one, restart Docker as well: systemctl restart docker. Never write the lease by hand.`,
      skips: {
        ...SKIPS.en,
        "no-agent":
          "no flannel agent runs here and none has written subnet.env",
        exhausted: "no subnet is left for this host, as FD108 says",
      },
    },
    zh: {
      title: "本机没有租约",
      messages: {
        default:
          "{count} 条租约中没有一条带有本机的公共 IP {publicIP}：其他主机没有到本机的路由。",
        "in-use":
          "按 {path}，本机正在使用 {subnet}，但没有一条租约带有本机的公共 IP {publicIP}：其他主机没有到本机的路由，而且 {subnet} 可能被分给别的主机。",
      },
      meaning:
        "主机凭 etcd 中的租约占有自己的子网，并在 24 小时到期之前续期。租约没了，其他主机会删除到本机的路由，而本机的网桥、容器和规则都维持原样；这个子网会分给下一个申请的主机。",
      symptoms:
        "本机容器访问不到其他主机上的容器，或者收不到回包，而本机上看不出任何异常。之前 flanneld 打印过 “Lease has been revoked. Shutting down daemon.”，或停止超过了一天。",
      repair:
        `趁 subnet.env 还在时重启 flanneld，只要原子网还空闲，就会重新取得它：
  systemctl restart flanneld
  etcdctl ls /coreos.com/network/subnets
如果换成了别的子网，还要重启 Docker：systemctl restart docker。不要手工写租约。`,
      skips: {
        ...SKIPS.zh,
        "no-agent": "本机没有运行 flannel 代理，也从未生成 subnet.env",
        exhausted: "已没有子网可分给本机，见 FD108",
      },
    },
  },
  sources: [flannelIssue(831), flannelPull(722), flannelIssue(29)],
});

/** Whether there is nothing this host could lease: FD108 says so. */
function isExhausted(facts: Facts): boolean {
  const range = valueOf(facts.config)?.ipv4;
  const leases = valueOf(facts.leases);
  if (!range || leases === undefined) return false;
  return valueOf(facts.node)?.lease === null &&
    subnetUsage(4, range, leases).free === 0;
}
