/**
 * The range subnets are taken from: flannel's defaults and limits.
 *
 * @module
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { type Cidr, formatCidr, ipv4Cidr, ipv6Cidr } from "./cidr.ts";
import type { ConfigProblem, ConfigProblemCode } from "./config_problem.ts";
import type { SubnetRange } from "./network_config_types.ts";
import { atLeast } from "./version.ts";

/** The options of one family, as decoded; absent ones are null. */
export interface RangeOptions {
  readonly network: Cidr | null;
  /** 0 means not given, as in flannel. */
  readonly subnetLen: number;
  readonly subnetMin: string | null;
  readonly subnetMax: string | null;
}

/** A range, or why there is none. */
export type RangeResult =
  | { readonly range: SubnetRange }
  | { readonly problems: readonly ConfigProblem[] };

/** Limits that differ by family. */
interface Limits {
  readonly prefix: string;
  readonly bits: number;
  /** Longest subnet length. */
  readonly longest: number;
  /** Longest network prefix when SubnetLen is left to flannel. */
  readonly longestNetwork: number;
  /** Up to this network prefix the default length is used. */
  readonly roomy: number;
  readonly defaultLen: number;
}

const LIMITS: Readonly<Record<4 | 6, Limits>> = {
  4: {
    prefix: "",
    bits: 32,
    longest: 30,
    longestNetwork: 28,
    roomy: 22,
    defaultLen: 24,
  },
  6: {
    prefix: "IPv6",
    bits: 128,
    longest: 126,
    longestNetwork: 124,
    roomy: 62,
    defaultLen: 64,
  },
};

function problem(
  code: ConfigProblemCode,
  option: string,
  value: string | null,
  wanted: string,
  message: string,
): ConfigProblem {
  return { code, option, value, wanted, message, position: null };
}

function lengthProblem(
  limits: Limits,
  network: Cidr,
  given: number,
  version: string,
): ConfigProblem | null {
  const option = `${limits.prefix}SubnetLen`;
  const least = network.prefixLength + 2;
  const wanted = `${least} to ${limits.longest}`;
  if (given > limits.longest) {
    return problem(
      "subnet-len-too-long",
      option,
      String(given),
      wanted,
      `SubnetLen must be less than /${limits.longest + 1}`,
    );
  }
  if (given !== 0 && given < least) {
    // v0.11 begins this message with a capital.
    const n = atLeast(version, "0.12.0") ? "n" : "N";
    return problem(
      "subnet-len-too-short",
      option,
      String(given),
      wanted,
      `${n}etwork must be able to accommodate at least four subnets`,
    );
  }
  if (given === 0 && network.prefixLength > limits.longestNetwork) {
    const [name, subject] = limits.prefix === ""
      ? ["Network", "network"]
      : ["IPv6Network", "IPv6Network"];
    return problem(
      "network-too-small",
      name!,
      formatCidr(network),
      `a prefix of at most /${limits.longestNetwork}`,
      `${subject} is too small. Minimum useful network prefix is /${limits.longestNetwork}`,
    );
  }
  return null;
}

/** A bound's integer, with the problems it has. */
function bound(
  limits: Limits,
  network: Cidr,
  size: bigint,
  which: "Min" | "Max",
  text: string | null,
): { readonly value: bigint; readonly problem: ConfigProblem | null } {
  const start = BigInt(network.start);
  const end = BigInt(network.end);
  if (text === null) {
    const value = which === "Min" ? start + size : end + 1n - size;
    return { value, problem: null };
  }
  const value = BigInt(parseIpv4(text) ?? parseIpv6(text) ?? 0);
  const option = `${limits.prefix}Subnet${which}`;
  const code = which === "Min" ? "subnet-min" : "subnet-max";
  if (value < start || value > end) {
    const message =
      `${option} is not in the range of the ${limits.prefix}Network`;
    const wanted = `an address in ${formatCidr(network)}`;
    return {
      value,
      problem: problem(`${code}-outside`, option, text, wanted, message),
    };
  }
  if ((value & (size - 1n)) !== 0n) {
    const message = `${option} is not on a SubnetLen boundary: ${text}`;
    const wanted = addressText(network, value & ~(size - 1n));
    return {
      value,
      problem: problem(`${code}-unaligned`, option, text, wanted, message),
    };
  }
  return { value, problem: null };
}

function addressText(network: Cidr, value: bigint): string {
  return network.family === 4 ? formatIpv4(Number(value)) : formatIpv6(value);
}

/**
 * Fills in the defaults of one family and checks its limits, in the order of
 * CheckNetworkConfig (flannel v0.28.9 pkg/subnet/config.go). The first subnet
 * of the network is left out unless SubnetMin asks for it. flannel does not
 * check that SubnetMin is below SubnetMax, so neither does this.
 */
export function deriveSubnetRange(
  family: 4 | 6,
  options: RangeOptions,
  version: string,
): RangeResult {
  const limits = LIMITS[family];
  const { network } = options;
  if (network === null) {
    const name = `${limits.prefix}Network`;
    const message =
      `please define a correct ${name} parameter in the flannel config`;
    const wanted = family === 4 ? "such as 10.244.0.0/16" : "such as fd00::/48";
    return {
      problems: [problem("network-missing", name, null, wanted, message)],
    };
  }
  const wrong = lengthProblem(limits, network, options.subnetLen, version);
  if (wrong !== null) return { problems: [wrong] };
  const prefix = network.prefixLength;
  const subnetLen = options.subnetLen !== 0
    ? options.subnetLen
    : prefix <= limits.roomy
    ? limits.defaultLen
    : prefix + 2;
  const size = 1n << BigInt(limits.bits - subnetLen);
  const min = bound(limits, network, size, "Min", options.subnetMin);
  const max = bound(limits, network, size, "Max", options.subnetMax);
  const problems = [min.problem, max.problem].filter((p) => p !== null);
  if (problems.length > 0) return { problems };
  return {
    range: {
      network: formatCidr(network),
      subnetLen,
      subnetMin: addressText(network, min.value),
      subnetMax: addressText(network, max.value),
    },
  };
}

/**
 * The range where flannel does not validate: Kubernetes from v0.20 on, where
 * the nodes' podCIDRs are the subnets and the range only names the network.
 */
export function unvalidatedRange(
  network: Cidr,
  subnetLen: number,
): SubnetRange {
  const longest = network.family === 4 ? 32 : 128;
  const length = Math.min(
    longest,
    Math.max(subnetLen, network.prefixLength),
  );
  const last = network.family === 4
    ? ipv4Cidr(network.end, length)
    : ipv6Cidr(network.end, length);
  return {
    network: formatCidr(network),
    subnetLen: length,
    subnetMin: addressText(network, BigInt(network.start)),
    subnetMax: addressText(network, BigInt(last.start)),
  };
}
