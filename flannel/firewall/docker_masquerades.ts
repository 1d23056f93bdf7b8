import {
  type DockerBridge,
  type DockerMasqueradeForm,
  dockerMasqueradeForm,
} from "./docker_masquerade.ts";
import type { Ruleset } from "./rule.ts";
import { type FilledPlace, rulePlaces } from "./rule_places.ts";

/** One of Docker's masquerade rules for a bridge. */
export interface DockerMasquerade extends FilledPlace {
  readonly form: DockerMasqueradeForm;
}

/**
 * Every masquerade rule of Docker's for a bridge, scoped to other networks
 * than flannel's or not, in every backend. Reads saved rules as well
 * (`/etc/sysconfig/iptables` through `parseIptables`), to say what a reboot
 * will bring (FD610).
 */
export function dockerMasquerades(
  rulesets: readonly Ruleset[],
  bridge: DockerBridge,
): readonly DockerMasquerade[] {
  const family = bridge.subnet.includes(":") ? 6 : 4;
  return rulePlaces(rulesets, family).flatMap((place) => {
    const form = dockerMasqueradeForm(place.rule, bridge);
    return form === null ? [] : [{ ...place, form }];
  });
}
