/**
 * Carries a change out, or takes it back. Each kind is one call of `host/`.
 *
 * @module
 */
import { applyNetfilter } from "../host/netfilter/mod.ts";
import { Netlink, type NetlinkChange } from "../host/netlink/mod.ts";
import { runProgram } from "../host/program.ts";
import { writeSysctl } from "../host/sysctl.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import type { Change } from "./action.ts";
import { fileState } from "./file_state.ts";
import type { FileState } from "./fix.ts";
import { inverse } from "./inverse.ts";

/**
 * Applies one change.
 *
 * @throws {Error} when the host refuses it, or is not as the change expects:
 * nothing was changed then
 */
export async function applyChange(change: Change): Promise<void> {
  switch (change.kind) {
    case "netfilter":
      await applyNetfilter(change);
      return;
    case "route":
      return await applyRoute(change);
    case "sysctl":
      writeSysctl(change.key, change.after);
      return;
    case "file":
      return applyFile(change.path, change.before, change.after);
    case "run": {
      const [program = "", ...args] = change.argv;
      await runProgram(program, args);
    }
  }
}

/** Takes one change back; see {@linkcode applyChange} for errors. */
export async function undoChange(change: Change): Promise<void> {
  const back = inverse(change);
  if (back !== null) await applyChange(back);
  if (change.kind !== "sysctl") return;
  // The kernel changed these along with the key: each gets its own value back.
  for (const [key, value] of Object.entries(change.along ?? {})) {
    writeSysctl(key, value);
  }
}

type RouteChange = Extract<Change, { kind: "route" }>;

/** A replace takes the place of a route with the same metric and TOS only. */
function routeSteps({ before, after }: RouteChange): NetlinkChange[] {
  if (after === null) {
    return before === null
      ? []
      : [{ kind: "route", op: "delete", route: before }];
  }
  if (before === null) return [{ kind: "route", op: "add", route: after }];
  if (before.metric === after.metric && before.tos === after.tos) {
    return [{ kind: "route", op: "replace", route: after }];
  }
  return [
    { kind: "route", op: "add", route: after },
    { kind: "route", op: "delete", route: before },
  ];
}

async function applyRoute(change: RouteChange): Promise<void> {
  using netlink = new Netlink();
  for (
    const { change: step, error } of await netlink.apply(routeSteps(change))
  ) {
    if (error === null) continue;
    const { dst } = step.kind === "route" ? step.route : { dst: "" };
    throw new Error(`Cannot change route to ${dst}: ${error.message}`);
  }
}

function applyFile(
  path: string,
  before: FileState | null,
  after: FileState | null,
): void {
  const found = fileState(path);
  if (found?.text !== before?.text) {
    throw new Error(
      `Cannot change "${path}": somebody else has changed it meanwhile`,
    );
  }
  if (after === null) {
    if (found !== null) Deno.removeSync(path);
    return;
  }
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", {
    recursive: true,
  });
  writeFileAtomic(path, after.text, after.mode);
}
