/**
 * Marks that go through the kernel's tunnel: what it sends keeps the mark of
 * the packet inside, and what it unwraps the mark of the packet around it
 * (`skb_scrub_packet`, within one network namespace). The connection is
 * another, and conntrack sees it anew.
 *
 * @module
 */
import type { Underlay } from "./frame_traffic.ts";
import { familyOf, outgoingPackets, type Overlay } from "./overlay_traffic.ts";
import {
  boxesAfter,
  classPiece,
  commonState,
  type PacketClass,
  type Piece,
} from "./packet_class.ts";
import type { Ruleset } from "./rule.ts";
import { walkPath } from "./walk.ts";

/** The class with its own mark or one of the boxes'. */
function markedAs(packets: PacketClass, boxes: readonly Piece[]): PacketClass {
  const whole = classPiece(packets);
  const { untracked } = whole;
  const states = boxes.map((box) => ({
    ...whole,
    ...commonState(whole, box),
    untracked,
  }));
  return { ...packets, boxes: boxesAfter([whole, ...states], whole) };
}

/** The tunnel's packets on their way out, with what containers' may have. */
export function wrapped(
  rulesets: readonly Ruleset[],
  { overlay, tunnels }: Pick<Underlay, "overlay" | "tunnels">,
  packets: PacketClass,
): PacketClass {
  const hooks = ["prerouting", "forward", "postrouting"];
  const boxes = tunnels.flatMap(({ name }) =>
    walkPath(rulesets, hooks, outgoingPackets(overlay, name)).at(-1)!.boxes
  );
  return markedAs(packets, boxes);
}

/** What nat marks is for services, whose addresses are no tunnel's end. */
function withoutNat(rulesets: readonly Ruleset[]): Ruleset[] {
  return rulesets.map((ruleset) => ({
    ...ruleset,
    tables: ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.filter(({ type }) => type !== "nat"),
    })),
  }));
}

const WORLD = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** Containers' packets out of a tunnel, with what those around may have. */
export function unwrapped(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  device: string,
  packets: PacketClass,
): PacketClass {
  if (device === overlay.externalDevice) return packets;
  const world = [WORLD[familyOf(overlay)]];
  const around = {
    source: world,
    destination: world,
    inDevice: overlay.externalDevice,
    outDevice: null,
    protocol: "udp",
  };
  const walks = walkPath(withoutNat(rulesets), ["prerouting", "input"], around);
  return markedAs(packets, walks.at(-1)!.boxes);
}
