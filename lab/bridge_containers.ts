/**
 * Containers without Docker: the bridge and the rules Docker would make, and a
 * network namespace that serves a page.
 *
 * @module
 */
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { mustRunOn } from "./node_command.ts";
import { bridgeAddress, overlayMtu } from "./write_by_hand.ts";

/** Starts a host's `docker0` and, behind it, the container `web`. */
export async function startBridgeContainer(
  plan: LabPlan,
  host: LabNode,
): Promise<void> {
  const script = bridgeContainerScript(plan, host);
  await mustRunOn(plan, host, ["sh", "-eus"], { stdin: script });
}

/** Address of the container `web`: the second of its host's subnet. */
export function webAddress(host: LabNode): string {
  const [address = ""] = bridgeAddress(host).split("/");
  return address.replace(/\d+$/, (last) => String(Number(last) + 1));
}

/** The shell script of {@linkcode startBridgeContainer}. */
export function bridgeContainerScript(plan: LabPlan, host: LabNode): string {
  const [gateway = "", length = ""] = bridgeAddress(host).split("/");
  const mtu = overlayMtu(plan);
  const web = "nsenter --net=/run/netns/web";
  return [
    `ip link add docker0 mtu ${mtu} type bridge`,
    `ip address add ${gateway}/${length} brd + dev docker0`,
    "ip link set docker0 up",
    "ip netns add web",
    `ip link add eth0 netns web mtu ${mtu} type veth peer name vethweb mtu ${mtu}`,
    "ip link set vethweb master docker0 up",
    `${web} ip link set lo up`,
    `${web} ip link set eth0 up`,
    `${web} ip address add ${webAddress(host)}/${length} dev eth0`,
    `${web} ip route add default via ${gateway}`,
    ...masqueradeLines(plan, host),
    "mkdir -p /var/www",
    `echo "hello from web on ${host.name}" >/var/www/index.html`,
    `setsid ${web} busybox httpd -f -vv -p 80 -h /var/www \\`,
    "  </dev/null >/var/log/web.log 2>&1 &",
    `until ${web} grep -q ":0050 " /proc/net/tcp /proc/net/tcp6; do sleep 0.01; done`,
    "",
  ].join("\n");
}

function masqueradeLines(plan: LabPlan, host: LabNode): string[] {
  const scope = plan.spec.masquerade === "scoped"
    ? `! -d ${plan.network} `
    : "";
  return plan.spec.masquerade === "none" ? [] : [
    `iptables -w -t nat -A POSTROUTING -s ${host.subnet} ${scope}! -o docker0 -j MASQUERADE`,
  ];
}
