/**
 * flanneld's command line: every flag with its history, and a reader for the
 * command lines found on hosts.
 *
 * Source: flannel v0.28.9 and v0.11.0 main.go.
 *
 * @module
 */
import { nearestName } from "./config_options.ts";
import { atLeast, FLANNEL_LATEST } from "./version.ts";

/** Go type of a flag. `strings` may be given more than once. */
export type FlagType = "string" | "strings" | "bool" | "int";

/** A flag of flanneld. */
export interface FlagSpecification {
  readonly name: string;
  readonly type: FlagType;
  /** As text; empty where there is none. */
  readonly default: string;
  /** First release that has it; absent for v0.10 and older. */
  readonly since?: string;
  /** Environment variable that stands for it. */
  readonly env: string;
  /** Whether its value must not be shown. */
  readonly secret: boolean;
}

type Row = readonly [
  name: string,
  type: FlagType,
  fallback: string,
  since?: string,
];

const ROWS: readonly Row[] = [
  [
    "etcd-endpoints",
    "string",
    "http://127.0.0.1:4001,http://127.0.0.1:2379",
  ],
  ["etcd-prefix", "string", "/coreos.com/network"],
  ["etcd-keyfile", "string", ""],
  ["etcd-certfile", "string", ""],
  ["etcd-cafile", "string", ""],
  ["etcd-username", "string", ""],
  ["etcd-password", "string", ""],
  ["kube-subnet-mgr", "bool", "false"],
  ["kube-api-url", "string", ""],
  ["kubeconfig-file", "string", ""],
  ["kube-annotation-prefix", "string", "flannel.alpha.coreos.com", "0.11.0"],
  ["iface", "strings", ""],
  ["iface-regex", "strings", ""],
  ["iface-can-reach", "string", "", "0.18.0"],
  ["public-ip", "string", ""],
  ["public-ipv6", "string", "", "0.15.0"],
  ["subnet-file", "string", "/run/flannel/subnet.env"],
  ["subnet-lease-renew-margin", "int", "60"],
  ["ip-masq", "bool", "false"],
  ["ip-masq-fully-random-disable", "bool", "false", "0.27.4"],
  ["iptables-resync", "int", "5", "0.11.0"],
  ["iptables-forward-rules", "bool", "true", "0.11.0"],
  ["ip-blackhole-route", "bool", "false", "0.27.1"],
  ["healthz-ip", "string", "0.0.0.0"],
  ["healthz-port", "int", "0"],
  ["net-config-path", "string", "/etc/kube-flannel/net-conf.json", "0.12.0"],
  ["set-node-network-unavailable", "bool", "true", "0.15.0"],
  ["version", "bool", "false"],
  ["v", "int", "0"],
  ["vmodule", "string", ""],
  ["log_backtrace_at", "string", ""],
];

/** glog's and klog's own flags, which flanneld takes as well. */
const LOG_FLAGS: readonly Row[] = [
  ["alsologtostderr", "bool", "false"],
  ["logtostderr", "bool", "true"],
  ["log_dir", "string", ""],
  ["stderrthreshold", "string", "2"],
  ["add_dir_header", "bool", "false", "0.12.0"],
  ["log_file", "string", "", "0.12.0"],
  ["log_file_max_size", "int", "1800", "0.12.0"],
  ["one_output", "bool", "false", "0.15.0"],
  ["skip_headers", "bool", "false", "0.12.0"],
  ["skip_log_headers", "bool", "false", "0.12.0"],
];

/** The variable that stands for a flag: `FLANNELD_ETCD_PREFIX`. */
export function flagVariable(name: string): string {
  return `FLANNELD_${name.toUpperCase().replaceAll("-", "_")}`;
}

function specify([name, type, fallback, since]: Row): FlagSpecification {
  return {
    name,
    type,
    default: fallback,
    env: flagVariable(name),
    secret: name === "etcd-password",
    ...(since === undefined ? {} : { since }),
  };
}

/** Every flag that flanneld documents, in the order of its source. */
export const FLANNELD_FLAGS: readonly FlagSpecification[] = ROWS.map(specify);

/** Flags that only say how to log, which an agent without glog may pass over. */
export const LOGGING_FLAGS: readonly FlagSpecification[] = [
  ...ROWS.filter(([name]) => name === "vmodule" || name === "log_backtrace_at"),
  ...LOG_FLAGS,
].map(specify);

const ALL: ReadonlyMap<string, FlagSpecification> = new Map(
  [...ROWS, ...LOG_FLAGS].map((row) => [row[0], specify(row)]),
);

/** The flag of that name, logging flags too, or undefined. */
export function flagSpecification(
  name: string,
): FlagSpecification | undefined {
  return ALL.get(name);
}

