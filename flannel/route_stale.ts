/**
 * Routes that no record wants any more.
 *
 * @module
 */
import { type Cidr, contains, tryParseCidr } from "./cidr.ts";
import type { LocalNode } from "./expected_types.ts";
import { vxlanDeviceName } from "./expected_vxlan.ts";
import { BOOT_PROTOCOL, FLANDOC_PROTOCOL, type Route } from "./kernel.ts";
import type { NetworkConfig } from "./network_config_types.ts";

/**
 * A route without a record. `ours` carries flandoc's protocol number and may
 * go without asking; `flannel` only looks as if flanneld had made it.
 */
export interface StaleRoute {
  readonly route: Route;
  readonly reason: "ours" | "flannel";
}

/** A family's network and the length of its subnets. */
interface Overlay {
  readonly network: Cidr;
  readonly subnetLen: number;
}

function overlaysOf(config: NetworkConfig): Map<4 | 6, Overlay> {
  const overlays = new Map<4 | 6, Overlay>();
  for (const [family, range] of [[4, config.ipv4], [6, config.ipv6]] as const) {
    const network = range === null ? null : tryParseCidr(range.network);
    if (range === null || network === null) continue;
    overlays.set(family, { network, subnetLen: range.subnetLen });
  }
  return overlays;
}

/** Devices over which flannel's routes to peers go. */
function peerDevices(config: NetworkConfig, node: LocalNode): Set<string> {
  const vni = config.vxlan?.vni ?? 1;
  return new Set([
    node.device,
    vxlanDeviceName(4, vni),
    vxlanDeviceName(6, vni),
    vxlanDeviceName(4, 1),
    vxlanDeviceName(6, 1),
  ]);
}

/**
 * A function that says why a main-table route, known not to be wanted, is
 * stale; null when it is somebody else's. flannel's look is: in the network,
 * of the subnets' length, unicast by one gateway over the external interface
 * or a flannel device, protocol boot, scope universe, no metric. An
 * administrator's static route can look the same only if it has exactly a
 * subnet's length.
 */
export function staleReason(
  config: NetworkConfig,
  node: LocalNode,
): (route: Route) => StaleRoute["reason"] | null {
  const overlays = overlaysOf(config);
  const devices = peerDevices(config, node);
  return (route) => {
    if (route.protocol === FLANDOC_PROTOCOL) return "ours";
    const overlay = overlays.get(route.family);
    if (
      overlay === undefined || route.protocol !== BOOT_PROTOCOL ||
      route.type !== "unicast" || route.gateway === null ||
      route.scope !== 0 || route.metric !== (route.family === 4 ? 0 : 1024) ||
      route.prefsrc !== null || !devices.has(route.device ?? "")
    ) return null;
    const cidr = tryParseCidr(route.dst);
    if (cidr === null || cidr.prefixLength !== overlay.subnetLen) return null;
    return contains(overlay.network, cidr) ? "flannel" : null;
  };
}
