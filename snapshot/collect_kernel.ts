/**
 * The kernel's network state of this namespace.
 *
 * @module
 */
import { Netlink } from "../host/netlink/mod.ts";
import { reasonOf } from "./attempt.ts";
import { type Fact, known, unknown } from "./fact.ts";
import type { RawFacts } from "./facts.ts";

/** Facts that one netlink connection gives. */
export type KernelFacts = Pick<
  RawFacts,
  "links" | "addresses" | "routes" | "rules" | "neighbours" | "fdb"
>;

function read<T>(dump: () => T): Fact<T> {
  try {
    return known(dump());
  } catch (error) {
    return unknown(reasonOf(error));
  }
}

/** Dumps links, addresses, routes, rules, neighbours and forwarding entries. */
export function collectKernel(): KernelFacts {
  const opened = read(() => new Netlink());
  if ("unknown" in opened) {
    const lost = unknown<never>(opened.unknown);
    return {
      links: lost,
      addresses: lost,
      routes: lost,
      rules: lost,
      neighbours: lost,
      fdb: lost,
    };
  }
  using netlink = opened.known;
  return {
    links: read(() => netlink.links()),
    addresses: read(() => netlink.addresses()),
    routes: read(() => netlink.routes()),
    rules: read(() => netlink.rules()),
    neighbours: read(() => netlink.neighbours()),
    fdb: read(() => netlink.fdb()),
  };
}
