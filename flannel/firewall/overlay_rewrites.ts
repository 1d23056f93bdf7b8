/**
 * Who rewrites the source of packets between containers: FD601's question.
 *
 * @module
 */
import { matchKey, targetKey } from "./compare.ts";
import {
  egressPackets,
  incomingPackets,
  outgoingPackets,
  type Overlay,
} from "./overlay_traffic.ts";
import type { PacketClass, Part } from "./packet_class.ts";
import type { Chain, Ruleset } from "./rule.ts";
import { type RuleOwner, ruleOwner } from "./rule_owner.ts";
import { scopeRule } from "./scope_rule.ts";
import { type HookWalk, type WalkHit, walkPath } from "./walk.ts";

/** A rule that takes packets their source address. */
export interface RewriteHit extends WalkHit {
  readonly rule: NonNullable<WalkHit["rule"]>;
  readonly position: number;
  readonly owner: RuleOwner;
  /** out: from our containers to other hosts'; in: from theirs to ours. */
  readonly direction: "out" | "in";
  /** The device the packets leave (out) or arrive (in) by. */
  readonly device: string;
  /**
   * The rule without packets to the network, as its tool takes it after the
   * chain's name; null when it cannot be written so.
   */
  readonly scoped: string | null;
  /** Place of the scoped rule in the same chain, from 1; null without one. */
  readonly scopedPosition: number | null;
}

const ORDER: readonly Part[] = ["maybe", "partly", "whole"];

/** The chain a hit is in. */
function chainOf(rulesets: readonly Ruleset[], hit: WalkHit): Chain {
  return rulesets.filter((ruleset) => ruleset.backend === hit.backend)
    .flatMap((ruleset) => ruleset.tables)
    .filter((t) => t.name === hit.table && t.family === hit.family)
    .flatMap((table) => table.chains)
    .find((chain) => chain.name === hit.chain)!;
}

/** Where in a chain the scoped form of a rule already is. */
function scopedPosition(
  chain: Chain,
  hit: RewriteHit,
  network: string,
): number | null {
  const key = (match: RewriteHit["rule"]["match"]) =>
    `${matchKey(match)} ${targetKey(hit.rule.target)}`;
  const wanted = key({
    ...hit.rule.match,
    destination: { not: true, value: [network] },
  });
  const at = chain.rules.findIndex((rule) =>
    `${matchKey(rule.match)} ${targetKey(rule.target)}` === wanted
  );
  return at < 0 ? null : at + 1;
}

/** The walk at postrouting, with the marks of the hooks before it. */
function postroutingWalk(
  rulesets: readonly Ruleset[],
  packets: PacketClass,
): HookWalk {
  const hooks = ["prerouting", "forward", "postrouting"];
  return walkPath(rulesets, hooks, packets).at(-1)!;
}

function describe(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  direction: "out" | "in",
  device: string,
): RewriteHit[] {
  const packets = direction === "out"
    ? outgoingPackets(overlay, device)
    : incomingPackets(overlay, device);
  const { rewritten } = postroutingWalk(rulesets, packets);
  return rewritten.map((found) => {
    const hit: RewriteHit = {
      ...found,
      rule: found.rule!,
      position: found.position!,
      owner: ruleOwner(found, overlay),
      direction,
      device,
      scoped: scopeRule(found.rule!, found.backend, overlay.network),
      scopedPosition: null,
    };
    const chain = chainOf(rulesets, found);
    return {
      ...hit,
      scopedPosition: scopedPosition(chain, hit, overlay.network),
    };
  });
}

/**
 * Every rule that would rewrite the source of packets between containers of
 * this host and of others, in every backend; each rule once, with the device
 * for which it takes most.
 */
export function overlayMasquerade(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): readonly RewriteHit[] {
  const hits: RewriteHit[] = [];
  for (const direction of ["out", "in"] as const) {
    for (const device of overlay.overlayDevices) {
      for (const hit of describe(rulesets, overlay, direction, device)) {
        const at = hits.findIndex((known) =>
          known.rule === hit.rule && known.direction === direction
        );
        if (at < 0) hits.push(hit);
        else if (
          ORDER.indexOf(hit.part) > ORDER.indexOf(hits[at]!.part)
        ) hits[at] = hit;
      }
    }
  }
  return hits;
}

/**
 * What becomes of packets from our containers to the Internet in the
 * postrouting hook: `untouched` says how much keeps an address nobody can
 * answer (FD603).
 */
export function egressMasquerade(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): HookWalk {
  return postroutingWalk(rulesets, egressPackets(overlay));
}
