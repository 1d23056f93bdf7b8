/**
 * Choice of the external interface, as flanneld makes it at its start.
 *
 * @module
 */
import { canonicalAddress, familyOf, parseIpv4, parseIpv6 } from "./address.ts";
import { sameAddress } from "./cidr.ts";
import type { LocalNode } from "./expected_types.ts";
import type { Address, Family, Link, Route } from "./kernel.ts";
import { MAIN_TABLE } from "./kernel.ts";
import { goRegExp } from "./go_regexp.ts";
import { atLeast, FLANNEL_LATEST } from "./version.ts";

/** flanneld's settings that decide; names follow its flags. */
export interface InterfaceOptions {
  readonly iface?: readonly string[];
  readonly ifaceRegex?: readonly string[];
  readonly ifaceCanReach?: string;
  readonly publicIP?: string;
  readonly publicIPv6?: string;
  /** Who says the address, for people. @default `--public-ip` */
  readonly publicIPFrom?: string;
  /** Who says the address, for people. @default `--public-ipv6` */
  readonly publicIPv6From?: string;
  /** Whether the network has IPv4. @default true */
  readonly ipv4?: boolean;
  /** Whether the network has IPv6. @default false */
  readonly ipv6?: boolean;
  /** Release whose preferences hold. @default FLANNEL_LATEST */
  readonly flannelVersion?: string;
}

/** Answer of a route lookup: where a packet to an address would leave. */
export interface RouteLookup {
  readonly device: string;
  /** Preferred source address, or null. */
  readonly source: string | null;
  /** Null when the address is on-link. */
  readonly gateway: string | null;
}

/** What the kernel has. */
export interface InterfaceFacts {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  /** Asked for `ifaceCanReach` only; null when there is no route. */
  readonly lookup?: (address: string) => RouteLookup | null;
}

/** The interface chosen, or why there is none in flanneld's words. */
export type InterfaceChoice =
  | { readonly node: LocalNode; readonly reason: string }
  | { readonly problem: string };

/** A candidate: a link and what decided on it. */
interface Match {
  readonly link: Link;
  readonly reason: string;
  /** Address that the setting itself named, by family. */
  readonly address?: string;
}

/** Loopback, multicast, link-local, or neither. */
function addressClass(address: string): "none" | "link-local" | "global" {
  const v4 = parseIpv4(address);
  if (v4 !== null) {
    const first = v4 >>> 24;
    if (first === 0 || first === 127 || first >= 224) return "none";
    return v4 >>> 16 === 0xa9fe ? "link-local" : "global";
  }
  const v6 = parseIpv6(address);
  if (v6 === null || v6 <= 1n || v6 >> 120n === 0xffn) return "none";
  return v6 >> 118n === 0x3fan ? "link-local" : "global";
}

/**
 * Addresses of one family on a device, best first. v0.28 wants global before
 * link-local, permanent before dynamic, lasting before temporary and leaves
 * deprecated ones out; v0.11 takes the first global one, else the last
 * link-local one.
 *
 * Source: flannel v0.28.9 pkg/ip/iface.go GetInterfaceIP4Addrs; v0.11.0
 * network/../pkg/ip/iface.go.
 */
export function preferredAddresses(
  addresses: readonly Address[],
  device: string,
  family: Family,
  flannelVersion: string = FLANNEL_LATEST,
): string[] {
  const all = addresses.filter((a) =>
    a.device === device && a.family === family &&
    addressClass(a.address) !== "none"
  );
  const isGlobal = (a: Address) => addressClass(a.address) === "global";
  if (!atLeast(flannelVersion, "0.28.0")) {
    const globals = all.filter(isGlobal);
    const local = all.filter((a) => !isGlobal(a)).reverse();
    return [...globals, ...local].map((a) => a.address);
  }
  const rank = (a: Address) =>
    (isGlobal(a) ? 0 : 4) + (a.flags.includes("dynamic") ? 2 : 0) +
    (a.flags.includes("temporary") ? 1 : 0);
  return all.filter((a) => !a.flags.includes("deprecated"))
    .sort((a, b) => rank(a) - rank(b))
    .map((a) => a.address);
}

const NOTHING_MATCHES =
  "Failed to find interface to use that matches the interfaces and/or regexes provided";

class Chooser {
  readonly #options: InterfaceOptions;
  readonly #facts: InterfaceFacts;
  readonly #version: string;
  readonly #links: readonly Link[];

  constructor(options: InterfaceOptions, facts: InterfaceFacts) {
    this.#options = options;
    this.#facts = facts;
    this.#version = options.flannelVersion ?? FLANNEL_LATEST;
    this.#links = [...facts.links].sort((a, b) => a.index - b.index);
  }

  choose(): InterfaceChoice {
    const match = this.#match();
    return "problem" in match ? match : this.#node(match);
  }

