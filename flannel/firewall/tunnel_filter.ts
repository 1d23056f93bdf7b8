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
import { wrapped } from "./tunnel_marks.ts";
import { type HookWalk, type WalkHit, walkPath } from "./walk.ts";

/** A rule or policy that drops the tunnel's packets, or may. */
export interface TunnelHit extends WalkHit {
  readonly owner: RuleOwner;
  /** in: from other hosts; out: to them. */
  readonly direction: "in" | "out";
  readonly hook: "prerouting" | "input" | "output" | "postrouting";
  /** Whether it is not known what becomes of a packet that it takes. */
  readonly unclear: boolean;
  /**
   * Whether anything passes that answers a packet of the other direction, as
   * after an accept of `ESTABLISHED`.
   */
  readonly answersPass: boolean;
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
  { own, peers, port, external, answers }: Underlay,
  direction: TunnelHit["direction"],
  ctState: "NEW" | "ESTABLISHED",
): PacketClass {
  const udp = {
    protocol: "udp",
    ctState,
    ...port === null ? {} : { port },
    ...answers && port !== null ? { sourcePort: port } : {},
  };
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

function isSamePlace(a: WalkHit, b: WalkHit): boolean {
  return a.rule === b.rule && a.chain === b.chain && a.table === b.table &&
    a.family === b.family && a.backend === b.backend;
}

/** The hits of one hook, first packets' before those of answers only. */
function hookHits(
  { overlay }: Underlay,
  direction: TunnelHit["direction"],
  hook: TunnelHit["hook"],
  first: HookWalk,
  later: HookWalk | null,
): TunnelHit[] {
  const lost = later === null ? [] : [...later.dropped, ...later.unclear];
  const tunnelHit = (hit: WalkHit, unclear: boolean): TunnelHit => ({
    ...hit,
    owner: ruleOwner(hit, overlay),
    direction,
    hook,
    unclear,
    answersPass: later !== null && later.passed !== null,
  });
  const hits = [...first.dropped, ...first.unclear];
  // Who loses what, when only answers are lost, is more than can be told.
  const answersOnly = lost.filter((hit) =>
    !hits.some((each) => isSamePlace(each, hit))
  );
  return [
    ...first.dropped.map((hit) => tunnelHit(hit, false)),
    ...first.unclear.map((hit) => tunnelHit(hit, true)),
    ...answersOnly.map((hit) => tunnelHit(hit, true)),
  ];
}

function directionHits(
  rulesets: readonly Ruleset[],
  underlay: Underlay,
  direction: TunnelHit["direction"],
): TunnelHit[] {
  const hooks = HOOKS[direction];
  const walks = (state: "NEW" | "ESTABLISHED") => {
    const packets = packetsOf(underlay, direction, state);
    const begun = direction === "out" && !underlay.answers
      ? wrapped(rulesets, underlay, packets)
      : packets;
    return walkPath(rulesets, hooks, begun);
  };
  const first = walks("NEW");
  const later = underlay.answers ? walks("ESTABLISHED") : [];
  return hooks.flatMap((hook, index) =>
    hookHits(underlay, direction, hook, first[index]!, later[index] ?? null)
  );
}

/**
 * Every rule that drops the tunnel's packets, or of which it is not known, in
 * both directions; none without a tunnel.
 */
export function tunnelHits(
  rulesets: readonly Ruleset[],
  underlay: Underlay,
): readonly TunnelHit[] {
  const { own, peers, port } = underlay;
  if (port === null || own.length === 0 || peers.length === 0) return [];
  return (["in", "out"] as const)
    .flatMap((direction) => directionHits(rulesets, underlay, direction));
}
