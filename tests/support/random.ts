/** Numbers from 0 up to, not including, 1: the same ones for the same seed. */
export type Random = () => number;

/** A small generator (mulberry32), so that a failed run can be had again. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same things in another order. */
export function shuffled<T>(things: readonly T[], random: Random): T[] {
  const left = [...things];
  const out: T[] = [];
  while (left.length > 0) {
    out.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return out;
}

/** The seed of this run: `FLANDOC_TEST_SEED`, else of the clock; printed. */
export function testSeed(): number {
  const seed = Number(
    Deno.env.get("FLANDOC_TEST_SEED") ?? Date.now() % 2 ** 32,
  );
  console.log(`FLANDOC_TEST_SEED=${seed}`);
  return seed;
}
