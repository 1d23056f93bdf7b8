/**
 * subnet.env as the agent reads and writes it.
 *
 * @module
 */
import { type SubnetPair, subnetPair } from "../flannel/allocation.ts";
import { canonicalCidr } from "../flannel/cidr.ts";
import type { Lease } from "../flannel/lease.ts";
import type {
  NetworkConfig,
  SubnetEnv,
} from "../flannel/network_config_types.ts";
import {
  firstAddressOf,
  formatSubnetEnv,
  parseSubnetEnv,
} from "../flannel/subnet_env.ts";
import { writeFileAtomic } from "../host/write_file.ts";

/** What an agent writes for its lease. */
export function subnetEnvOf(
  config: NetworkConfig,
  lease: Lease,
  mtu: number,
  ipMasq: boolean,
): SubnetEnv {
  const { subnet, ipv6Subnet } = lease;
  return {
    network: config.ipv4?.network ?? null,
    subnet: subnet === null ? null : firstAddressOf(subnet),
    ipv6Network: config.ipv6?.network ?? null,
    ipv6Subnet: ipv6Subnet === null ? null : firstAddressOf(ipv6Subnet),
    mtu,
    ipMasq,
  };
}

/** The file's contents, or null when there is none that can be used. */
export function readSubnetFile(path: string): SubnetEnv | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    return null;
  }
  return parseSubnetEnv(text).env;
}

/** The subnets of a subnet.env, which this host had before. */
export function previousSubnets(env: SubnetEnv | null): SubnetPair | null {
  if (env === null) return null;
  const pair = subnetPair(env.subnet, env.ipv6Subnet);
  return pair.subnet === null && pair.ipv6Subnet === null ? null : pair;
}

/** The networks of a subnet.env, of either family. */
export function networksOf(env: SubnetEnv | null): string[] {
  return [env?.network, env?.ipv6Network].flatMap((network) =>
    canonicalCidr(network ?? "") ?? []
  );
}

/**
 * Writes subnet.env, whole or not at all, mode 0644; its directory is made.
 * A file that says the same already is left, with its time.
 *
 * @returns whether it was written
 */
export function writeSubnetFile(path: string, env: SubnetEnv): boolean {
  const text = formatSubnetEnv(env);
  try {
    if (Deno.readTextFileSync(path) === text) return false;
  } catch {
    // It is not there, or cannot be read: the write will tell.
  }
  const slash = path.lastIndexOf("/");
  if (slash > 0) Deno.mkdirSync(path.slice(0, slash), { recursive: true });
  writeFileAtomic(path, text, 0o644);
  return true;
}
