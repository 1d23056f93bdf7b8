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
import { type RuleOwner, ruleOwner } from "./rule_owner.ts";
import { type HookWalk, type WalkHit, walkHook } from "./walk.ts";

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

/** Walks one hook in both directions, by every overlay device, in both states. */
export function overlayWalks(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  hook: OverlayWalk["hook"],
): readonly OverlayWalk[] {
  const walks: OverlayWalk[] = [];
  for (const device of overlay.overlayDevices) {
    for (const direction of ["out", "in"] as const) {
      for (const ctState of ["NEW", "ESTABLISHED"] as const) {
        const packets = direction === "out"
          ? outgoingPackets(overlay, device)
          : incomingPackets(overlay, device);
        const walk = walkHook(rulesets, hook, { ...packets, ctState });
        walks.push({ ...walk, hook, direction, device, ctState });
      }
    }
  }
  return walks;
}

/**
 * Every drop of packets between containers once they are routed: at the hooks
 * forward and postrouting, where mangle has a chain too.
 */
export function routedDrops(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): readonly DropHit[] {
  return (["forward", "postrouting"] as const)
    .flatMap((hook) => overlayDrops(rulesets, overlay, hook));
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
  return (["forward", "postrouting"] as const).flatMap((hook) =>
    hitsOf(overlayWalks(rulesets, overlay, hook), "unclear", overlay)
  );
}

/** Every drop of packets between containers at a hook. */
export function overlayDrops(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  hook: OverlayWalk["hook"],
): readonly DropHit[] {
  return hitsOf(overlayWalks(rulesets, overlay, hook), "dropped", overlay);
}
