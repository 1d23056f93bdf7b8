/**
 * Kernel settings under `/proc/sys`. The kernel shows each process those of
 * its own network namespace.
 *
 * @module
 */
import { type Fact, known, unknown } from "../snapshot/fact.ts";
import { listDirectory, readText, writeOnce } from "./raw_files.ts";

/** Settings outside the per-device directories. */
const GLOBAL = [
  "net.ipv4.ip_forward",
  "net.ipv4.neigh.default.gc_thresh1",
  "net.ipv4.neigh.default.gc_thresh2",
  "net.ipv4.neigh.default.gc_thresh3",
  "net.ipv6.neigh.default.gc_thresh1",
  "net.ipv6.neigh.default.gc_thresh2",
  "net.ipv6.neigh.default.gc_thresh3",
  "net.bridge.bridge-nf-call-iptables",
  "net.bridge.bridge-nf-call-ip6tables",
  "net.bridge.bridge-nf-call-arptables",
  "net.netfilter.nf_conntrack_max",
  "net.netfilter.nf_conntrack_count",
] as const;

/** Settings read of every device, `all` and `default`. */
const PER_DEVICE = {
  "net.ipv4.conf": ["forwarding", "rp_filter", "proxy_arp"],
  "net.ipv6.conf": ["forwarding", "disable_ipv6", "accept_ra"],
} as const;

/**
 * File of a setting. A dot in a device name is written as a slash, as
 * `sysctl(8)` does: `net.ipv4.conf.flannel/1.forwarding`.
 */
export function sysctlPath(key: string): string {
  const swapped = key.replaceAll(
    /[./]/g,
    (separator) => separator === "." ? "/" : ".",
  );
  return `/proc/sys/${swapped}`;
}

/** Name of a device's setting: `sysctlKey("net.ipv4.conf", "flannel.1", "forwarding")`. */
export function sysctlKey(
  directory: string,
  device: string,
  name: string,
): string {
  return `${directory}.${device.replaceAll(".", "/")}.${name}`;
}

function keysToRead(): string[] {
  const keys: string[] = [...GLOBAL];
  for (const [directory, names] of Object.entries(PER_DEVICE)) {
    for (const device of listDirectory(sysctlPath(directory))) {
      for (const name of names) keys.push(sysctlKey(directory, device, name));
    }
  }
  return keys;
}

/**
 * One setting, or null when this kernel has none.
 *
 * @throws {Deno.errors.PermissionDenied} when it may not be read
 */
export function readSysctl(key: string): string | null {
  try {
    return readText(sysctlPath(key)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Changes one setting.
 *
 * @throws {Deno.errors.NotFound} when this kernel has none
 * @throws {Deno.errors.PermissionDenied} when not root
 */
export function writeSysctl(key: string, value: string): void {
  writeOnce(sysctlPath(key), value);
}

/**
 * Settings that matter to a flannel network, by dotted name. What the kernel
 * does not have, or does not show in a network namespace, is absent.
 */
export function readSysctls(): Fact<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  try {
    for (const key of keysToRead()) {
      const value = readSysctl(key);
      if (value !== null) values[key] = value;
    }
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
  return Object.keys(values).length === 0
    ? unknown("/proc/sys is not there: /proc is not mounted")
    : known(values);
}
