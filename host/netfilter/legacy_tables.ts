import { inNetns } from "../netns.ts";
import { readText } from "../raw_files.ts";

/**
 * Names of the legacy iptables tables that exist in a network namespace, from
 * `/proc/net/ip_tables_names`. To ask `iptables-legacy` instead would create
 * the tables it is asked for.
 *
 * @param family 4 for iptables, 6 for ip6tables
 * @param netns by name or path; the process's own when absent
 * @returns none when the kernel has no legacy iptables
 * @throws {Deno.errors.PermissionDenied} for others than root
 */
export function legacyTables(family: 4 | 6, netns?: string): string[] {
  const file = family === 4 ? "ip_tables_names" : "ip6_tables_names";
  try {
    // `/proc/thread-self` is Linux 3.17; only another namespace needs it.
    const text = netns === undefined
      ? readText(`/proc/net/${file}`)
      : inNetns(netns, () => readText(`/proc/thread-self/net/${file}`));
    return text.split("\n").filter(Boolean);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