/** A flag that makes flanneld print its usage and exit with status 0. */
export interface FlagProblem {
  readonly code: "unknown" | "not-in-version" | "bad-value" | "no-value";
  /** Without dashes. */
  readonly flag: string;
  readonly value: string | null;
  /** First release that has it; for not-in-version. */
  readonly since: string | null;
  /** The known flag most like it; for unknown. */
  readonly nearest: string | null;
}

/** A command line as read. */
export interface ParsedFlags {
  /** Values as text by flag, each in the order given. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly FlagProblem[];
  /** Words after the flags, which flanneld ignores. */
  readonly rest: readonly string[];
}

const BOOLEANS: ReadonlySet<string> = new Set(
  "1 t T TRUE true True 0 f F FALSE false False".split(" "),
);

/** Whether Go's flag package takes a text for a type. */
function isValid(type: FlagType, value: string): boolean {
  if (type === "bool") return BOOLEANS.has(value);
  if (type !== "int") return true;
  return /^[+-]?(\d[\d_]*|0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+)$/
    .test(value);
}

/**
 * The number that Go's flag package reads from a text, or null: `5`, `+5`,
 * `0x10`, `0b1`, `1_000`, and octal after a zero.
 */
export function parseGoInt(text: string): number | null {
  if (!isValid("int", text)) return null;
  const digits = text.replace(/^[+-]/, "").replaceAll("_", "");
  const octal = /^0[0-7]+$/.test(digits);
  // Go takes no 08, which would be octal.
  if (/^0\d/.test(digits) && !octal) return null;
  const value = Number(octal ? `0o${digits.slice(1)}` : digits);
  return text.startsWith("-") ? -value : value;
}

/** Whether a boolean flag's text means true. */
export function isTrue(value: string): boolean {
  return ["1", "t", "T", "TRUE", "true", "True"].includes(value);
}

/**
 * Reads flanneld's arguments (without the program) as Go's flag package does:
 * one dash or two, `--flag=value` or `--flag value`, booleans only with `=`,
 * everything after `--` or the first plain word is left. Where flanneld would
 * give up at an unknown flag this reads on, since the rest still tells what
 * was meant.
 */
export function parseFlags(
  args: readonly string[],
  flannelVersion: string = FLANNEL_LATEST,
): ParsedFlags {
  const values = new Map<string, string[]>();
  const problems: FlagProblem[] = [];
  let index = 0;
  for (; index < args.length; index++) {
    const word = args[index]!;
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word);
    if (match === null) break;
    const name = match[1]!;
    let value = match[2];
    const flag = ALL.get(name);
    const add = (code: FlagProblem["code"], given: string | null) =>
      problems.push({
        code,
        flag: name,
        value: given,
        since: code === "not-in-version" ? flag?.since ?? null : null,
        nearest: code === "unknown" ? nearestName(name, [...ALL.keys()]) : null,
      });
    if (flag === undefined) {
      add("unknown", value ?? null);
      // The value of an unknown flag would otherwise end the reading.
      const next = args[index + 1];
      if (value === undefined && next !== undefined && !next.startsWith("-")) {
        index++;
      }
      continue;
    }
    if (flag.since !== undefined && !atLeast(flannelVersion, flag.since)) {
      add("not-in-version", value ?? null);
    }
    if (value === undefined) {
      if (flag.type === "bool") value = "true";
      else if (index + 1 < args.length) value = args[++index]!;
      else {
        add("no-value", null);
        continue;
      }
    }
    if (!isValid(flag.type, value)) {
      add("bad-value", value);
      continue;
    }
    const given = values.get(name);
    if (given === undefined || flag.type !== "strings") {
      values.set(name, [value]);
    } else given.push(value);
  }
  if (args[index] === "--") index++;
  return { values, problems, rest: args.slice(index) };
}

/** A flag's value with where it comes from. */
export interface FlagValue {
  /** Texts; more than one only for a repeatable flag, none when unset. */
  readonly values: readonly string[];
  readonly source: "flag" | "environment" | "default";
}

/**
 * The value in force: the command line, else the variable when it is not
 * empty and valid, else the default. A variable gives a repeatable flag one
 * value.
 */
export function flagValue(
  name: string,
  flags: ParsedFlags,
  environment: Readonly<Record<string, string>>,
): FlagValue {
  const flag = ALL.get(name);
  if (flag === undefined) throw new TypeError(`Cannot read flag: no "${name}"`);
  const given = flags.values.get(name);
  if (given !== undefined) return { values: given, source: "flag" };
  const variable = environment[flag.env] ?? "";
  if (variable !== "" && isValid(flag.type, variable)) {
    return { values: [variable], source: "environment" };
  }
  const values = flag.default === "" ? [] : [flag.default];
  return { values, source: "default" };
}
