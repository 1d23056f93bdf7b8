import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { type Fact, known, unknown } from "../../snapshot/fact.ts";
import {
  inspectNetfilter,
  type NetfilterOptions,
} from "./inspect_netfilter.ts";

/**
 * The rules of every backend that is present. Unknown, with the reason, as
 * soon as one of them holds something that could not be read: a rule nobody
 * looked at may be the one that decides.
 */
export async function readNetfilter(
  options: NetfilterOptions = {},
): Promise<Fact<Ruleset[]>> {
  const reports = await inspectNetfilter(options);
  const unread = reports.filter((report) => report.state === "unknown");
  if (unread.length > 0) {
    const reasons = unread.map(({ backend, reason }) =>
      `${backend}: ${reason}`
    );
    return unknown(reasons.join("; "));
  }
  return known(
    reports.filter((report) => report.state === "present")
      .map(({ backend, tables }) => ({ backend, tables })),
  );
}
