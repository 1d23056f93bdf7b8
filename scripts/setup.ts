/**
 * What the demo, the tests and the benches need besides Deno: names it, and
 * installs it where that is possible.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { aptInstall } from "./apt_install.ts";
import { packagesOf, type Program, PROGRAMS } from "../lab/packages.ts";
import { missingPrograms, missingSentence } from "../lab/programs.ts";

/** What to do about missing programs. */
export interface EnsureOptions {
  /** Installs them on Debian as root; else only says what is missing. */
  readonly install: boolean;
  /** @default what the lab, the tests and the demo start */
  readonly programs?: readonly Program[];
}

/**
 * Makes sure that the programs are there. Names what it installs before it
 * does, and keeps the services in those packages from starting.
 *
 * @returns Whether they are there; if not, it has said what to install.
 */
export async function ensurePrograms(options: EnsureOptions): Promise<boolean> {
  const programs = options.programs ?? PROGRAMS;
  const missing = missingPrograms(programs);
  if (missing.length > 0) {
    if (!options.install || !canInstall()) {
      console.error(missingSentence(missing) + rootClause(Deno.uid()));
      return false;
    }
    const packages = packagesOf(missing);
    console.error(
      `Installing with apt-get: ${packages.join(", ")} (for ${
        missing.join(", ")
      }; no service is started)`,
    );
    await installPackages(packages);
    const still = missingPrograms(programs);
    if (still.length > 0) {
      console.error(missingSentence(still));
      return false;
    }
  }
  if (Deno.uid() === 0) return true;
  console.error("Cannot make network namespaces: run this as root");
  return false;
}

/** End of a sentence about what is missing, for a user who is not root. */
export function rootClause(uid: number | null): string {
  return uid === 0 ? "" : "; then run this as root, for network namespaces";
}

/** Whether this is a Debian, or made from it, and we are root. */
function canInstall(): boolean {
  return Deno.uid() === 0 && isDebian(readText("/etc/os-release"));
}

/** Reads os-release(5) text. */
export function isDebian(osRelease: string): boolean {
  return /^(ID|ID_LIKE)=.*\bdebian\b/m.test(osRelease);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const POLICY = "/usr/sbin/policy-rc.d";

/**
 * Debian asks `policy-rc.d` whether a package may start its service; ours says
 * no, for etcd and Docker of the machine itself are not wanted here.
 */
async function installPackages(packages: readonly string[]): Promise<void> {
  const own = readText(POLICY) === "";
  if (own) {
    Deno.writeTextFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  }
  try {
    const complaint = await aptInstall({
      get: (...args) => runQuietly("apt-get", [...APT_OPTIONS, ...args]),
      configure: () => runQuietly("dpkg", ["--configure", "-a"]),
      pause: (seconds) =>
        new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
    }, packages);
    if (complaint !== "") console.error(complaint);
  } finally {
    if (own) Deno.removeSync(POLICY);
  }
}

/**
 * Another apt-get may run on a machine that has just started, a mirror may
 * drop a connection, and a changed configuration file is nothing to ask about.
 */
const APT_OPTIONS = [
  "--quiet=2",
  ...[
    "DPkg::Lock::Timeout=60",
    "Acquire::Retries=3",
    "Dpkg::Options::=--force-confold",
  ].flatMap((option) => ["-o", option]),
];

/** What a program complained of; empty when it did what it was asked to. */
async function runQuietly(
  program: string,
  args: readonly string[],
): Promise<string> {
  const { success, code, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return "";
  const said = new TextDecoder().decode(stderr).trim();
  return said === "" ? `${program}: exit status ${code}` : said;
}

if (import.meta.main) {
  Deno.exitCode = await ensurePrograms({ install: true }) ? 0 : 1;
}
