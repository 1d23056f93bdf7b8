import type { NetfilterBackend } from "../../flannel/firewall/rule.ts";
import {
  inspectNetfilter,
  type NetfilterOptions,
} from "./inspect_netfilter.ts";

/** What is known of one backend. */
export interface BackendDetection {
  readonly backend: NetfilterBackend;
  readonly state: "present" | "absent" | "unknown";
  /** How that is known, for `check -v`. */
  readonly reason: string;
  /** Rules it holds. */
  readonly rules: number;
}

/** Which backends hold rules on this host, each with the reason. */
export async function detectNetfilter(
  options: NetfilterOptions = {},
): Promise<readonly BackendDetection[]> {
  const reports = await inspectNetfilter(options);
  return reports.map(({ backend, state, reason, tables, unread }) => ({
    backend,
    state: unread === undefined ? state : "unknown",
    reason,
    rules: tables.flatMap((table) => table.chains)
      .filter((chain) => !chain.name.startsWith("@"))
      .reduce((sum, chain) => sum + chain.rules.length, 0),
  }));
}
