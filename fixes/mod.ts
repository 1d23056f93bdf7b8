/**
 * The repairs flandoc knows.
 *
 * @module
 */
import type { FixName } from "../checks/check.ts";
import type { Fix } from "./fix.ts";
import { FORWARD_FIX } from "./forward.ts";
import { PERSIST_FIX } from "./persist.ts";
import { ROUTES_FIX } from "./routes.ts";
import { SNAT_FIX } from "./snat.ts";
import { SYSCTL_FIX } from "./sysctl.ts";

/** All repairs, in the order they are applied. */
export const FIXES: readonly Fix[] = [
  SYSCTL_FIX,
  ROUTES_FIX,
  FORWARD_FIX,
  SNAT_FIX,
  PERSIST_FIX,
];

/**
 * The repairs named by flags; all of them when none is named, of which then
 * only safe actions are planned.
 */
export function selectFixes(
  flags: Readonly<Partial<Record<FixName, boolean | undefined>>>,
): { readonly fixes: readonly Fix[]; readonly named: boolean } {
  const chosen = FIXES.filter(({ name }) => flags[name] === true);
  return chosen.length > 0
    ? { fixes: chosen, named: true }
    : { fixes: FIXES, named: false };
}
