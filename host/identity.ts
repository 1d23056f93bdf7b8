/**
 * Who this host is.
 *
 * @module
 */
import { type Fact, known, unknown } from "../snapshot/fact.ts";
import type { HostFacts } from "../snapshot/facts.ts";
import { readTextOrNull } from "./files.ts";
import { readLink } from "./raw_files.ts";

/** DMI strings that tell a cloud; every word pair is `file` and pattern. */
const CLOUDS: readonly (readonly [string, DmiName, RegExp])[] = [
  ["alibaba", "sys_vendor", /^Alibaba Cloud/i],
  ["alibaba", "product_name", /^Alibaba Cloud/i],
  ["aws", "sys_vendor", /^Amazon EC2/i],
  ["aws", "bios_version", /amazon/i],
  // Hyper-V at home says the same vendor and product; the asset tag is Azure's.
  ["azure", "chassis_asset_tag", /^7783-7084-3265-9085-8269-3286-77$/],
  ["gce", "product_name", /^Google Compute Engine/i],
  ["tencent", "sys_vendor", /^Tencent Cloud/i],
  ["tencent", "product_name", /^(?:CVM|Tencent)/],
  ["openstack", "product_name", /^OpenStack/i],
  ["openstack", "sys_vendor", /^OpenStack/i],
];

/** A file of `/sys/class/dmi/id`. */
type DmiName =
  | "sys_vendor"
  | "product_name"
  | "bios_version"
  | "chassis_asset_tag";

/** What the firmware says of the machine; null where it says nothing. */
export type Dmi = Readonly<Record<DmiName, string | null>>;

function readDmi(): Dmi {
  const read = (name: DmiName) =>
    readTextOrNull(`/sys/class/dmi/id/${name}`)?.trim() || null;
  return {
    sys_vendor: read("sys_vendor"),
    product_name: read("product_name"),
    bios_version: read("bios_version"),
    chassis_asset_tag: read("chassis_asset_tag"),
  };
}

/** Name of the cloud the DMI strings tell, as {@linkcode HostFacts} lists them, or null. */
export function cloudOf(dmi: Dmi): string | null {
  for (const [cloud, name, pattern] of CLOUDS) {
    if (pattern.test(dmi[name] ?? "")) return cloud;
  }
  return null;
}

/** Value of a variable in the text of an os-release file, `os-release(5)`. */
export function osReleaseValue(text: string, name: string): string | null {
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=(["']?)(.*)\2\s*$/.exec(line);
    if (match?.[1] === name) {
      return (match[3] ?? "").replaceAll(/\\(["'`$\\])/g, "$1");
    }
  }
  return null;
}

/** Time of boot from `btime` of /proc/stat, seconds since 1970, or null. */
export function bootTime(): number | null {
  const match = /^btime (\d+)$/m.exec(readTextOrNull("/proc/stat") ?? "");
  return match === null ? null : Number(match[1]);
}

/** Inode of the network namespace of a process. @throws as `readlink(2)` fails */
export function networkNamespace(pid: number | "self" = "self"): string {
  return readLink(`/proc/${pid}/ns/net`).replace(/^net:\[(\d+)\]$/, "$1");
}

function effectiveUid(): number {
  const status = readTextOrNull("/proc/self/status") ?? "";
  const match = /^Uid:\s+\d+\s+(\d+)/m.exec(status);
  return match === null ? Deno.uid() ?? -1 : Number(match[1]);
}

/** Identity of the machine and the moment. Unknown only without /proc. */
export function readHost(now: Date = new Date()): Fact<HostFacts> {
  try {
    const dmi = readDmi();
    const release = readTextOrNull("/etc/os-release") ??
      readTextOrNull("/usr/lib/os-release") ?? "";
    const booted = bootTime();
    return known({
      hostname: Deno.hostname(),
      kernel: Deno.osRelease(),
      distribution: osReleaseValue(release, "PRETTY_NAME"),
      uid: effectiveUid(),
      netns: networkNamespace(),
      hardware: [dmi.sys_vendor, dmi.product_name].filter((part) =>
        part !== null
      ).join(" ") || null,
      cloud: cloudOf(dmi),
      taken: now.toISOString(),
      booted: booted === null ? null : new Date(booted * 1000).toISOString(),
    });
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}
