/**
 * IP protocol names that iptables and nft print, and their numbers.
 *
 * @module
 */

/** Names by number; iptables-save's spelling first (`xtables` chain table). */
const NAMES: Readonly<Record<number, readonly string[]>> = {
  1: ["icmp"],
  2: ["igmp"],
  4: ["ipencap", "ipip"],
  6: ["tcp"],
  17: ["udp"],
  33: ["dccp"],
  41: ["ipv6"],
  47: ["gre"],
  50: ["esp"],
  51: ["ah"],
  58: ["ipv6-icmp", "icmpv6", "icmp6"],
  89: ["ospf"],
  94: ["ipip-tunnel"],
  103: ["pim"],
  108: ["comp", "ipcomp"],
  112: ["vrrp"],
  115: ["l2tp"],
  132: ["sctp"],
  135: ["mobility-header", "mh", "ipv6-mh"],
  136: ["udplite"],
  137: ["mpls-in-ip"],
};

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries(NAMES).flatMap(([number, names]) =>
    names.map((name) => [name, Number(number)] as const)
  ),
);

/** Number of a protocol given by name or number, or null when unknown. */
export function protocolNumber(protocol: string): number | null {
  const text = protocol.toLowerCase();
  if (/^[0-9]{1,3}$/.test(text)) {
    const number = Number(text);
    return number <= 255 ? number : null;
  }
  return NUMBERS.get(text) ?? null;
}

/**
 * One spelling for a protocol: the name iptables-save uses, else the number
 * in text; a name that is unknown stays as it is. `all` and `0` are null.
 */
export function protocolName(protocol: string): string | null {
  if (protocol === "all" || protocol === "0") return null;
  const number = protocolNumber(protocol);
  if (number === null) return protocol;
  return NAMES[number]?.[0] ?? String(number);
}
