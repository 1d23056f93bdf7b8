/**
 * Routes, neighbours and forwarding entries that are known in advance: a dump
 * of thousands that are all there makes no object of any.
 *
 * @module
 */
import {
  type FdbEntry,
  FLANDOC_PROTOCOL,
  MAIN_TABLE,
  type Neighbour,
  type Route,
} from "../../flannel/kernel.ts";
import * as k from "./constants.ts";
import type { DeviceNames } from "./device_names.ts";
import { writeIp } from "./ip_bytes.ts";
import { writeMac } from "./mac_text.ts";
import type { MessageReader } from "./message_reader.ts";

/** `struct rtmsg` and `struct ndmsg`. */
const HEADER = 12;
const RTN_UNICAST = 1;
const MAC_LENGTH = 6;

/** First code of an image, beside the bytes of addresses. */
const ROUTE = 1;
const NEIGHBOUR = 2;
const FDB = 3;

/** A unicast route of flandoc's through one gateway. */
export type KnownRoute = Pick<
  Route,
  "family" | "dst" | "gateway" | "device" | "onlink"
>;
/** A permanent neighbour. */
export type KnownNeighbour = Pick<
  Neighbour,
  "family" | "device" | "address" | "mac"
>;
/** A permanent forwarding entry of a vxlan device. */
export type KnownFdb = Pick<FdbEntry, "device" | "mac" | "dst">;

/** Where an image is put together. */
const codes: number[] = [];

function textOf(length: number): string {
  codes.length = length;
  return String.fromCharCode.apply(null, codes);
}

/**
 * What is known, each by its image: a short text of the bytes by which the
 * kernel tells of it. Two objects have one image only if they are the same in
 * all that flandoc compares. The owner is whatever the caller calls it by.
 */
export class KnownEntries {
  readonly #owners = new Map<string, string>();
  /** Devices by number, since their indexes change. */
  readonly #devices = new Map<string, number>();

  get size(): number {
    return this.#owners.size;
  }

