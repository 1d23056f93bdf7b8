import type { CheckCode } from "./check.ts";

/** Causes that leave nothing to compare a host with: config and store. */
export const RECORD_CAUSES: readonly CheckCode[] = [
  "FD201",
  "FD101",
  "FD102",
  "FD103",
];
