import type { NetlinkChange } from "./changes.ts";
import { encodeAddress } from "./encode_address.ts";
import { encodeLink } from "./encode_link.ts";
import { encodeFdb, encodeNeighbour } from "./encode_neighbour.ts";
import { encodeRoute } from "./encode_route.ts";
import { encodeRule } from "./encode_rule.ts";
import type { MessageBuilder } from "./message_builder.ts";

/** Index of a device by name; throws {@linkcode NoSuchDevice}. */
export type DeviceIndex = (name: string) => number;

/** Open descriptor of a network namespace by name or path. */
export type NetnsDescriptor = (netns: string) => number;

/** A change names a device that is not there. */
export class NoSuchDevice extends Error {
  override readonly name = "NoSuchDevice";

  constructor(device: string) {
    super(`Cannot find device "${device}"`);
  }
}

/**
 * Encodes one change as one message that asks for an acknowledgement.
 *
 * @throws {NoSuchDevice} When it names a device that is not there.
 * @throws {SyntaxError | RangeError | TypeError} When a value of it cannot be
 * written. Part of the message may be in the builder by then.
 */
export function encodeChange(
  builder: MessageBuilder,
  change: NetlinkChange,
  seq: number,
  deviceIndex: DeviceIndex,
  netns: NetnsDescriptor,
): void {
  switch (change.kind) {
    case "route":
      return encodeRoute(builder, change, seq, deviceIndex);
    case "neighbour":
      return encodeNeighbour(builder, change, seq, deviceIndex);
    case "fdb":
      return encodeFdb(builder, change, seq, deviceIndex);
    case "address":
      return encodeAddress(builder, change, seq, deviceIndex);
    case "rule":
      return encodeRule(builder, change, seq);
    case "link":
      return encodeLink(builder, change, seq, deviceIndex, netns);
  }
}
