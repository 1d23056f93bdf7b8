/**
 * Subnets that several hosts claim. Kubernetes may give two nodes one pod CIDR;
 * the kernel has room for one route and one neighbour entry of a subnet.
 *
 * @module
 */

/** How wanted objects are told apart. */
export interface Claims<T> {
  /** Where in the kernel an object is: two cannot be in one place. */
  readonly place: (wanted: T) => string;
  /** What makes it another than its rival: gateway, MAC. */
  readonly content: (wanted: T) => string;
  /** Whether the kernel has it so. */
  readonly isThere: (wanted: T) => boolean;
}

/** Wanted objects, one for each place. */
export interface Settled<T> {
  readonly wanted: readonly T[];
  /** Objects that are not wanted: a rival's is there, which does as well. */
  readonly lost: ReadonlySet<T>;
  /**
   * All claims to a place where none of them is, by the one of them that is
   * among those wanted.
   */
  readonly rivals: ReadonlyMap<T, readonly T[]>;
}

function settleOne<T>(claims: readonly T[], isThere: (wanted: T) => boolean) {
  const there = claims.find(isThere);
  return { kept: there ?? claims[0]!, isSettled: there !== undefined };
}

/**
 * Keeps one object for each place: the one that is there, since flannel leaves
 * the host it heard of last; else the first.
 */
export function settle<T>(
  wanted: readonly T[],
  { place, content, isThere }: Claims<T>,
): Settled<T> {
  const places = Map.groupBy(wanted, place);
  const lost = new Set<T>();
  const rivals = new Map<T, readonly T[]>();
  if (places.size === wanted.length) return { wanted, lost, rivals };
  const left: T[] = [];
  for (const claims of places.values()) {
    const { kept, isSettled } = settleOne(claims, isThere);
    left.push(kept);
    const others = claims.filter((each) => content(each) !== content(kept));
    if (others.length === 0) continue;
    for (const other of others) lost.add(other);
    if (!isSettled) rivals.set(kept, claims);
  }
  return { wanted: left, lost, rivals };
}