  #match(): Match | { readonly problem: string } {
    const { iface = [], ifaceRegex = [], ifaceCanReach = "" } = this.#options;
    for (const name of iface) {
      const match = this.#byNameOrAddress(name, "--iface");
      if (match !== null) return match;
    }
    for (const pattern of ifaceRegex) {
      const match = this.#byPattern(pattern);
      if (match !== null) return match;
    }
    if (ifaceCanReach !== "") {
      const match = this.#byReach(ifaceCanReach);
      if (match !== null) return match;
    }
    if (iface.length + ifaceRegex.length > 0 || ifaceCanReach !== "") {
      const invalid = ifaceRegex.filter((each) => goRegExp(each) === null)
        .map((each) => `; --iface-regex=${each} is no regular expression`);
      return { problem: NOTHING_MATCHES + invalid.join("") };
    }
    const publicIP = this.#options.publicIP || this.#options.publicIPv6 || "";
    const { publicIPFrom = "--public-ip", publicIPv6From = "--public-ipv6" } =
      this.#options;
    const from = this.#options.publicIP ? publicIPFrom : publicIPv6From;
    if (publicIP !== "" && atLeast(this.#version, "0.12.0")) {
      return this.#byNameOrAddress(publicIP, from) ?? {
        problem:
          `Failed to find any valid interface to use: error looking up interface ${publicIP}: no interface with given IP found`,
      };
    }
    return this.#byDefaultRoute();
  }

  #byNameOrAddress(value: string, flag: string): Match | null {
    const canonical = canonicalAddress(value);
    const device = canonical === null
      ? value
      : this.#facts.addresses.find((a) => sameAddress(a.address, canonical))
        ?.device;
    const link = this.#links.find((l) => l.name === device);
    if (link === undefined) return null;
    const reason = `${flag}=${value}`;
    return canonical === null
      ? { link, reason }
      : { link, reason, address: canonical };
  }

  #byPattern(pattern: string): Match | null {
    const regex = goRegExp(pattern);
    if (regex === null) return null;
    const reason = `--iface-regex=${pattern}`;
    const families = this.#families();
    for (const link of this.#links) {
      const hits = families.map((family) =>
        this.#candidates(link.name, family).find((a) => regex.test(a))
      );
      if (hits.every((a) => a !== undefined)) {
        return { link, reason, address: hits[0]! };
      }
    }
    const link = this.#links.find((l) => regex.test(l.name));
    return link === undefined ? null : { link, reason };
  }

  /** Addresses a pattern is held against: v0.11 looks at the best one only. */
  #candidates(device: string, family: Family): string[] {
    const all = preferredAddresses(
      this.#facts.addresses,
      device,
      family,
      this.#version,
    );
    return atLeast(this.#version, "0.12.0") ? all : all.slice(0, 1);
  }

  #byReach(address: string): Match | null {
    const answer = this.#facts.lookup?.(address) ?? null;
    const link = this.#links.find((l) => l.name === answer?.device);
    if (answer === null || link === undefined) return null;
    const reason = `--iface-can-reach=${address}`;
    return answer.source === null
      ? { link, reason }
      : { link, reason, address: answer.source };
  }

  #byDefaultRoute(): Match | { readonly problem: string } {
    const devices = this.#families().map((family) =>
      this.#defaultDevice(family)
    );
    if (devices.length === 2 && devices[0] !== devices[1]) {
      return {
        problem: `Cannot choose an interface: default routes differ, IPv4 by ${
          devices[0] ?? "none"
        }, IPv6 by ${devices[1] ?? "none"}`,
      };
    }
    const link = this.#links.find((l) => l.name === devices[0]);
    return link === undefined
      ? { problem: "Cannot choose an interface: no default route" }
      : { link, reason: "default route" };
  }

  #defaultDevice(family: Family): string | null {
    const wanted = family === 4 ? "0.0.0.0/0" : "::/0";
    const route = this.#facts.routes.find((r) =>
      r.family === family && r.table === MAIN_TABLE && r.dst === wanted
    );
    return route?.device ?? route?.nexthops?.[0]?.device ?? null;
  }

  #families(): Family[] {
    const { ipv4 = true, ipv6 = false } = this.#options;
    return [...(ipv4 ? [4 as const] : []), ...(ipv6 ? [6 as const] : [])];
  }

  /** Address of one family for a match, or null. */
  #address(match: Match, family: Family): string | null {
    if (match.address !== undefined && familyOf(match.address) === family) {
      return match.address;
    }
    const { publicIPv6 = "" } = this.#options;
    if (family === 6 && match.address !== undefined && publicIPv6 !== "") {
      const held = this.#facts.addresses.find((a) =>
        a.device === match.link.name && sameAddress(a.address, publicIPv6)
      );
      return held?.address ?? null;
    }
    return preferredAddresses(
      this.#facts.addresses,
      match.link.name,
      family,
      this.#version,
    )[0] ?? null;
  }

  #node(match: Match): InterfaceChoice {
    const { link } = match;
    if (link.mtu === 0) {
      return { problem: `Failed to determine MTU for ${link.name} interface` };
    }
    const found: Record<Family, string | null> = { 4: null, 6: null };
    for (const family of this.#families()) {
      found[family] = this.#address(match, family);
      if (found[family] === null) {
        return {
          problem:
            `failed to find IPv${family} address for interface ${link.name}`,
        };
      }
    }
    const { publicIP = "", publicIPv6 = "" } = this.#options;
    const invalid = publicIP !== "" && parseIpv4(publicIP) === null
      ? publicIP
      : publicIPv6 !== "" && parseIpv6(publicIPv6) === null
      ? publicIPv6
      : null;
    if (invalid !== null) {
      return { problem: `invalid public IP address: ${invalid}` };
    }
    const publish = (own: string | null, flag: string) =>
      own === null || flag === "" ? own : canonicalAddress(flag);
    return {
      reason: match.reason,
      node: {
        device: link.name,
        deviceMtu: link.mtu,
        address: found[4],
        ipv6Address: found[6],
        publicIP: publish(found[4], publicIP),
        publicIPv6: publish(found[6], publicIPv6),
        lease: null,
      },
    };
  }
}

/**
 * Chooses the external interface and its addresses: each `--iface`, each
 * `--iface-regex`, `--iface-can-reach`; when none of them is given the
 * interface that holds `--public-ip` (from v0.12 on), else the first default
 * route's. The node has no lease yet.
 *
 * Source: flannel v0.28.9 pkg/ipmatch/match.go, v0.11.0 main.go.
 */
export function chooseInterface(
  options: InterfaceOptions,
  facts: InterfaceFacts,
): InterfaceChoice {
  return new Chooser(options, facts).choose();
}
