import { formatAddress } from "../../flannel/format.ts";
import { diffDevice } from "../../flannel/overlay_diff.ts";
import { valueOf } from "../../snapshot/fact.ts";
import { defineCheck } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import { NO_VXLAN, unlessVxlan } from "./overlay_facts.ts";

/** FD513: the tunnel device lacks its address. */
export const TUNNEL_ADDRESS = defineCheck({
  code: "FD513",
  name: "tunnel-address",
  severity: "error",
  needs: ["expected", "links", "addresses", "node"],
  after: [...STATE_CAUSES, "FD204", "FD505"],
  applies(facts) {
    const expected = valueOf(facts.expected);
    if (expected?.devices.length !== 0) return undefined;
    const skip = unlessVxlan(facts);
    return skip === "no-own-lease" ? skip : "no-tunnel";
  },
  judge({ expected, links, addresses, node }) {
    return expected.devices.flatMap((wanted) => {
      const diff = diffDevice(wanted, links, addresses, node);
      const address = diff.differences.find(({ attribute }) =>
        attribute === "address"
      );
      // A device that is not there is FD505's, or FD406's.
      if (address === undefined || diff.observed === null) return [];
      const ip = wanted.family === 4 ? "ip" : "ip -6";
      return [{
        subject: wanted.name,
        variant: diff.extraAddresses.length > 0 ? "other" : "default",
        arguments: {
          device: wanted.name,
          address: wanted.address,
          found: address.current,
        },
        evidence: [
          ...diff.extraAddresses.map((each) => ({
            label: "address",
            text: formatAddress(each),
          })),
          { label: "wanted", text: `${wanted.address} dev ${wanted.name}` },
        ],
        commands: [
          `${ip} address replace ${wanted.address} dev ${wanted.name}`,
          // Routes and neighbours went with the last address.
          ...diff.extraAddresses.length > 0
            ? []
            : ["systemctl restart flanneld"],
        ],
      }];
    });
  },
  text: {
    en: {
      title: "The tunnel device has not its address",
      messages: {
        default:
          "{device} has no address; flannel gives it {address}. With a device's last address the kernel takes its routes and neighbours away too.",
        other:
          "{device} has {found} instead of {address}: what this host itself sends into the overlay carries an address that belongs to another subnet.",
      },
      meaning:
        "flanneld gives its device the first address of this host's subnet. The kernel takes it as source for what the host itself sends to containers elsewhere; packets between containers do not need it. When the last address of a device goes, the kernel stops IPv4 there: routes and neighbours are gone as well, and only the agent's restart brings all of them back. After a change of the lease the former address may still be there.",
      symptoms:
        "From the host itself containers on other hosts are not reached, or answers go to another host; without any address no container is reached either.",
      repair: `Give the device its address, or restart the agent:
  ip address replace 172.7.21.0/32 dev flannel.1
  systemctl restart flanneld`,
      skips: {
        "no-tunnel": "the backend has no tunnel device here",
        "no-own-lease": NO_VXLAN.en["no-own-lease"],
      },
    },
    zh: {
      title: "隧道设备上没有应有的地址",
      messages: {
        default:
          "{device} 上没有地址，flannel 应为它设置 {address}。设备失去最后一个地址时，内核会把它的路由和邻居表项一并清除。",
        other:
          "{device} 上是 {found} 而不是 {address}：本机自身发往 overlay 的报文带着属于别的子网的地址。",
      },
      meaning:
        "flanneld 把本机子网的首个地址设在自己的设备上。本机自身访问其他主机的容器时，内核用它作源地址；容器之间的报文用不到它。设备的最后一个地址被删除时，内核会停用其上的 IPv4，路由和邻居表项也随之消失，重启代理才能全部恢复。租约变化之后，旧地址可能还留着。",
      symptoms:
        "从主机自身访问不到其他主机的容器，或者应答到了别的主机；如果一个地址都没有，容器之间也不通。",
      repair: `为设备设置地址，或者重启代理：
  ip address replace 172.7.21.0/32 dev flannel.1
  systemctl restart flanneld`,
      skips: {
        "no-tunnel": "该后端在本机没有隧道设备",
        "no-own-lease": NO_VXLAN.zh["no-own-lease"],
      },
    },
  },
  sources: [flannelIssue(617), flannelIssue(1070)],
});
