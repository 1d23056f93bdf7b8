/**
 * Places that settings come from, strongest first.
 *
 * @module
 */
import type { HostProcess } from "../host/processes.ts";
import type { UnitCommand } from "../host/systemd.ts";
import { flagVariable } from "../flannel/flags.ts";
import { agentFlags, type FlagValues } from "./flag_values.ts";
import { flandocVariable } from "./setting_table.ts";

/** One place, asked by flag name. */
export interface SettingLayer {
  /** Values and their source; undefined where this place has none. */
  get(flag: string):
    | { readonly values: readonly string[]; readonly source: string }
    | undefined;
  /** Directory that relative paths begin at. */
  readonly cwd: string;
  /** Prefix of absolute paths: empty, or `/proc/PID/root`. */
  readonly root: string;
  /** Whether a value of the wrong form is the user's mistake. */
  readonly strict: boolean;
}

/** What flandoc itself was called with. */
export function flagLayer(flags: FlagValues, cwd: string): SettingLayer {
  return {
    cwd,
    root: "",
    strict: true,
    get(flag) {
      const values = flags.get(flag);
      return values && { values, source: `flag --${flag}` };
    },
  };
}

/** flandoc's own environment: `FLANDOC_*` before `FLANNELD_*`. */
export function environmentLayer(
  environment: Readonly<Record<string, string>>,
  cwd: string,
): SettingLayer {
  return {
    cwd,
    root: "",
    strict: true,
    get(flag) {
      for (const name of [flandocVariable(flag), flagVariable(flag)]) {
        const value = environment[name];
        // flannel takes an empty variable for none.
        if (value) return { values: [value], source: `environment ${name}` };
      }
    },
  };
}

function programLayer(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  source: string,
  place: { readonly cwd: string; readonly root: string },
): SettingLayer {
  const flags = agentFlags(argv);
  const variables = environmentLayer(environment, place.cwd);
  return {
    ...place,
    strict: false,
    get(flag) {
      const values = flags.get(flag) ?? variables.get(flag)?.values;
      return values && { values, source };
    },
  };
}

/** A running agent: `flanneld (pid 812)`. */
export function processLayer(process: HostProcess): SettingLayer {
  const { name, pid, cwd } = process.facts;
  return programLayer(
    process.argv,
    process.environment,
    `${name} (pid ${pid})`,
    { cwd: cwd ?? "/", root: process.root },
  );
}

/**
 * A unit that would start the agent: `unit flanneld.service`. The packages of
 * CentOS and Fedora start it through `flanneld-start`, which makes two flags
 * of variables of its own.
 */
export function unitLayer(unit: UnitCommand): SettingLayer {
  const source = `unit ${unit.name}`;
  const layer = programLayer(unit.argv, unit.environment, source, {
    cwd: unit.cwd,
    root: "",
  });
  if (!unit.argv[0]?.endsWith("/flanneld-start")) return layer;
  const own: Readonly<Record<string, readonly string[]>> = {
    "etcd-endpoints": ["FLANNEL_ETCD_ENDPOINTS", "FLANNEL_ETCD"],
    "etcd-prefix": ["FLANNEL_ETCD_PREFIX", "FLANNEL_ETCD_KEY"],
  };
  return {
    ...layer,
    get(flag) {
      const given = layer.get(flag);
      if (given !== undefined) return given;
      const name = own[flag]?.find((name) => unit.environment[name]);
      const value = name && unit.environment[name];
      return value ? { values: [value], source } : undefined;
    },
  };
}

/** Fixed values with one source, such as what k3s gives its flannel. */
export function fixedLayer(
  values: Readonly<Record<string, string>>,
  source: string,
): SettingLayer {
  return {
    cwd: "/",
    root: "",
    strict: false,
    get(flag) {
      const value = values[flag];
      return value === undefined ? undefined : { values: [value], source };
    },
  };
}
