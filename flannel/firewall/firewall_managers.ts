import { rulePlaces } from "./rule_places.ts";
import type { NetfilterBackend, Ruleset } from "./rule.ts";

/** Programs that keep a host's rules, or a cluster's policies, as their own. */
export type FirewallManager =
  | "firewalld"
  | "ufw"
  | "iptables-services"
  | "calico"
  | "kube-router";

/** A manager with what gives it away. */
export interface FoundManager {
  readonly manager: FirewallManager;
  readonly backend: NetfilterBackend;
  /** A chain, a table or a rule of its. */
  readonly evidence: string;
  /**
   * Whether it decides which pods may talk: an accept before its rules would
   * turn its policies off.
   */
  readonly policy: boolean;
}

const NAMES: readonly (readonly [RegExp, FirewallManager])[] = [
  [/^firewalld$/, "firewalld"],
  [/^(FWDI|FWDO|IN|POST|PRE)_[a-z]+$/, "firewalld"],
  [/^(FORWARD|INPUT)_(direct|ZONES|POLICIES_pre|IN_ZONES)$/, "firewalld"],
  [/^ufw6?-/, "ufw"],
  [/^(cali-|calico$)/, "calico"],
  [/^KUBE-(ROUTER|NWPLCY|POD-FW)-/, "kube-router"],
];

const POLICY: ReadonlySet<FirewallManager> = new Set(["calico", "kube-router"]);

/** Programs that manage the rules, each once per backend. */
export function firewallManagers(
  rulesets: readonly Ruleset[],
): readonly FoundManager[] {
  const found = new Map<string, FoundManager>();
  const add = (
    manager: FirewallManager,
    backend: NetfilterBackend,
    evidence: string,
  ) => {
    const key = `${manager} ${backend}`;
    const policy = POLICY.has(manager);
    if (!found.has(key)) {
      found.set(key, { manager, backend, evidence, policy });
    }
  };
  for (const { backend, tables } of rulesets) {
    for (const table of tables) {
      for (const name of [table.name, ...table.chains.map((c) => c.name)]) {
        const manager = NAMES.find(([pattern]) => pattern.test(name))?.[1];
        if (manager !== undefined) {
          add(manager, backend, `${table.family} ${table.name} ${name}`);
        }
      }
    }
  }
  // The rule file that comes with iptables-services ends FORWARD so.
  for (const place of rulePlaces(rulesets, 4)) {
    const { target, text, match } = place.rule;
    const rejectsAll = target.kind === "REJECT" &&
      target.with === "icmp-host-prohibited" && Object.keys(match).length === 1;
    if (rejectsAll && place.chain === "FORWARD" && match.other.length === 0) {
      add("iptables-services", place.backend, text);
    }
  }
  return [...found.values()];
}
