import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { unreadTables } from "../../flannel/firewall/unread_tables.ts";
import { type Fact, known, unknown } from "../../snapshot/fact.ts";
import {
  inspectNetfilter,
  type NetfilterOptions,
} from "./inspect_netfilter.ts";

/** How {@linkcode readNetfilter} reads. */
export interface ReadOptions extends NetfilterOptions {
  /**
   * Whether tables that could not be read are only noted in their ruleset, for
   * who knows which families matter.
   * @default false
   */
  readonly noteUnread?: boolean;
}

/**
 * The rules of every backend that is present. Unknown, with the reason, as
 * soon as one of them holds something that could not be read: a rule nobody
 * looked at may be the one that decides.
 */
export async function readNetfilter(
  options: ReadOptions = {},
): Promise<Fact<Ruleset[]>> {
  const reports = await inspectNetfilter(options);
  const unread = reports.filter((report) => report.state === "unknown");
  if (unread.length > 0) {
    const reasons = unread.map(({ backend, reason }) =>
      `${backend}: ${reason}`
    );
    return unknown(reasons.join("; "));
  }
  const rulesets = reports.filter((report) => report.state === "present")
    .map(({ backend, tables, unread }): Ruleset => ({
      backend,
      tables,
      ...(unread === undefined ? {} : { unread }),
    }));
  const reasons = options.noteUnread ? [] : unreadTables(rulesets);
  return reasons.length === 0 ? known(rulesets) : unknown(reasons.join("; "));
}
