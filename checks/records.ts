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
