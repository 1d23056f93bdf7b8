/**
 * Who drops what flannel sends before or after all routing: at a device, on a
 * bridge, or ARP. FD612's question.
 *
 * @module
 */
import {
  type FrameDevice,
  type FrameTraffic,
  frameTraffic,
  isOn,
  type Underlay,
} from "./frame_traffic.ts";
import type { Ruleset } from "./rule.ts";
import { walkChains, type WalkHit } from "./walk.ts";

/** A rule or policy that drops such frames, or that nobody can tell of. */
export interface FrameHit extends WalkHit {
  readonly kind: FrameTraffic["kind"];
  readonly direction: FrameTraffic["direction"];
  readonly device: string;
  /** Whether it is not known what becomes of a frame that it takes. */
  readonly unclear: boolean;
}

const FAMILIES: ReadonlySet<string> = new Set(["netdev", "bridge", "arp"]);

/** Whether any table has a chain that frames meet. */
function hasFrameChains(rulesets: readonly Ruleset[]): boolean {
  return rulesets.some(({ tables }) =>
    tables.some(({ family, chains }) =>
      FAMILIES.has(family) || chains.some(({ hook }) => hook === "ingress")
    )
  );
}

/**
 * Whether a chain is on some device only that may not carry the frames: its
 * devices are not known, or it is on one port of several.
 */
function isElsewhere(
  rulesets: readonly Ruleset[],
  hit: WalkHit,
  { name, below }: FrameDevice,
): boolean {
  const chain = rulesets.filter(({ backend }) => backend === hit.backend)
    .flatMap(({ tables }) => tables)
    .filter((table) => table.family === hit.family && table.name === hit.table)
    .flatMap(({ chains }) => chains)
    .find((each) => each.name === hit.chain);
  if (!["ingress", "egress"].includes(chain?.hook ?? "")) return false;
  return chain?.devices === undefined ||
    !(isOn(chain, [name]) || below.every((each) => isOn(chain, [each])));
}

/** Every such rule and policy, once for each class of frames that meets it. */
export function frameHits(
  rulesets: readonly Ruleset[],
  underlay: Underlay,
): readonly FrameHit[] {
  if (!hasFrameChains(rulesets)) return [];
  return frameTraffic(underlay).flatMap(
    ({ kind, direction, device, packets, choice }) => {
      const walk = walkChains(rulesets, choice, packets);
      const hit = (found: WalkHit, unclear: boolean): FrameHit => ({
        ...found,
        part: isElsewhere(rulesets, found, device) ? "maybe" : found.part,
        kind,
        direction,
        device: device.name,
        unclear,
      });
      return [
        ...walk.dropped.map((found) => hit(found, false)),
        ...walk.unclear.map((found) => hit(found, true)),
      ];
    },
  );
}
