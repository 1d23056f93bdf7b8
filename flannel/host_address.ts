import { parseIpv4, parseIpv6 } from "./address.ts";

/** First IPv4 address that is no single host's: multicast, reserved, all. */
const FIRST_MULTICAST = 0xe0000000;
const LOOPBACK = 127;

/**
 * Whether an address is one that another host can be sent to at: not
 * unspecified, loopback, multicast or broadcast (RFC 1122, RFC 4291). The
 * kernel takes an FDB entry with any of these and delivers to nobody.
 */
export function isHostAddress(text: string): boolean {
  const four = parseIpv4(text);
  if (four !== null) {
    return four >>> 24 !== 0 && four >>> 24 !== LOOPBACK &&
      four < FIRST_MULTICAST;
  }
  const six = parseIpv6(text);
  return six !== null && six > 1n && six >> 120n !== 0xffn;
}
