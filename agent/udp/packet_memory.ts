/**
 * Memory of packets as the packet path reads it: octets, and words of the
 * machine, which is little-endian wherever Deno runs. Offsets are in octets
 * from the start.
 */
export interface PacketMemory {
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly u16: Uint16Array<ArrayBuffer>;
  /** Signed: V8 keeps such words in registers, unsigned ones may be doubles. */
  readonly i32: Int32Array<ArrayBuffer>;
}

/** Views a buffer whose size is a multiple of four as packet memory. */
export function packetMemory(buffer: ArrayBuffer): PacketMemory {
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    i32: new Int32Array(buffer),
  };
}
