/**
 * Next hops that hide behind one MAC: the mark of a network that forwards by
 * IP address and answers every ARP request itself.
 *
 * @module
 */
import type { ArpFacts, ForwardingFacts } from "../../snapshot/facts.ts";
import type { DirectPeer } from "./direct_peers.ts";

/** What clouds are known to answer ARP with. */
const FABRICS: readonly (readonly [RegExp, string])[] = [
  [/^ee:ff:ff:ff:ff:ff$/, "Alibaba Cloud"],
  [/^12:34:56:78:9a:bc$/, "Azure"],
  [/^fe:ee:[0-9a-f:]+$/, "Tencent Cloud"],
  [/^42:01:[0-9a-f:]+$/, "Google Cloud"],
];

/** Name of the cloud a MAC belongs to, or null. */
export function fabricOf(mac: string): string | null {
  return FABRICS.find(([pattern]) => pattern.test(mac))?.[1] ?? null;
}

/** How packets for a peer's containers fared. */
export type Passage =
  /** The peer's bridge answered our bridge. */
  | "passed"
  /** The host answered, its bridge did not. */
  | "blocked"
  /** Neither answered, so the silence proves nothing; or nobody was asked. */
  | "unproved";

/** A function that says how each peer fared in the forwarding probe. */
export function passageBy(
  forwarding: ForwardingFacts,
): (peer: DirectPeer) => Passage {
  // Two hosts may have one subnet.
  const key = (subnet: string, host: string) => `${subnet} ${host}`;
  const answers = new Map(
    forwarding.answers.map((a) => [key(a.subnet, a.publicIP), a]),
  );
  return (peer) => {
    const answer = answers.get(key(peer.subnet, peer.address));
    if (answer?.bridgeReached) return "passed";
    return answer?.hostReached ? "blocked" : "unproved";
  };
}

/** Direct peers behind one MAC that answers for other addresses too. */
export interface Proxied {
  readonly mac: string;
  /** Every address the MAC answers for, the gateway's too. */
  readonly addresses: readonly string[];
  readonly peers: readonly DirectPeer[];
}

/**
 * Groups of addresses with one MAC, of those that hold a peer. An address
 * that a second MAC answers for as well is FD503's and not counted here.
 */
export function proxiedPeers(
  arp: ArpFacts,
  peers: readonly DirectPeer[],
): Proxied[] {
  const groups = new Map<string, string[]>();
  for (const { address, macs } of arp.answers) {
    if (macs.length !== 1) continue;
    const group = groups.get(macs[0]!);
    if (group === undefined) groups.set(macs[0]!, [address]);
    else group.push(address);
  }
  return [...groups]
    .filter(([, addresses]) => addresses.length > 1)
    .map(([mac, addresses]) => {
      const held = new Set(addresses);
      return {
        mac,
        addresses,
        peers: peers.filter((p) => held.has(p.address)),
      };
    })
    .filter((group) => group.peers.length > 0);
}
