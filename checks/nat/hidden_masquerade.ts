import {
  coversMatch,
  egressMasquerade,
  familyOf,
  type FilledPlace,
  type Overlay,
  rulePlaces,
} from "../../flannel/firewall/mod.ts";
import { internetAddresses } from "../../flannel/firewall/overlay_traffic.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";
import { withoutRules } from "./rewrites.ts";

/** A masquerade that packets to the Internet do not come to. */
export interface HiddenMasquerade {
  /** The RETURN or ACCEPT that lets them go before. */
  readonly by: FilledPlace;
  /** The rule that would take them. */
  readonly masquerade: Rule;
}

/** Rules that let every packet of our containers to the Internet go. */
function sparing(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): FilledPlace[] {
  const packets = {
    source: { not: false, value: [overlay.subnet] },
    destination: { not: false, value: internetAddresses(overlay) },
    outDevice: { not: false, value: [overlay.externalDevice] },
    other: [],
  };
  return rulePlaces(rulesets, familyOf(overlay)).filter(({ rule }) =>
    ["RETURN", "ACCEPT"].includes(rule.target.kind) &&
    coversMatch(rule.match, packets)
  );
}

/** A masquerade that takes such packets once some rules do nothing. */
function behind(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  places: readonly FilledPlace[],
): Rule | null {
  const rules = new Set(places.map(({ rule }) => rule));
  const walk = egressMasquerade(withoutRules(rulesets, rules), overlay);
  const [hit] = walk.untouched === "whole" ? [] : walk.rewritten;
  return hit?.rule ?? null;
}

/**
 * The rule that hides a masquerade from everything that containers send to
 * the Internet, such as a bare `-j RETURN` at POSTROUTING's head; the first
 * where there are several. Null where no rule masquerades at all.
 */
export function hiddenMasquerade(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): HiddenMasquerade | null {
  const places = sparing(rulesets, overlay);
  for (const place of places) {
    const masquerade = behind(rulesets, overlay, [place]);
    if (masquerade !== null) return { by: place, masquerade };
  }
  const masquerade = behind(rulesets, overlay, places);
  return masquerade === null || places[0] === undefined
    ? null
    : { by: places[0], masquerade };
}
