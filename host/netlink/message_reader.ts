import { NLA_TYPE_MASK } from "./constants.ts";
import { ipText } from "./ip_text.ts";
import { macText } from "./mac_text.ts";

/** Deno runs on little-endian machines only; netlink uses the host's order. */
const LITTLE_ENDIAN = true;
const MESSAGE_HEADER = 16;
const ATTRIBUTE_HEADER = 4;
const decoder = new TextDecoder();

/**
 * Walks the messages of one datagram, `struct nlmsghdr` after `struct
 * nlmsghdr`. Call {@linkcode MessageReader.next} before reading each.
 *
 * Errors are RangeErrors: a length that leaves the datagram, or a body shorter
 * than what is read from it. Nothing outside the current message is ever read.
 */
export class MessageReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #attributes: AttributeReader;
  #next = 0;
  #body = 0;
  #end = 0;
  /** `nlmsg_type`. */
  type = 0;
  /** `nlmsg_flags`. */
  flags = 0;
  /** `nlmsg_seq`. */
  seq = 0;
  /** `nlmsg_pid`: the port that asked for the change, 0 for the kernel. */
  port = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#attributes = new AttributeReader(bytes, this.#view, 0, 0);
  }

  /** Moves to the next message; false at the end of the datagram. */
  next(): boolean {
    const start = this.#next;
    if (start >= this.bytes.length) return false;
    const left = this.bytes.length - start;
    const length = left < MESSAGE_HEADER
      ? 0
      : this.#view.getUint32(start, LITTLE_ENDIAN);
    if (length < MESSAGE_HEADER || length > left) {
      throw new RangeError(
        `Cannot read netlink message: expected ${MESSAGE_HEADER} to ${left} bytes, got ${length}`,
      );
    }
    this.type = this.#view.getUint16(start + 4, LITTLE_ENDIAN);
    this.flags = this.#view.getUint16(start + 6, LITTLE_ENDIAN);
    this.seq = this.#view.getUint32(start + 8, LITTLE_ENDIAN);
    this.port = this.#view.getUint32(start + 12, LITTLE_ENDIAN);
    this.#body = start + MESSAGE_HEADER;
    this.#end = start + length;
    this.#next = start + align(length);
    return true;
  }

  /** Bytes of the current message's body. */
  get bodyLength(): number {
    return this.#end - this.#body;
  }

  /** The current message's body, header excluded. */
  body(): Uint8Array {
    return this.bytes.subarray(this.#body, this.#end);
  }

  u8(offset: number): number {
    return this.#view.getUint8(this.#at(offset, 1));
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#at(offset, 2), LITTLE_ENDIAN);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#at(offset, 4), LITTLE_ENDIAN);
  }

  i32(offset: number): number {
    return this.#view.getInt32(this.#at(offset, 4), LITTLE_ENDIAN);
  }

  /**
   * Attributes of the body after a fixed header of the given size. One reader
   * serves all messages: a call ends what the one before it gave.
   */
  attributes(headerSize: number): AttributeReader {
    this.#at(0, headerSize);
    this.#attributes.moveTo(this.#body + align(headerSize), this.#end);
    return this.#attributes;
  }

  #at(offset: number, size: number): number {
    if (offset + size > this.bodyLength) {
      throw new RangeError(
        `Cannot read netlink message of type ${this.type}: expected ${
          offset + size
        } bytes of body, got ${this.bodyLength}`,
      );
    }
    return this.#body + offset;
  }
}

/**
 * Walks a run of attributes, `struct nlattr`. A length that leaves the run, or
 * a payload shorter than what is read from it, is a RangeError.
 */
export class AttributeReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #limit = 0;
  #next = 0;
  #start = 0;
  /** `nla_type` without the nested and byte-order bits. */
  type = 0;
  /** Bytes of payload. */
  length = 0;

  constructor(bytes: Uint8Array, view: DataView, start: number, end: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.moveTo(start, end);
  }

  /** Begins with the run from one place to another. */
  moveTo(start: number, end: number): void {
    this.#next = start;
    this.#limit = end;
  }

  /** Moves to the next attribute; false at the end of the run. */
  next(): boolean {
    const start = this.#next;
    const left = this.#limit - start;
    // Up to three bytes of padding may follow the last attribute.
    if (left < ATTRIBUTE_HEADER) return false;
    const length = this.#view.getUint16(start, LITTLE_ENDIAN);
    if (length < ATTRIBUTE_HEADER || length > left) {
      throw new RangeError(
        `Cannot read netlink attribute: expected ${ATTRIBUTE_HEADER} to ${left} bytes, got ${length}`,
      );
    }
    this.type = this.#view.getUint16(start + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
    this.length = length - ATTRIBUTE_HEADER;
    this.#start = start + ATTRIBUTE_HEADER;
    this.#next = start + align(length);
    return true;
  }

  u8(offset = 0): number {
    return this.#view.getUint8(this.#at(offset, 1));
  }

  u16(offset = 0): number {
    return this.#view.getUint16(this.#at(offset, 2), LITTLE_ENDIAN);
  }

  /** A number in network order, as ports are. */
  u16be(offset = 0): number {
    return this.#view.getUint16(this.#at(offset, 2));
  }

  u32(offset = 0): number {
    return this.#view.getUint32(this.#at(offset, 4), LITTLE_ENDIAN);
  }

  /** A number in network order, as nf_tables sends all of them. */
  u32be(offset = 0): number {
    return this.#view.getUint32(this.#at(offset, 4));
  }

  i32(offset = 0): number {
    return this.#view.getInt32(this.#at(offset, 4), LITTLE_ENDIAN);
  }

  /** Text up to the first NUL. */
  text(): string {
    let end = this.#start;
    const limit = this.#start + this.length;
    while (end < limit && this.#bytes[end] !== 0) end++;
    return decoder.decode(this.#bytes.subarray(this.#start, end));
  }

  /** An IP address that fills the payload from the offset on. */
  ip(offset = 0): string {
    this.#at(offset, 0);
    return ipText(this.#bytes, this.#start + offset, this.length - offset);
  }

  /** A link-layer address of any length; null when empty. */
  mac(): string | null {
    return this.length === 0
      ? null
      : macText(this.#bytes, this.#start, this.length);
  }

  /** Writes the payload's bytes into a list, from a place on. */
  copyTo(list: number[], at: number): void {
    const end = this.#start + this.length;
    for (let i = this.#start; i < end; i++) list[at++] = this.#bytes[i]!;
  }

  /** Attributes within the payload, after a fixed header of the given size. */
  nested(from = 0, to = this.length): AttributeReader {
    this.#at(from, to - from);
    return new AttributeReader(
      this.#bytes,
      this.#view,
      this.#start + from,
      this.#start + to,
    );
  }

  #at(offset: number, size: number): number {
    if (size < 0 || offset + size > this.length) {
      throw new RangeError(
        `Cannot read netlink attribute ${this.type}: expected ${
          offset + size
        } bytes, got ${this.length}`,
      );
    }
    return this.#start + offset;
  }
}

/** Rounds up to the next multiple of four, `NLMSG_ALIGN`. */
function align(length: number): number {
  return (length + 3) & ~3;
}
