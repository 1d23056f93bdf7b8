/** Names of `NUD_*` bits, `linux/neighbour.h`. */
const STATES: readonly (readonly [bit: number, name: string])[] = [
  [0x01, "INCOMPLETE"],
  [0x02, "REACHABLE"],
  [0x04, "STALE"],
  [0x08, "DELAY"],
  [0x10, "PROBE"],
  [0x20, "FAILED"],
  [0x40, "NOARP"],
  [0x80, "PERMANENT"],
];

/** Name of a neighbour state as `ip neigh` prints it; `NONE` for no bit. */
export function neighbourStateName(bits: number): string {
  const names = STATES.filter(([bit]) => (bits & bit) !== 0);
  return names.length === 0 ? "NONE" : names.map(([, name]) => name).join(",");
}

/**
 * Bits of a neighbour state.
 *
 * @throws {RangeError} When there is no state of that name.
 */
export function neighbourStateBits(name: string): number {
  const state = STATES.find(([, known]) => known === name);
  if (state === undefined) {
    throw new RangeError(
      `Cannot encode neighbour: expected a state such as "PERMANENT", got "${name}"`,
    );
  }
  return state[0];
}
