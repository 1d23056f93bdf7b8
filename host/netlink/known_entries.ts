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
  readonly #places = new Map<string, number>();
  /** Owners by place; null where a place is free. */
  readonly #owners: (string | null)[] = [];
  readonly #free: number[] = [];
  /** Devices by number, since their indexes change. */
  readonly #devices = new Map<string, number>();

  get size(): number {
    return this.#places.size;
  }

  /** Places that there are, the free ones too. */
  get places(): number {
    return this.#owners.length;
  }

  /** Where something is noted that has this image. */
  place(image: string): number | undefined {
    return this.#places.get(image);
  }

  /** Whose is at a place; null where nothing is. */
  owner(place: number): string | null {
    return this.#owners[place] ?? null;
  }

  /** Makes something known. */
  set(image: string, owner: string): void {
    const place = this.#places.get(image) ?? this.#free.pop() ??
      this.#owners.length;
    this.#places.set(image, place);
    this.#owners[place] = owner;
  }

  /** Forgets something. */
  delete(image: string): void {
    const place = this.#places.get(image);
    if (place === undefined) return;
    this.#places.delete(image);
    this.#owners[place] = null;
    this.#free.push(place);
  }

  /** Forgets everything. */
  clear(): void {
    this.#places.clear();
    this.#owners.length = 0;
    this.#free.length = 0;
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
   * Place of what a dumped message tells of; null where it is not known, and
   * the message is to be decoded.
   */
  find(message: MessageReader, names: DeviceNames): number | null {
    const image = message.type === k.RTM_NEWROUTE
      ? this.#readRoute(message, names)
      : message.type !== k.RTM_NEWNEIGH
      ? null
      : message.u8(0) === k.AF_BRIDGE
      ? this.#readFdb(message, names)
      : this.#readNeighbour(message, names);
    return image === null ? null : this.#places.get(image) ?? null;
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

/** Which of the known entries a dump had. */
export class SeenEntries {
  readonly #known: KnownEntries | null;
  readonly #marks: Uint8Array;
  #size = 0;

  constructor(known: KnownEntries | null) {
    this.#known = known;
    this.#marks = new Uint8Array(known?.places ?? 0);
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Notes what is at a place. */
  add(place: number): void {
    if (this.#marks[place] === 0) this.#size++;
    this.#marks[place] = 1;
  }

  /** Whether something with this image is among them. */
  has(image: string): boolean {
    const place = this.#known?.place(image);
    return place !== undefined && this.#marks[place] === 1;
  }

  /** Owners of what is known and not among them. */
  missing(): Set<string> {
    const owners = new Set<string>();
    const known = this.#known;
    if (known === null || known.size === this.#size) return owners;
    for (let place = 0; place < known.places; place++) {
      const owner = this.#marks[place] === 1 ? null : known.owner(place);
      if (owner !== null) owners.add(owner);
    }
    return owners;
  }
}
