/**
 * How this host keeps its netfilter rules over a reboot.
 *
 * @module
 */
import { type Fact, isKnown, known } from "../snapshot/fact.ts";
import type { FileFacts, PersistenceFacts } from "../snapshot/facts.ts";
import { readFileFacts } from "./files.ts";
import { listDirectory } from "./raw_files.ts";
import { isSystemd } from "./systemd.ts";

/** Files that saved rules are restored from. */
export const SAVED_RULES = [
  "/etc/sysconfig/iptables",
  "/etc/iptables/rules.v4",
  "/etc/iptables/iptables.rules",
  "/etc/sysconfig/ip6tables",
  "/etc/iptables/rules.v6",
  "/etc/iptables/ip6tables.rules",
  "/etc/nftables.conf",
  "/etc/sysconfig/nftables.conf",
] as const;

/** Units that restore them at boot. */
const SERVICES = new Set([
  "iptables.service",
  "netfilter-persistent.service",
  "nftables.service",
  "iptables-restore.service",
  "ip6tables.service",
  "ip6tables-restore.service",
]);

/** Units of the set that a `.wants` or `.requires` link starts at boot. */
function enabledServices(directory: string): string[] {
  const found = new Set<string>();
  for (const target of listDirectory(directory)) {
    if (!/\.(?:wants|requires)$/.test(target)) continue;
    for (const unit of listDirectory(`${directory}/${target}`)) {
      if (SERVICES.has(unit)) found.add(unit);
    }
  }
  return [...found].sort();
}

/** The host's own means to keep rules; an unreadable file is left out. */
export function readPersistence(
  unitDirectory = "/etc/systemd/system",
): Fact<PersistenceFacts> {
  const files: FileFacts[] = [];
  for (const path of SAVED_RULES) {
    const fact = readFileFacts(path);
    if (isKnown(fact) && fact.known.text !== null) files.push(fact.known);
  }
  return known({
    files,
    services: enabledServices(unitDirectory),
    systemd: isSystemd(),
  });
}
