/**
 * systemd units from their files, without asking systemd: nothing is started
 * and nothing has to answer.
 *
 * @module
 */
import { type Fact, isKnown, known } from "../snapshot/fact.ts";
import type { FileFacts, UnitFacts } from "../snapshot/facts.ts";
import { readFileFacts, readTextOrNull } from "./files.ts";
import { listDirectory, readLink, statusOf } from "./raw_files.ts";
import { maskText } from "./secrets.ts";
import {
  expandCommand,
  parseEnvironmentFile,
  parseUnitFile,
  splitWords,
  unitValues,
} from "./unit_file.ts";

/** Where units are, strongest first, `systemd.unit(5)`. */
export const UNIT_DIRECTORIES = [
  "/etc/systemd/system.control",
  "/run/systemd/system.control",
  "/run/systemd/transient",
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
] as const;

/** Units looked for whether or not a process names them. */
const NAMES = [
  "flanneld.service",
  "flannel.service",
  "flandoc.service",
  "docker.service",
] as const;

/** A unit as systemd would start it. Holds secrets: not for a fact. */
export interface UnitCommand {
  readonly name: string;
  /** Words of ExecStart, variables put in; empty when there is none. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** `WorkingDirectory=`, or `/`. */
  readonly cwd: string;
}

/** Whether systemd runs this host, `sd_booted(3)`. */
export function isSystemd(): boolean {
  return statusOf("/run/systemd/system")?.type === "directory";
}

function readKnown(path: string): FileFacts | null {
  const fact = readFileFacts(path);
  return isKnown(fact) && fact.known.text !== null ? fact.known : null;
}

function isMasked(path: string): boolean {
  try {
    return readLink(path) === "/dev/null";
  } catch {
    return false;
  }
}

/** The unit's file and its drop-ins in the order systemd reads them, unmasked text. */
function unitFiles(
  name: string,
  directories: readonly string[],
): FileFacts[] {
  const files: FileFacts[] = [];
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    if (isMasked(path)) return [];
    const file = readKnown(path);
    if (file === null) continue;
    files.push(file);
    break;
  }
  // A drop-in of a stronger directory hides one of the same name.
  const dropIns = new Map<string, string>();
  for (const folder of [`${name}.d`, "service.d"]) {
    for (const directory of directories) {
      for (const entry of listDirectory(`${directory}/${folder}`)) {
        if (!entry.endsWith(".conf") || dropIns.has(entry)) continue;
        dropIns.set(entry, `${directory}/${folder}/${entry}`);
      }
    }
  }
  for (const [, path] of [...dropIns].sort(([a], [b]) => a < b ? -1 : 1)) {
    const file = isMasked(path) ? null : readKnown(path);
    if (file !== null) files.push(file);
  }
  return files;
}

function activeState(name: string): string | null {
  if (!isSystemd()) return null;
  for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd"]) {
    const group = `${root}/system.slice/${name}`;
    const events = readTextOrNull(`${group}/cgroup.events`);
    if (events !== null) {
      return /^populated 1$/m.test(events) ? "active" : "inactive";
    }
    const processes = readTextOrNull(`${group}/cgroup.procs`);
    if (processes !== null) return processes === "" ? "inactive" : "active";
  }
  return "inactive";
}

function settingsOf(files: readonly FileFacts[]) {
  return files.flatMap((file) => parseUnitFile(file.text ?? ""));
}

/** The command a unit starts, with its environment, or null without such a unit. */
export function readUnitCommand(
  name: string,
  directories: readonly string[] = UNIT_DIRECTORIES,
): UnitCommand | null {
  const settings = settingsOf(unitFiles(name, directories));
  const [command] = unitValues(settings, "Service", "ExecStart");
  if (command === undefined) return null;
  const environment: Record<string, string> = {};
  for (const value of unitValues(settings, "Service", "Environment")) {
    for (const word of splitWords(value)) {
      const at = word.indexOf("=");
      if (at > 0) environment[word.slice(0, at)] = word.slice(at + 1);
    }
  }
  // Files override Environment=, the later the stronger.
  for (const value of unitValues(settings, "Service", "EnvironmentFile")) {
    const text = readTextOrNull(value.replace(/^-/, ""));
    Object.assign(environment, parseEnvironmentFile(text ?? ""));
  }
  return {
    name,
    environment,
    argv: expandCommand(command, environment),
    cwd: unitValues(settings, "Service", "WorkingDirectory").at(-1)
      ?.replace(/^-/, "") ?? "/",
  };
}

/**
 * Units that matter: flanneld, flannel, flandoc, docker, and those that the
 * processes found belong to. Texts have their secrets masked.
 *
 * @param running unit names of processes, such as `mynet.service`
 */
export function readUnits(
  running: readonly string[] = [],
  directories: readonly string[] = UNIT_DIRECTORIES,
): Fact<readonly UnitFacts[]> {
  const units: UnitFacts[] = [];
  for (const name of new Set([...NAMES, ...running])) {
    const files = unitFiles(name, directories);
    if (files.length === 0) continue;
    const settings = settingsOf(files);
    units.push({
      name,
      files: files.map((file) => ({
        ...file,
        text: maskText(file.text ?? ""),
      })),
      restart: unitValues(settings, "Service", "Restart").at(-1) ?? null,
      active: activeState(name),
    });
  }
  return known(units);
}
