import type { Facts } from "../snapshot/facts.ts";
import type { CheckCode } from "./check.ts";

/**
 * Causes that leave nothing to compare a host with: config and store. Where
 * FD103 leaves no config, FD101 is moot after it and hands it on.
 */
export const RECORD_CAUSES: readonly CheckCode[] = [
  "FD201",
  "FD101",
  "FD102",
];

/**
 * Causes that leave nothing to compare a kernel with: with FD210 it is as the
 * former backend wants it, on purpose.
 */
export const STATE_CAUSES: readonly CheckCode[] = [...RECORD_CAUSES, "FD210"];

/** Causes that leave no network config that flannel takes. */
export const CONFIG_CAUSES: readonly CheckCode[] = [...RECORD_CAUSES, "FD103"];

/** Causes that keep the records from being read, FD202 and FD103 by name. */
const UNREAD: ReadonlySet<CheckCode> = new Set<CheckCode>([
  ...CONFIG_CAUSES,
  "FD202",
]);

/**
 * For checks that hold what this host has against its own subnet.env: records
 * that cannot be read do not excuse them. For `follows`.
 */
export function beyondRecords(_facts: Facts, cause: CheckCode): boolean {
  return !UNREAD.has(cause);
}