  /** Images with their owners. */
  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#owners[Symbol.iterator]();
  }

  /** Whether something with this image is known. */
  has(image: string): boolean {
    return this.#owners.has(image);
  }

  /** Makes something known. */
  set(image: string, owner: string): void {
    this.#owners.set(image, owner);
  }

  /** Forgets something. */
  delete(image: string): void {
    this.#owners.delete(image);
  }

  /** Forgets everything. */
  clear(): void {
    this.#owners.clear();
  }

  /** Image of a route; null for one that cannot be known. */
  routeImage(route: KnownRoute): string | null {
    const { family, dst, gateway, device, onlink } = route;
    if (gateway === null || device === null) return null;
    const slash = dst.indexOf("/");
    const size = family === 4 ? 4 : 16;
    if (
      slash < 0 || writeIp(dst, codes, 4, slash) !== size ||
      writeIp(gateway, codes, 4 + size) !== size
    ) return null;
    codes[0] = ROUTE;
    codes[1] = this.#device(device);
    codes[2] = onlink ? 1 : 0;
    codes[3] = Number(dst.slice(slash + 1));
    return textOf(4 + 2 * size);
  }

  /** Image of a neighbour; null for one that cannot be known. */
  neighbourImage({ mac, address, device }: KnownNeighbour): string | null {
    return mac === null ? null : this.#pair(NEIGHBOUR, device, mac, address);
  }

  /** Image of a forwarding entry; null for one that cannot be known. */
  fdbImage({ mac, dst, device }: KnownFdb): string | null {
    return dst === null ? null : this.#pair(FDB, device, mac, dst);
  }

  #pair(kind: number, device: string, mac: string, address: string): string {
    writeMac(mac, codes, 2);
    const size = writeIp(address, codes, 2 + MAC_LENGTH);
    codes[0] = kind;
    codes[1] = this.#device(device);
    return textOf(2 + MAC_LENGTH + size);
  }

  /**
   * Image of what a dumped message tells of, if that is known; null where the
   * message is to be decoded.
   */
  find(message: MessageReader, names: DeviceNames): string | null {
    const image = message.type === k.RTM_NEWROUTE
      ? this.#readRoute(message, names)
      : message.type !== k.RTM_NEWNEIGH
      ? null
      : message.u8(0) === k.AF_BRIDGE
      ? this.#readFdb(message, names)
      : this.#readNeighbour(message, names);
    return image !== null && this.#owners.has(image) ? image : null;
  }

  #device(name: string): number {
    const known = this.#devices.get(name);
    if (known !== undefined) return known;
    this.#devices.set(name, this.#devices.size);
    return this.#devices.size - 1;
  }

  #readRoute(message: MessageReader, names: DeviceNames): string | null {
    const family = message.u8(0);
    const size = family === k.AF_INET ? 4 : 16;
    const flags = message.u32(8);
    if (
      (family !== k.AF_INET && family !== k.AF_INET6) ||
      message.u8(3) !== 0 || message.u8(4) !== MAIN_TABLE ||
      message.u8(5) !== FLANDOC_PROTOCOL || message.u8(7) !== RTN_UNICAST ||
      (flags & k.RTM_F_CLONED) !== 0
    ) return null;
    let device: number | undefined;
    let hasDst = false;
    let hasGateway = false;
    const attributes = message.attributes(HEADER);
    while (attributes.next()) {
      switch (attributes.type) {
        case k.RTA_DST:
          if (attributes.length !== size) return null;
          attributes.copyTo(codes, 4);
          hasDst = true;
          break;
        case k.RTA_GATEWAY:
          if (attributes.length !== size) return null;
          attributes.copyTo(codes, 4 + size);
          hasGateway = true;
          break;
        case k.RTA_OIF:
          device = this.#devices.get(names.name(attributes.u32()));
          break;
        case k.RTA_TABLE:
          if (attributes.u32() !== MAIN_TABLE) return null;
          break;
        case k.RTA_VIA:
        case k.RTA_MULTIPATH:
          return null;
      }
    }
    if (!hasDst || !hasGateway || device === undefined) return null;
    codes[0] = ROUTE;
    codes[1] = device;
    codes[2] = (flags & k.RTNH_F_ONLINK) !== 0 ? 1 : 0;
    codes[3] = message.u8(1);
    return textOf(4 + 2 * size);
  }

  #readNeighbour(message: MessageReader, names: DeviceNames): string | null {
    const family = message.u8(0);
    if (family !== k.AF_INET && family !== k.AF_INET6) return null;
    if (message.u16(8) !== k.NUD_PERMANENT) return null;
    return this.#readPair(NEIGHBOUR, message, names);
  }

  #readFdb(message: MessageReader, names: DeviceNames): string | null {
    if ((message.u16(8) & k.NUD_PERMANENT) === 0) return null;
    return this.#readPair(FDB, message, names);
  }

  /** A MAC and an address, as neighbours and forwarding entries have them. */
  #readPair(
    kind: number,
    message: MessageReader,
    names: DeviceNames,
  ): string | null {
    const device = this.#devices.get(names.name(message.i32(4)));
    if (device === undefined) return null;
    let hasMac = false;
    let size = 0;
    const attributes = message.attributes(HEADER);
    while (attributes.next()) {
      if (attributes.type === k.NDA_LLADDR) {
        if (attributes.length !== MAC_LENGTH) return null;
        attributes.copyTo(codes, 2);
        hasMac = true;
      } else if (attributes.type === k.NDA_DST) {
        size = attributes.length;
        if (size !== 4 && size !== 16) return null;
        attributes.copyTo(codes, 2 + MAC_LENGTH);
      }
    }
    if (!hasMac || size === 0) return null;
    codes[0] = kind;
    codes[1] = device;
    return textOf(2 + MAC_LENGTH + size);
  }
}
