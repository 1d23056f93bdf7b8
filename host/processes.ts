/**
 * Processes of this network namespace that matter to a flannel network, from
 * `/proc`. A process of another network namespace belongs to another host as
 * far as flannel is concerned: a container, or a host of the lab.
 *
 * @module
 */
import { type Fact, known, unknown } from "../snapshot/fact.ts";
import type { ProcessFacts } from "../snapshot/facts.ts";
import { readTextOrNull } from "./files.ts";
import { bootTime, networkNamespace } from "./identity.ts";
import { programName } from "./process_names.ts";
import { listDirectory, readLink, readStart } from "./raw_files.ts";
import { maskArgv, maskEnvironment } from "./secrets.ts";
import { executableVersion } from "./executable_version.ts";

/**
 * A process with its real command line and environment, which discovery
 * needs. Only `facts` may leave the program: the rest may hold passwords.
 */
export interface HostProcess {
  readonly facts: ProcessFacts;
  readonly argv: readonly string[];
  /** FLANNELD_*, FLANDOC_*, DOCKER_* and a few more that flannel reads. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directory that its absolute paths begin at: empty, or `/proc/PID/root`. */
  readonly root: string;
}

/** Processes by where they live. */
export interface HostProcesses {
  /** Of this network namespace. */
  readonly here: readonly HostProcess[];
  /** Names and ids of those in other network namespaces: other hosts. */
  readonly elsewhere: readonly {
    readonly name: string;
    readonly pid: number;
  }[];
}

/** Clock ticks a second that `/proc/PID/stat` counts in, `USER_HZ`. */
const USER_HZ = 100;

/** Variables worth a look, besides the prefixes. */
const VARIABLES = new Set([
  "NODE_NAME",
  "POD_NAME",
  "POD_NAMESPACE",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "EVENT_QUEUE_DEPTH",
  "CONT_WHEN_CACHE_NOT_READY",
]);

/** Programs whose version is looked for in the executable. */
const VERSIONED = new Set(["flanneld", "dockerd"]);

function link(path: string): string | null {
  try {
    return readLink(path);
  } catch {
    return null;
  }
}

function splitZero(text: string): string[] {
  const parts = text.split("\0");
  if (parts.at(-1) === "") parts.pop();
  return parts;
}

/** Variables that matter, of the text of `/proc/PID/environ`. */
export function parseEnvironment(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of splitZero(text)) {
    const at = line.indexOf("=");
    const name = line.slice(0, at);
    if (/^(?:FLANNELD|FLANDOC|DOCKER)_/.test(name) || VARIABLES.has(name)) {
      found[name] = line.slice(at + 1);
    }
  }
  return found;
}

/** Service unit of the text of `/proc/PID/cgroup`, either hierarchy, or null. */
export function unitOfCgroup(text: string): string | null {
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== "" && controllers !== "name=systemd") continue;
    const parts = (path ?? "").split("/");
    const last = parts.at(-1) ?? "";
    if (last.endsWith(".service") && !parts.includes("user.slice")) return last;
  }
  return null;
}

