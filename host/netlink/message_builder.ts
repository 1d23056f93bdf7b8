import { NLA_F_NESTED } from "./constants.ts";

const LITTLE_ENDIAN = true;
const MESSAGE_HEADER = 16;

/**
 * Writes netlink messages one after another into one growing buffer, ready to
 * be sent in one system call.
 */
export class MessageBuilder {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #message = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Everything written so far; valid until the next write. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Starts a message; {@linkcode MessageBuilder.end} completes it. */
  begin(type: number, flags: number, seq: number): this {
    this.#message = this.#reserve(MESSAGE_HEADER);
    this.#view.setUint16(this.#message + 4, type, LITTLE_ENDIAN);
    this.#view.setUint16(this.#message + 6, flags, LITTLE_ENDIAN);
    this.#view.setUint32(this.#message + 8, seq, LITTLE_ENDIAN);
    return this;
  }

  /** Completes the message begun last: writes its length. */
  end(): this {
    const length = this.#length - this.#message;
    this.#view.setUint32(this.#message, length, LITTLE_ENDIAN);
    return this;
  }

  /** Clears flags of the message that begins at a place. */
  clearFlag(message: number, flag: number): void {
    const flags = this.#view.getUint16(message + 6, LITTLE_ENDIAN);
    this.#view.setUint16(message + 6, flags & ~flag, LITTLE_ENDIAN);
  }

  /** Takes back everything written after the given length. */
  truncate(length: number): void {
    this.#length = length;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, LITTLE_ENDIAN);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
    return this;
  }

  /** Writes bytes and pads them to a multiple of four. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(align(bytes.length));
    this.#bytes.set(bytes, at);
    return this;
  }

  attribute(type: number, payload: Uint8Array): this {
    this.#attributeHeader(type, payload.length);
    return this.raw(payload);
  }

  attributeU8(type: number, value: number): this {
    this.#attributeHeader(type, 1);
    const at = this.#reserve(4);
    this.#view.setUint8(at, value);
    return this;
  }

  /** A number in network order, as ports are. */
  attributeU16be(type: number, value: number): this {
    this.#attributeHeader(type, 2);
    const at = this.#reserve(4);
    this.#view.setUint16(at, value);
    return this;
  }

  attributeU16(type: number, value: number): this {
    this.#attributeHeader(type, 2);
    const at = this.#reserve(4);
    this.#view.setUint16(at, value, LITTLE_ENDIAN);
    return this;
  }

  attributeU32(type: number, value: number): this {
    this.#attributeHeader(type, 4);
    return this.u32(value);
  }

  /** Text with the closing NUL that the kernel's string policies expect. */
  attributeText(type: number, text: string): this {
    return this.attribute(type, new TextEncoder().encode(text + "\0"));
  }

  /** Starts a nested attribute; returns what {@linkcode endNest} needs. */
  nest(type: number): number {
    const start = this.#length;
    this.u16(0).u16(type | NLA_F_NESTED);
    return start;
  }

  /** Completes a nested attribute, or a hop: writes its length. */
  endNest(start: number): this {
    this.#view.setUint16(start, this.#length - start, LITTLE_ENDIAN);
    return this;
  }

  #attributeHeader(type: number, payload: number): void {
    this.u16(4 + payload).u16(type);
  }

  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) this.#grow(at);
    else this.#bytes.fill(0, at, this.#length);
    return at;
  }

  #grow(used: number): void {
    const bytes = new Uint8Array(
      Math.max(this.#length, 2 * this.#bytes.length),
    );
    bytes.set(this.#bytes.subarray(0, used));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Rounds up to the next multiple of four, `NLA_ALIGN`. */
function align(length: number): number {
  return (length + 3) & ~3;
}
