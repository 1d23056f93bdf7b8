/**
 * Whose a route is, as far as its attributes tell.
 *
 * @module
 */
import {
  BOOT_PROTOCOL,
  defaultMetric,
  FLANDOC_PROTOCOL,
  KERNEL_PROTOCOL,
  type Route,
} from "./kernel.ts";

/**
 * `flandoc` carries its protocol number. `flannel` has every attribute as
 * flanneld sets it, which a plain `ip route add` has too. `connected` is a
 * network that a device of this host is in. `other` is somebody's who wanted
 * it so: another protocol, metric, source, MTU, type or several hops.
 */
export type RouteOwner = "flandoc" | "flannel" | "connected" | "other";

/** Whether a device is one of flannel's own: `flannel.1`, `flannel0`. */
export function isTunnel(device: string): boolean {
  return device.startsWith("flannel");
}

/**
 * Whether a route leads into a network that this host is in with a device of
 * its own, a Docker network or a LAN: without it that network is cut off.
 * Network managers set such routes themselves, under their own protocols.
 */
export function isConnected(route: Route): boolean {
  const { type, gateway, nexthops, device, protocol } = route;
  return type === "unicast" && gateway === null && nexthops === undefined &&
    device !== null && (protocol === KERNEL_PROTOCOL || !isTunnel(device));
}

/** Whose a route is; for destinations inside the network. */
export function routeOwner(route: Route): RouteOwner {
  if (route.protocol === FLANDOC_PROTOCOL) return "flandoc";
  if (isConnected(route)) return "connected";
  const looksLikeFlannel = route.protocol === BOOT_PROTOCOL &&
    route.metric === defaultMetric(route.family) &&
    route.prefsrc === null && route.mtu === null &&
    route.nexthops === undefined &&
    // A blackhole is what --ip-blackhole-route leaves of a former lease.
    (route.type === "unicast" || route.type === "blackhole");
  return looksLikeFlannel ? "flannel" : "other";
}
