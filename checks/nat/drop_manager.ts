import { type DropHit, firewallManagers } from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";

/** Programs whose own command is the only lasting repair of a drop of theirs. */
export type DropManager = "firewalld" | "ufw";

const MANAGERS: readonly DropManager[] = ["firewalld", "ufw"];

/** Who has to be asked: the owner of the rule, or of the chain's policy. */
export function dropManager(
  hit: Pick<DropHit, "owner" | "rule" | "backend">,
  rulesets: readonly Ruleset[],
): DropManager | null {
  const owner = MANAGERS.find((manager) => manager === hit.owner);
  if (owner !== undefined || hit.rule !== null) return owner ?? null;
  const found = firewallManagers(rulesets)
    .filter(({ backend }) => backend === hit.backend)
    .map(({ manager }) => manager);
  return MANAGERS.find((manager) => found.includes(manager)) ?? null;
}

/** The manager's commands that let a network pass, for good. */
export function managerCommands(
  manager: DropManager,
  network: string,
): string[] {
  return manager === "ufw"
    ? [`ufw route allow from ${network}`, `ufw route allow to ${network}`]
    : [
      `firewall-cmd --permanent --zone=trusted --add-source=${network}`,
      "firewall-cmd --reload",
    ];
}
