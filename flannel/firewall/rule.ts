/**
 * Netfilter rules as data that compares by meaning. `host/netfilter` reads
 * them from iptables (nft and legacy) and nftables; `walk.ts` sends a class of
 * packets through them; `shapes.ts` says which ones flannel and Docker make.
 *
 * @module
 */

/** Who holds a rule: one of the iptables variants, or native nftables. */
export type NetfilterBackend = "iptables-nft" | "iptables-legacy" | "nftables";

/** A value that a match wants, or does not want (`!`). */
export interface Negatable<T> {
  readonly not: boolean;
  readonly value: T;
}

/** What a rule asks of a packet; an absent member asks nothing. */
export interface Match {
  /** Canonical CIDRs, any of them (nft sets hold several). */
  readonly source?: Negatable<readonly string[]>;
  readonly destination?: Negatable<readonly string[]>;
  /** Device names; a trailing `+` (iptables) or `*` (nft) is stored as `+`. */
  readonly inDevice?: Negatable<readonly string[]>;
  readonly outDevice?: Negatable<readonly string[]>;
  /** tcp, udp, icmp, … or a number in text. */
  readonly protocol?: Negatable<string>;
  readonly mark?: Negatable<{ readonly value: number; readonly mask: number }>;
  /** Upper case: NEW, ESTABLISHED, RELATED, INVALID, … */
  readonly ctState?: Negatable<readonly string[]>;
  /** `addrtype --src-type`, nft `fib saddr type`, upper case. */
  readonly sourceType?: Negatable<string>;
  readonly destinationType?: Negatable<string>;
  /** Matches that flandoc does not evaluate, as text; presence means maybe. */
  readonly other: readonly string[];
}

/** What a rule does with a packet that matches. */
export type Target =
  | { readonly kind: "ACCEPT" | "DROP" | "RETURN" | "CONTINUE" }
  | { readonly kind: "REJECT"; readonly with: string | null }
  | { readonly kind: "JUMP" | "GOTO"; readonly chain: string }
  | { readonly kind: "MASQUERADE"; readonly randomFully: boolean }
  | { readonly kind: "SNAT" | "DNAT"; readonly to: string }
  | {
    readonly kind: "MARK";
    readonly value: number;
    readonly mask: number;
  }
  | { readonly kind: "OTHER"; readonly text: string };

/** One rule, as read. */
export interface Rule {
  readonly match: Match;
  readonly target: Target;
  /** `-m comment` or nft comment, or null. */
  readonly comment: string | null;
  /**
   * As the owning tool prints it: `-A POSTROUTING -s … -j MASQUERADE` for
   * iptables, the nft statement text for nftables. Exact enough to delete by.
   */
  readonly text: string;
  /** nftables handle, else null. */
  readonly handle: number | null;
  /** Packets counted, or null where the rule has no counter. */
  readonly packets: number | null;
}

/** A chain; `hook` is null for a chain that is only jumped to. */
export interface Chain {
  readonly name: string;
  /**
   * prerouting, input, forward, output, postrouting, ingress, egress; null if
   * not a base chain.
   */
  readonly hook: string | null;
  /**
   * Devices of an ingress or egress chain; a trailing `*` takes all names that
   * begin so. Absent for other hooks, and where they are not known.
   */
  readonly devices?: readonly string[];
  /** filter, nat, route; null if not a base chain. */
  readonly type: string | null;
  /** Netfilter priority number of a base chain, else null. */
  readonly priority: number | null;
  /** ACCEPT or DROP for a base chain, else null. */
  readonly policy: "ACCEPT" | "DROP" | null;
  readonly rules: readonly Rule[];
}

/** A table with its chains in the order the tool prints them. */
export interface Table {
  readonly name: string;
  /** ip, ip6, inet, bridge, arp, netdev. iptables tables are ip, ip6. */
  readonly family: string;
  readonly chains: readonly Chain[];
}

/** Tables of one family that are there and that nobody could read. */
export interface UnreadTables {
  /** As in {@linkcode Table}. */
  readonly family: string;
  /** What there is, and why it was not read. */
  readonly reason: string;
}

/** Everything one backend holds in this network namespace. */
export interface Ruleset {
  readonly backend: NetfilterBackend;
  readonly tables: readonly Table[];
  /** What is missing from `tables`. @default nothing */
  readonly unread?: readonly UnreadTables[];
}
