/**
 * Which programs a lab needs and whether this machine has them.
 *
 * @module
 */
import type { LabSpec } from "./lab_spec.ts";
import { packagesOf, type Program } from "./packages.ts";

const SYSTEM_DIRECTORIES = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** Programs that a lab of this kind starts. */
export function programsOf(spec: LabSpec): Program[] {
  const programs: Program[] = [
    ...["ip", "bridge", "nsenter", "unshare", "setsid", "mount"] as const,
    // Nothing of the lab's own needs sysctl; a fault does.
    ...["iptables", "etcd", "etcdctl", "sysctl"] as const,
  ];
  if (spec.etcd.tls) programs.push("openssl");
  if (spec.cloud) programs.push("nft");
  if (spec.containers !== "none") programs.push("busybox");
  if (spec.containers === "docker") programs.push("dockerd", "docker");
  return programs;
}

/** Those of the programs that are not on this machine. */
export function missingPrograms(programs: readonly Program[]): Program[] {
  return programs.filter((program) =>
    !SYSTEM_DIRECTORIES.some((directory) => isFile(`${directory}/${program}`))
  );
}

/**
 * Makes sure that this machine can hold a lab.
 *
 * @throws {Error} in one sentence that lists what is missing.
 */
export function requirePrograms(spec: LabSpec): void {
  if (Deno.uid() !== 0) {
    throw new Error(
      "Cannot make a lab: network namespaces need root, run it with sudo",
    );
  }
  const missing = missingPrograms(programsOf(spec));
  if (missing.length > 0) throw new Error(missingSentence(missing));
}

/** One sentence that lists what to install. */
export function missingSentence(missing: readonly Program[]): string {
  return `Cannot go on without ${missing.join(", ")}: install ${
    packagesOf(missing).join(", ")
  } (Debian's names), on Debian as root: apt-get install --no-install-recommends ${
    packagesOf(missing).join(" ")
  }`;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