/** Fields of the text of `/proc/PID/stat`, from the state on. */
function statFields(stat: string): string[] {
  // The name in parentheses may hold blanks and parentheses.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Start of a process in clock ticks since boot, of the text of `/proc/PID/stat`. */
export function startTicks(stat: string): number | null {
  const ticks = Number(statFields(stat)[19]);
  return Number.isInteger(ticks) ? ticks : null;
}

/**
 * Whether a process is about to run a program and still has its parent's
 * command line: an agent that starts `iptables` is not two agents.
 *
 * @param stat text of `/proc/PID/stat`
 */
export function isForkOf(stat: string, argv: readonly string[]): boolean {
  const parent = readTextOrNull(`/proc/${statFields(stat)[1]}/cmdline`) ?? "";
  return splitZero(parent).join("\0") === argv.join("\0");
}

/** Flags that hardly another program has. */
const FLANNELD_FLAG =
  /^--?(?:etcd-(?:endpoints|prefix)|subnet-file|kube-subnet-mgr|net-config-path)\b/;

/** Whether a Deno process runs flandoc's agent out of a source tree. */
export function isAgentFromSource(
  argv: readonly string[],
  cwd: string | null,
): boolean {
  const at = argv.findIndex((argument) =>
    /(?:^|\/)main\.[jt]s$/.test(argument)
  );
  if (at < 0 || argv[at + 1] !== "run") return false;
  const script = (argv[at] ?? "").replace(/^file:\/\//, "");
  const path = script.startsWith("/") ? script : `${cwd}/${script}`;
  const config = readTextOrNull(path.replace(/main\.[jt]s$/, "deno.json"));
  if (config !== null) return config.includes('"@flandoc/flandoc"');
  // A source tree that only root may enter: what it is told must do.
  return argv.slice(at + 2).some((argument) => FLANNELD_FLAG.test(argument));
}

function nameOf(pid: number): { name: string; argv: string[] } | null {
  const argv = splitZero(readTextOrNull(`/proc/${pid}/cmdline`) ?? "");
  if (argv.length === 0) return null;
  const executable = link(`/proc/${pid}/exe`)?.replace(/ \(deleted\)$/, "") ??
    null;
  const base = executable?.slice(executable.lastIndexOf("/") + 1) ?? null;
  const comm = (readTextOrNull(`/proc/${pid}/comm`) ?? "").trim();
  const name = programName({ comm, executable: base, argv });
  if (name !== null) return { name, argv };
  return isAgentFromSource(argv, link(`/proc/${pid}/cwd`))
    ? { name: "flandoc", argv }
    : null;
}

/** Bytes of a command line in which a word is looked for. */
const WORDS = 4096;

/** Whether a process's command line has a word in it; three system calls. */
function mentions(pid: number, word: string): boolean {
  const buffer = new Uint8Array(WORDS);
  const length = readStart(`/proc/${pid}/cmdline`, buffer);
  return length > 0 &&
    decoder.decode(buffer.subarray(0, length)).includes(word);
}

const decoder = new TextDecoder();

function rootOf(pid: number): string {
  const theirs = link(`/proc/${pid}/ns/mnt`);
  const same = theirs === null || theirs === link("/proc/self/ns/mnt");
  const chroot = link(`/proc/${pid}/root`);
  return same && (chroot === null || chroot === "/") ? "" : `/proc/${pid}/root`;
}

function readProcess(
  pid: number,
  name: string,
  argv: readonly string[],
  booted: number,
): HostProcess | null {
  const stat = readTextOrNull(`/proc/${pid}/stat`) ?? "";
  const ticks = startTicks(stat);
  if (ticks === null || isForkOf(stat, argv)) return null;
  const environment = parseEnvironment(
    readTextOrNull(`/proc/${pid}/environ`) ?? "",
  );
  return {
    argv,
    environment,
    root: rootOf(pid),
    facts: {
      pid,
      name,
      argv: maskArgv(argv),
      environment: maskEnvironment(environment),
      started: new Date((booted + ticks / USER_HZ) * 1000).toISOString(),
      unit: unitOfCgroup(readTextOrNull(`/proc/${pid}/cgroup`) ?? ""),
      version: VERSIONED.has(name) ? executableVersion(pid, name) : null,
      cwd: link(`/proc/${pid}/cwd`),
    },
  };
}

/**
 * Processes that matter, by process id. The own process is left out, and so
 * are those that end meanwhile. A process whose network namespace may not be
 * read (not root) counts as one of this namespace.
 *
 * @param word Processes whose command line does not have this word in it are
 * passed over: a host has hundreds, and a start waits for this. @default none
 */
export function readProcesses(word?: string): Fact<HostProcesses> {
  const ids = listDirectory("/proc").filter((name) => /^\d+$/.test(name))
    .map(Number).sort((a, b) => a - b);
  if (ids.length === 0) return unknown("/proc is not there or not readable");
  const own = link("/proc/self/ns/net") === null ? null : networkNamespace();
  const booted = bootTime() ?? 0;
  const here: HostProcess[] = [];
  const elsewhere: { name: string; pid: number }[] = [];
  for (const pid of ids) {
    if (pid === Deno.pid) continue;
    if (word !== undefined && !mentions(pid, word)) continue;
    const found = nameOf(pid);
    if (found === null) continue;
    const namespace = link(`/proc/${pid}/ns/net`)?.replace(/\D/g, "") ?? null;
    if (own !== null && namespace !== null && namespace !== own) {
      elsewhere.push({ name: found.name, pid });
      continue;
    }
    const process = readProcess(pid, found.name, found.argv, booted);
    if (process !== null) here.push(process);
  }
  return known({ here, elsewhere });
}
