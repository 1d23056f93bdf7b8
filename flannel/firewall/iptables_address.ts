import { formatIpv4, parseIpv4, parseIpv6 } from "../address.ts";
import { canonicalCidr } from "../cidr.ts";
import { setOfRanges, toCidrs } from "./address_set.ts";

/** Prefix length of a contiguous dotted netmask, or null. */
function maskLength(mask: string): number | null {
  const value = parseIpv4(mask);
  if (value === null) return null;
  const inverse = ~value >>> 0;
  if ((inverse & (inverse + 1)) !== 0) return null;
  return 32 - inverse.toString(2).replace(/^0$/, "").length;
}

/**
 * An address as `-s` takes it (`10.0.0.1`, `10.0.0.1/24`,
 * `10.0.0.0/255.255.255.0`) as a canonical CIDR, or null: a host name, or a
 * netmask with holes, which iptables allows and no CIDR can say.
 */
export function iptablesCidr(text: string): string | null {
  if (parseIpv4(text) !== null) return `${text}/32`;
  if (parseIpv6(text) !== null) return canonicalCidr(`${text}/128`);
  const cidr = canonicalCidr(text);
  if (cidr !== null) return cidr;
  const [address = "", mask = ""] = text.split("/");
  const length = maskLength(mask);
  const value = parseIpv4(address);
  if (length === null || value === null) return null;
  return canonicalCidr(`${formatIpv4(value)}/${length}`);
}

/** The CIDRs of `FIRST-LAST`, or null when it is no range of addresses. */
export function rangeCidrs(text: string): string[] | null {
  const [first = "", last = first] = text.split("-");
  const [v4First, v4Last] = [parseIpv4(first), parseIpv4(last)];
  if (v4First !== null && v4Last !== null && v4First <= v4Last) {
    return toCidrs(setOfRanges(4, [[BigInt(v4First), BigInt(v4Last)]]));
  }
  const [v6First, v6Last] = [parseIpv6(first), parseIpv6(last)];
  if (v6First !== null && v6Last !== null && v6First <= v6Last) {
    return toCidrs(setOfRanges(6, [[v6First, v6Last]]));
  }
  return null;
}
