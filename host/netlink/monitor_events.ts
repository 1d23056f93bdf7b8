import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  PolicyRule,
  Route,
} from "../../flannel/kernel.ts";

/** What happened to an object, and by whom. */
export interface ObjectEvent {
  /** `new` when it appeared or changed, `delete` when it went. */
  readonly change: "new" | "delete";
  /**
   * Netlink port of the socket that asked for it, 0 for the kernel itself.
   * Compare with `Netlink.port` to know one's own changes.
   */
  readonly port: number;
}

/**
 * One event of {@linkcode Monitor}. `overrun` means that events were lost, and
 * that whatever is derived from them must be read again in full.
 */
export type MonitorEvent =
  | (ObjectEvent & { readonly type: "link"; readonly link: Link })
  | (ObjectEvent & { readonly type: "address"; readonly address: Address })
  | (ObjectEvent & { readonly type: "route"; readonly route: Route })
  | (ObjectEvent & { readonly type: "rule"; readonly rule: PolicyRule })
  | (ObjectEvent & {
    readonly type: "neighbour";
    readonly neighbour: Neighbour;
  })
  | (ObjectEvent & { readonly type: "fdb"; readonly entry: FdbEntry })
  | NetfilterEvent
  | { readonly type: "overrun" };

/**
 * An nftables transaction was committed, `NFT_MSG_NEWGEN`. The iptables-nft
 * tools commit such transactions; the legacy ones cause no event.
 */
export interface NetfilterEvent {
  readonly type: "netfilter";
  /** Generation of the ruleset. */
  readonly generation: number;
  /** Process that committed, or null where the kernel does not say. */
  readonly pid: number | null;
  /** Its name, such as `iptables-restor` (the kernel keeps 15 bytes). */
  readonly process: string | null;
}
