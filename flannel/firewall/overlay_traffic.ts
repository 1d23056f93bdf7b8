/**
 * The classes of packets that a flannel host forwards.
 *
 * @module
 */
import { setOfCidrs, subtract, toCidrs } from "./address_set.ts";
import type { PacketClass } from "./packet_class.ts";

/** What of a host decides which packets its containers send and get. */
export interface Overlay {
  /** The flannel network, canonical CIDR. */
  readonly network: string;
  /** This host's subnet of it, canonical CIDR. */
  readonly subnet: string;
  /** The containers' bridge, such as `docker0` or `cni0`. */
  readonly bridge: string;
  /**
   * Devices that overlay traffic leaves and arrives by: the external
   * interface for host-gw, the tunnel device for vxlan, both with
   * DirectRouting.
   */
  readonly overlayDevices: readonly string[];
  /** The external interface. */
  readonly externalDevice: string;
}

/** The address family of an overlay. */
export function familyOf({ network }: { readonly network: string }): 4 | 6 {
  return network.includes(":") ? 6 : 4;
}

/** The network without this host's subnet, as CIDRs. */
export function peerAddresses(overlay: Overlay): readonly string[] {
  const f = familyOf(overlay);
  return toCidrs(
    subtract(setOfCidrs(f, [overlay.network]), setOfCidrs(f, [overlay.subnet])),
  );
}

/**
 * Addresses that are nobody's on the Internet (RFC 6890 and its registry),
 * and multicast: rules for them say nothing of Internet access.
 */
const SPECIAL = {
  4: [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
  ],
  6: [],
} as const;

const PUBLIC = { 4: "0.0.0.0/0", 6: "2000::/3" } as const;

/** Addresses of the Internet, without the network. */
export function internetAddresses(overlay: Overlay): readonly string[] {
  const f = familyOf(overlay);
  return toCidrs(
    subtract(
      setOfCidrs(f, [PUBLIC[f]]),
      setOfCidrs(f, [...SPECIAL[f], overlay.network]),
    ),
  );
}

/** First packets from our containers to those of other hosts. */
export function outgoingPackets(overlay: Overlay, device: string): PacketClass {
  return {
    source: [overlay.subnet],
    destination: peerAddresses(overlay),
    inDevice: overlay.bridge,
    outDevice: device,
  };
}

/** First packets from other hosts' containers to ours. */
export function incomingPackets(overlay: Overlay, device: string): PacketClass {
  return {
    source: peerAddresses(overlay),
    destination: [overlay.subnet],
    inDevice: device,
    outDevice: overlay.bridge,
  };
}

/** First packets from our containers to the Internet. */
export function egressPackets(overlay: Overlay): PacketClass {
  return {
    source: [overlay.subnet],
    destination: internetAddresses(overlay),
    inDevice: overlay.bridge,
    outDevice: overlay.externalDevice,
  };
}
