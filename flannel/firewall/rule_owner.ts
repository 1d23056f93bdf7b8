import {
  type DockerBridge,
  dockerMasqueradeForm,
} from "./docker_masquerade.ts";
import { egressNetwork, ingressNetwork } from "./flannel_egress.ts";
import type { RulePlace } from "./walk.ts";

/** Who made a rule, as far as its place, comment and form tell. */
export type RuleOwner =
  | "docker"
  | "flannel"
  | "kubernetes"
  | "cni"
  | "firewalld"
  | "ufw"
  | "calico"
  | "other";

/** Owners by the name of their chains and tables. */
const NAMES: readonly (readonly [RegExp, RuleOwner])[] = [
  [/^(FLANNEL|FLANNEL-POSTRTG|FLANNEL-FWD|flannel-ipv[46])$/, "flannel"],
  [/^(DOCKER(-.*)?|docker-bridges)$/, "docker"],
  [/^(KUBE-.*|kube-proxy)$/, "kubernetes"],
  [/^(CNI-.*|cni_hostport)$/, "cni"],
  [/^(cali-.*|calico)$/, "calico"],
  [
    /^(firewalld|(FORWARD|INPUT|OUTPUT|PREROUTING|POSTROUTING)_.*)$/,
    "firewalld",
  ],
  [/^ufw6?-.*$/, "ufw"],
];

const COMMENTS: readonly (readonly [RegExp, RuleOwner])[] = [
  [/^flanneld? (masq|forward)$/, "flannel"],
  [/^kubernetes |^kube-proxy/, "kubernetes"],
  [/^(name: "|dnat name:|CNI )/, "cni"],
  [/^cali:/, "calico"],
];

/** Owner of a chain or table by its name, or undefined. */
export function ownerOfName(name: string): RuleOwner | undefined {
  return NAMES.find(([pattern]) => pattern.test(name))?.[1];
}

/**
 * Who made a rule.
 *
 * Flannel before 0.17 and Docker leave no name in POSTROUTING: there the form
 * of the rule tells, for the bridge and network given.
 */
export function ruleOwner(place: RulePlace, bridge: DockerBridge): RuleOwner {
  const { rule } = place;
  const named = ownerOfName(place.table) ?? ownerOfName(place.chain);
  if (named !== undefined) return named;
  if (rule === null) return "other";
  const said = COMMENTS.find(([pattern]) => pattern.test(rule.comment ?? ""));
  if (said !== undefined) return said[1];
  const { target } = rule;
  if (target.kind === "JUMP" || target.kind === "GOTO") {
    const owner = ownerOfName(target.chain);
    if (owner !== undefined) return owner;
  }
  if (dockerMasqueradeForm(rule, bridge) !== null) return "docker";
  if (egressNetwork(rule) !== null || ingressNetwork(rule) !== null) {
    return "flannel";
  }
  return "other";
}
