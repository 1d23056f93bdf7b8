/**
 * Who drops packets between containers: FD606's and FD608's question.
 *
 * @module
 */
import {
  incomingPackets,
  outgoingPackets,
  type Overlay,
} from "./overlay_traffic.ts";
import type { Ruleset } from "./rule.ts";
import { unwrapped } from "./tunnel_marks.ts";
import { type RuleOwner, ruleOwner } from "./rule_owner.ts";
import { type HookWalk, type WalkHit, walkPath } from "./walk.ts";

/** What becomes of one direction of one device's traffic at a hook. */
export interface OverlayWalk extends HookWalk {
  readonly hook: "prerouting" | "forward" | "postrouting";
  /** out: from our containers to other hosts'; in: from theirs to ours. */
  readonly direction: "out" | "in";
  /** Overlay device the packets leave (out) or arrive (in) by. */
  readonly device: string;
  /** NEW for a connection's first packet, ESTABLISHED for all later ones. */
  readonly ctState: "NEW" | "ESTABLISHED";
}

/** A rule or policy that drops packets between containers. */
export interface DropHit extends WalkHit {
  readonly owner: RuleOwner;
  readonly hook: OverlayWalk["hook"];
  readonly direction: OverlayWalk["direction"];
  readonly device: string;
  readonly ctState: OverlayWalk["ctState"];
}

/** The way of a packet that this host forwards. */
const PATH = ["prerouting", "forward", "postrouting"] as const;

/**
 * Walks all hooks in both directions, by every overlay device, in both states.
 */
export function overlayWalks(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): readonly OverlayWalk[] {
  const walks: OverlayWalk[] = [];
  for (const device of overlay.overlayDevices) {
    for (const direction of ["out", "in"] as const) {
      for (const ctState of ["NEW", "ESTABLISHED"] as const) {
        const packets = direction === "out"
          ? outgoingPackets(overlay, device)
          : incomingPackets(overlay, device);
        const begun = direction === "out"
          ? packets
          : unwrapped(rulesets, overlay, device, packets);
        const path = walkPath(rulesets, PATH, { ...begun, ctState });
        walks.push(...PATH.map((hook, index) => ({
          ...path[index]!,
          hook,
          direction,
          device,
          ctState,
        })));
      }
    }
  }
  return walks;
}

function walksAt(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  hooks: readonly OverlayWalk["hook"][],
): readonly OverlayWalk[] {
  const all = overlayWalks(rulesets, overlay);
  return hooks.flatMap((hook) => all.filter((walk) => walk.hook === hook));
}

/**
 * Every drop of packets between containers once they are routed: at the hooks
 * forward and postrouting, where mangle has a chain too.
 */
export function routedDrops(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): readonly DropHit[] {
  const walks = walksAt(rulesets, overlay, ["forward", "postrouting"]);
  return hitsOf(walks, "dropped", overlay);
}

function hitsOf(
  walks: readonly OverlayWalk[],
  outcome: "dropped" | "unclear",
  overlay: Overlay,
): DropHit[] {
  return walks.flatMap((walk) =>
    walk[outcome].map((hit) => ({
      ...hit,
      owner: ruleOwner(hit, overlay),
      hook: walk.hook,
      direction: walk.direction,
      device: walk.device,
      ctState: walk.ctState,
    }))
  );
}

/**
 * Rules for routed packets between containers of which nobody can tell what
 * becomes of a packet: a queue to a program, a target that flandoc lacks.
 */
export function routedUnclear(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): readonly DropHit[] {
  const walks = walksAt(rulesets, overlay, ["forward", "postrouting"]);
  return hitsOf(walks, "unclear", overlay);
}

/** Every drop of packets between containers at a hook. */
export function overlayDrops(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  hook: OverlayWalk["hook"],
): readonly DropHit[] {
  return hitsOf(walksAt(rulesets, overlay, [hook]), "dropped", overlay);
}
