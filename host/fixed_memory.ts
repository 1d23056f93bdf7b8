/** Octets that a pointer's lower half can count. */
const HALF = 2 ** 32;

/**
 * Memory whose address is known, for structures that the kernel reads and
 * writes through pointers. It does not straddle a multiple of 4 GiB, so that
 * all its addresses have the same upper half and a pointer is made with 32-bit
 * arithmetic, without a bigint.
 */
export interface FixedMemory {
  readonly buffer: ArrayBuffer;
  /** Upper half of every address. */
  readonly high: number;
  /** Lower half of the first octet's address, as a signed 32-bit number. */
  readonly low: number;
}

/** Allocates zeroed {@linkcode FixedMemory}, aligned to 8 octets or more. */
export function allocateFixed(size: number): FixedMemory {
  // While they are held, the next one cannot lie in the same place.
  const held: FixedMemory[] = [];
  for (;;) {
    const memory = allocate(size);
    if (!straddles(memory, size)) return memory;
    held.push(memory);
  }
}

function allocate(size: number): FixedMemory {
  const buffer = new ArrayBuffer(size);
  const pointer = Deno.UnsafePointer.of(new Uint8Array(buffer));
  const address = Deno.UnsafePointer.value(pointer);
  return {
    buffer,
    high: Number(address >> 32n),
    low: Number(address & 0xffffffffn) | 0,
  };
}

function straddles({ low }: FixedMemory, size: number): boolean {
  return (low >>> 0) + size > HALF;
}
