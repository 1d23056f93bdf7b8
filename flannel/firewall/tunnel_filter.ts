/**
 * Who drops the tunnel's packets between the wire and the tunnel device:
 * FD516's question.
 *
 * @module
 */
import type { Underlay } from "./frame_traffic.ts";
import type { PacketClass } from "./packet_class.ts";
import type { Ruleset } from "./rule.ts";
import { type RuleOwner, ruleOwner } from "./rule_owner.ts";
import { type WalkHit, walkHook } from "./walk.ts";

/** A rule or policy that drops the tunnel's packets, or may. */
export interface TunnelHit extends WalkHit {
  readonly owner: RuleOwner;
  /** in: from other hosts; out: to them. */
  readonly direction: "in" | "out";
  readonly hook: "prerouting" | "input" | "output" | "postrouting";
  /** Whether it is not known what becomes of a packet that it takes. */
  readonly unclear: boolean;
}

const HOOKS = {
  in: ["prerouting", "input"],
  out: ["output", "postrouting"],
} as const;

/**
 * A vxlan sender's port is another for each flow inside, so that conntrack
 * sees no answer: every packet of it is NEW. So is the udp backend's first.
 */
function packetsOf(
  { own, peers, port, external }: Underlay,
  direction: TunnelHit["direction"],
): PacketClass {
  const udp = { protocol: "udp", ...port === null ? {} : { port } };
  return direction === "in"
    ? {
      ...udp,
      source: peers,
      destination: own,
      inDevice: external.name,
      outDevice: null,
    }
    : {
      ...udp,
      source: own,
      destination: peers,
      inDevice: null,
      outDevice: external.name,
    };
}

/**
 * Every rule that drops the tunnel's packets, or of which it is not known, in
 * both directions; none without a tunnel.
 */
export function tunnelHits(
  rulesets: readonly Ruleset[],
  underlay: Underlay,
): readonly TunnelHit[] {
  const { own, peers, port, overlay } = underlay;
  if (port === null || own.length === 0 || peers.length === 0) return [];
  return (["in", "out"] as const).flatMap((direction) =>
    HOOKS[direction].flatMap((hook) => {
      const packets = packetsOf(underlay, direction);
      const { dropped, unclear } = walkHook(rulesets, hook, packets);
      const tunnelHit = (hit: WalkHit, isUnclear: boolean): TunnelHit => ({
        ...hit,
        owner: ruleOwner(hit, overlay),
        direction,
        hook,
        unclear: isUnclear,
      });
      return [
        ...dropped.map((hit) => tunnelHit(hit, false)),
        ...unclear.map((hit) => tunnelHit(hit, true)),
      ];
    })
  );
}
