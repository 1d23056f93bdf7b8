/**
 * Carries changes out, takes them back, and tells how they stand. Each kind is
 * one call of `host/`; routes go in batches.
 *
 * @module
 */
import { applyNetfilter } from "../host/netfilter/mod.ts";
import { runProgram } from "../host/program.ts";
import type { Change } from "./action.ts";
import {
  applyRoutes,
  type RouteChange,
  routeStandings,
  type Standing,
  undoRoutes,
} from "./apply_routes.ts";
import type { HostOptions } from "./host_options.ts";
import { inverse } from "./inverse.ts";
import {
  countRules,
  type NetfilterChange,
  netfilterStanding,
  readChains,
  undoChange,
} from "./netfilter_standing.ts";
import {
  absentDirectories,
  type FileChange,
  fileStanding,
  writeFile,
} from "./write_file.ts";
import {
  restoreSetting,
  settingsAlong,
  settingStanding,
  writeSetting,
} from "./write_setting.ts";

/**
 * A change with what has to be known to take it back exactly: settings that
 * the kernel changes along, directories that are made, copies of rules there.
 */
export async function noteChange(
  change: Change,
  options: HostOptions = {},
): Promise<Change> {
  switch (change.kind) {
    case "netfilter": {
      const [rules] = await readChains([change], options);
      return { ...change, found: countRules(change.edits, rules ?? []) };
    }
    case "sysctl": {
      const along = settingsAlong(change.key, options);
      return along === undefined ? change : { ...change, along };
    }
    case "file": {
      const directories = absentDirectories(change.path);
      return directories.length === 0 ? change : { ...change, directories };
    }
    default:
      return change;
  }
}

/**
 * Makes changes that were grouped by {@linkcode groupEnd}.
 *
 * @returns for each an error or null; one that failed is not made
 */
export async function applyChanges(
  changes: readonly Change[],
  options: HostOptions = {},
): Promise<(string | null)[]> {
  const routes = asRoutes(changes);
  if (routes !== null) {
    return await eachOrAll(changes, () => applyRoutes(routes, options));
  }
  return await oneByOne(changes, (change) => applyOne(change, options));
}

/** Takes changes back in the order given; see {@linkcode applyChanges}. */
export async function undoChanges(
  changes: readonly Change[],
  options: HostOptions = {},
): Promise<(string | null)[]> {
  const routes = asRoutes(changes);
  if (routes !== null) {
    return await eachOrAll(changes, () => undoRoutes(routes, options));
  }
  return await oneByOne(changes, (change) => undoOne(change, options));
}

/** How changes stand on this host, all of them at one moment. */
export async function standings(
  changes: readonly Change[],
  options: HostOptions = {},
): Promise<Standing[]> {
  const routes = changes.filter(isRoute);
  const rules = changes.filter(isNetfilter);
  const routeStates = new Map(
    routes.length === 0
      ? []
      : routeStandings(routes, options).map((state, at) => [routes[at], state]),
  );
  const chains = rules.length === 0 ? [] : await readChains(rules, options);
  return changes.map((change): Standing => {
    switch (change.kind) {
      case "route":
        return routeStates.get(change) ?? "other";
      case "netfilter":
        return netfilterStanding(change, chains[rules.indexOf(change)] ?? null);
      case "sysctl":
        return settingStanding(change, options);
      case "file":
        return fileStanding(change);
      case "run":
        return "done";
    }
  });
}

/** Most routes of one group: a journal entry is written between groups. */
const MOST_ROUTES = 1024;

/**
 * Where the group of changes that starts at `start` ends: routes one after the
 * other are made together, everything else alone.
 */
export function groupEnd(changes: readonly Change[], start: number): number {
  let end = start + 1;
  if (changes[start]?.kind !== "route") return Math.min(end, changes.length);
  while (
    end < changes.length && end - start < MOST_ROUTES &&
    changes[end]?.kind === "route"
  ) end += 1;
  return end;
}

async function applyOne(change: Change, options: HostOptions): Promise<void> {
  switch (change.kind) {
    case "netfilter":
      await applyNetfilter(change, options);
      return;
    case "sysctl":
      return writeSetting(change, options);
    case "file":
      return writeFile(change);
    case "run":
      return await runWords(change.argv);
  }
}

async function undoOne(change: Change, options: HostOptions): Promise<void> {
  switch (change.kind) {
    case "netfilter":
      return await undoRules(change, options);
    case "sysctl":
      return restoreSetting(change, options);
    case "file":
      return writeFile(inverse(change) as FileChange);
    case "run":
      return await runWords(change.undo ?? []);
  }
}

async function undoRules(
  change: NetfilterChange,
  options: HostOptions,
): Promise<void> {
  const [rules = null] = await readChains([change], options);
  const back = undoChange(change, rules);
  if (back === null) {
    throw new Error(
      `Cannot take back the change of ${change.table} ${change.chain}: somebody else has changed the chain meanwhile`,
    );
  }
  await applyNetfilter(back, options);
}

async function runWords(argv: readonly string[]): Promise<void> {
  const [program, ...args] = argv;
  if (program !== undefined) await runProgram(program, args);
}

function isRoute(change: Change): change is RouteChange {
  return change.kind === "route";
}

function isNetfilter(change: Change): change is NetfilterChange {
  return change.kind === "netfilter";
}

function asRoutes(changes: readonly Change[]): RouteChange[] | null {
  const routes = changes.filter(isRoute);
  return routes.length > 0 && routes.length === changes.length ? routes : null;
}

/** The same error for all where the kernel cannot be talked to at all. */
async function eachOrAll(
  changes: readonly Change[],
  work: () => Promise<(string | null)[]>,
): Promise<(string | null)[]> {
  try {
    return await work();
  } catch (error) {
    return changes.map(() => messageOf(error));
  }
}

async function oneByOne(
  changes: readonly Change[],
  work: (change: Change) => Promise<void>,
): Promise<(string | null)[]> {
  const errors: (string | null)[] = [];
  for (const change of changes) {
    try {
      await work(change);
      errors.push(null);
    } catch (error) {
      errors.push(messageOf(error));
    }
  }
  return errors;
}

/** What an error says, for a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
