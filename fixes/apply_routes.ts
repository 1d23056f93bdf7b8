/**
 * Routes, as many as there are in one batch of netlink messages.
 *
 * @module
 */
import type { Route } from "../flannel/kernel.ts";
import {
  type ChangeResult,
  Netlink,
  type NetlinkChange,
} from "../host/netlink/mod.ts";
import type { Change } from "./action.ts";
import type { HostOptions } from "./host_options.ts";
import { routeSlot, sameRoute } from "./same_route.ts";

/** The route kind of a change. */
export type RouteChange = Extract<Change, { kind: "route" }>;

/** How a change stands: made, not made, or neither since somebody changed it. */
export type Standing = "done" | "undone" | "other";

/** What makes a change; a replace keeps packets flowing where it is possible. */
function steps({ before, after }: RouteChange): NetlinkChange[] {
  if (after === null) return before === null ? [] : [deletion(before)];
  if (before === null) return [{ kind: "route", op: "add", route: after }];
  if (routeSlot(before) === routeSlot(after)) {
    return [{ kind: "route", op: "replace", route: after }];
  }
  return [{ kind: "route", op: "add", route: after }, deletion(before)];
}

function deletion(route: Route): NetlinkChange {
  return { kind: "route", op: "delete", route };
}

/**
 * Makes changes, the kernel asked in batches.
 *
 * @returns for each an error or null; a change that failed is not made, also
 * not by half
 */
export async function applyRoutes(
  changes: readonly RouteChange[],
  options: HostOptions = {},
): Promise<(string | null)[]> {
  const planned = changes.map(steps);
  using netlink = new Netlink(options);
  const results = await netlink.apply(planned.flat());
  const errors: (string | null)[] = [];
  const halves: NetlinkChange[] = [];
  let at = 0;
  for (const [index, { length }] of planned.entries()) {
    const own = results.slice(at, at += length);
    const failed = own.find(({ error }) => error !== null);
    errors.push(failed === undefined ? null : sentence(failed));
    const { after } = changes[index]!;
    if (failed !== undefined && own[0]?.error === null && after !== null) {
      halves.push(deletion(after));
    }
  }
  await netlink.apply(halves);
  return errors;
}

function sentence({ change, error }: ChangeResult): string {
  const { op, route } = change as Extract<NetlinkChange, { kind: "route" }>;
  return `Cannot ${op} route to ${route.dst}: ${error?.message}`;
}

/** The routes there are, to be asked for one. */
class Table {
  readonly #slots = new Map<string, Route[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const slot = routeSlot(route);
      const list = this.#slots.get(slot);
      if (list === undefined) this.#slots.set(slot, [route]);
      else list.push(route);
    }
  }

  has(route: Route | null): boolean {
    return route !== null &&
      (this.#slots.get(routeSlot(route)) ?? []).some((r) =>
        sameRoute(r, route)
      );
  }

  isFree(route: Route): boolean {
    return !this.#slots.has(routeSlot(route));
  }
}

function standing({ before, after }: RouteChange, table: Table): Standing {
  const [was, is] = [table.has(before), table.has(after)];
  if (is) return "done";
  if (before !== null) return was ? "undone" : free(before, table, "done");
  return after === null ? "undone" : free(after, table, "undone");
}

/** Whoever took the place meanwhile wanted it so. */
function free(route: Route, table: Table, otherwise: Standing): Standing {
  return table.isFree(route) ? otherwise : "other";
}

/** How changes stand, by one dump. */
export function routeStandings(
  changes: readonly RouteChange[],
  options: HostOptions = {},
): Standing[] {
  using netlink = new Netlink(options);
  const table = new Table(netlink.routes());
  return changes.map((change) => standing(change, table));
}

/** What brings the earlier route back, whatever of the change is in force. */
function backSteps(change: RouteChange, table: Table): NetlinkChange[] {
  const { before, after } = change;
  const is = table.has(after);
  const lost = before !== null && !table.has(before);
  if (lost && is && after !== null && routeSlot(before) === routeSlot(after)) {
    return [{ kind: "route", op: "replace", route: before }];
  }
  return [
    ...lost ? [{ kind: "route", op: "add", route: before } as const] : [],
    ...is && after !== null ? [deletion(after)] : [],
  ];
}

/** Takes changes back in the order given; see {@linkcode applyRoutes}. */
export async function undoRoutes(
  changes: readonly RouteChange[],
  options: HostOptions = {},
): Promise<(string | null)[]> {
  using netlink = new Netlink(options);
  const table = new Table(netlink.routes());
  const planned = changes.map((change) => backSteps(change, table));
  const results = await netlink.apply(planned.flat());
  let at = 0;
  return planned.map(({ length }) => {
    const failed = results.slice(at, at += length)
      .find(({ error }) => error !== null);
    return failed === undefined ? null : sentence(failed);
  });
}
