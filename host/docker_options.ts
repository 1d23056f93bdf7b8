/**
 * dockerd's options as its command line and its configuration file give them,
 * with the place each comes from.
 *
 * @module
 */
import type { Setting } from "../snapshot/facts.ts";

/** Options of dockerd that matter here; absent where neither place has it. */
export interface DockerOptions {
  readonly bip?: Setting<string>;
  readonly mtu?: Setting<number>;
  readonly ipMasq?: Setting<boolean>;
  readonly iptables?: Setting<boolean>;
  readonly ipForward?: Setting<boolean>;
  readonly liveRestore?: Setting<boolean>;
  readonly bridge?: Setting<string>;
  readonly hosts: readonly string[];
}

/** dockerd flags with a value, by their long name. */
const VALUED: Readonly<Record<string, string>> = {
  bip: "bip",
  mtu: "mtu",
  bridge: "bridge",
  b: "bridge",
  host: "host",
  H: "host",
  "config-file": "config-file",
};

const BOOLEAN = new Set(["ip-masq", "iptables", "ip-forward", "live-restore"]);

/** Values of dockerd's flags, in order, by long name. */
export function parseDockerArgv(
  argv: readonly string[],
): Map<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string, value: string) =>
    found.set(name, [...found.get(name) ?? [], value]);
  for (let at = 1; at < argv.length; at++) {
    const word = argv[at] ?? "";
    const short = /^-([Hb])=?(.+)$/s.exec(word);
    const long = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
    if (short !== null && !word.startsWith("--")) {
      add(VALUED[short[1] ?? ""] ?? "", short[2] ?? "");
      continue;
    }
    const [, name = "", value] = long ?? [];
    const valued = VALUED[name];
    if (valued !== undefined) add(valued, value ?? argv[++at] ?? "");
    else if (BOOLEAN.has(name)) add(name, value ?? "true");
  }
  return found;
}

/** Members of a daemon.json; empty when it is absent or no JSON object. */
export function parseDaemonJson(
  text: string | null,
): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : {};
  } catch {
    return {};
  }
}

/** Go's strconv.ParseBool, which dockerd reads boolean flags with. */
function parseBool(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (/^(?:1|t|T|true|TRUE|True)$/.test(String(value))) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(String(value))) return false;
  return undefined;
}

/**
 * Options given to dockerd. It refuses to start when one is in both places,
 * so that the command line is looked at first.
 */
export function dockerOptions(
  argv: readonly string[],
  json: Readonly<Record<string, unknown>>,
): DockerOptions {
  const flags = parseDockerArgv(argv);
  function pick<T>(
    name: string,
    convert: (value: unknown) => T | undefined,
  ): Setting<T> | undefined {
    const given = flags.get(name)?.at(-1);
    const value = convert(given ?? json[name]);
    if (value === undefined) return undefined;
    const source = given === undefined ? "daemon.json" : "argv";
    return { value, source };
  }
  const text = (value: unknown) =>
    typeof value === "string" && value !== "" ? value : undefined;
  const number = (value: unknown) => {
    const parsed = Number(value ?? 0);
    return Number.isInteger(parsed) && parsed > 0 ? parsed : undefined;
  };
  const found = {
    bip: pick("bip", text),
    mtu: pick("mtu", number),
    bridge: pick("bridge", text),
    ipMasq: pick("ip-masq", parseBool),
    iptables: pick("iptables", parseBool),
    ipForward: pick("ip-forward", parseBool),
    liveRestore: pick("live-restore", parseBool),
  };
  const hosts = flags.get("host") ??
    (Array.isArray(json["hosts"])
      ? json["hosts"].filter((host) => typeof host === "string")
      : []);
  return {
    ...Object.fromEntries(
      Object.entries(found).filter(([, setting]) => setting !== undefined),
    ),
    hosts,
  };
}
