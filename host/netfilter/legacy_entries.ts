/**
 * A legacy table's rules as the kernel keeps them, for a look whether they are
 * others than before.
 *
 * @module
 */

/** `struct ipt_get_entries` and `ip6t_get_entries` before the entries. */
export const GET_ENTRIES_HEAD = 40;

/**
 * Where the fields of an entry are, octets: `struct ipt_entry`,
 * `linux/netfilter_ipv4/ip_tables.h`, and `struct ip6t_entry`,
 * `linux/netfilter_ipv6/ip6_tables.h`. Matches and target begin at `end`.
 */
const LAYOUT = {
  4: { nextOffset: 90, counters: 96, end: 112 },
  6: { nextOffset: 142, counters: 152, end: 168 },
} as const;

/** FNV-1a's for 32 bits. */
const [OFFSET, PRIME] = [0x811c9dc5, 0x01000193];

/** Words from one octet to before another. An iterator takes thrice as long. */
function mix(hash: number, words: Uint32Array, from: number, to: number) {
  const last = Math.min(to >> 2, words.length);
  for (let n = from >> 2; n < last; n++) {
    hash = Math.imul(hash ^ words[n]!, PRIME);
  }
  return hash;
}

/**
 * A number that is another one when the rules are, apart from their counters
 * of packets and octets.
 *
 * @param entries as `IPT_SO_GET_ENTRIES` gives them, without the head
 */
export function entriesHash(family: 4 | 6, entries: Uint8Array): number {
  const { nextOffset, counters, end } = LAYOUT[family];
  const { buffer, byteOffset, byteLength } = entries;
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  let hash = OFFSET;
  for (let at = 0; at + end <= byteLength;) {
    const next = at + halves[(at + nextOffset) / 2]!;
    hash = mix(hash, words, at, at + counters);
    hash = mix(hash, words, at + end, next);
    // What is no table must not hold up the agent.
    if (next < at + end) break;
    at = next;
  }
  return hash >>> 0;
}
