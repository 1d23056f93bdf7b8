/** Names of `rtm_type` by number, iproute2's `rtnl_rtntype_n2a`. */
const TYPES = [
  "unspec",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
  "nat",
  "xresolve",
];

/** Name of a route type; the number in text when it has none. */
export function routeTypeName(number: number): string {
  return TYPES[number] ?? String(number);
}

/**
 * Number of a route type.
 *
 * @throws {RangeError} When there is no type of that name.
 */
export function routeTypeNumber(name: string): number {
  const number = TYPES.indexOf(name);
  if (number < 0) {
    throw new RangeError(
      `Cannot encode route: expected a type such as "unicast", got "${name}"`,
    );
  }
  return number;
}
