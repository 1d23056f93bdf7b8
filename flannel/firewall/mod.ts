/**
 * Netfilter rules: read, compared, walked, recognised. Pure.
 *
 * @module
 */
export { backendsInUse, type BackendUse } from "./backends_in_use.ts";
export {
  type CompareOptions,
  coversMatch,
  matchKey,
  ruleKey,
  sameRule,
} from "./compare.ts";
export {
  type DockerBridge,
  type DockerMasqueradeForm,
  dockerMasqueradeForm,
} from "./docker_masquerade.ts";
export {
  type DockerMasquerade,
  dockerMasquerades,
} from "./docker_masquerades.ts";
export { type DuplicateRules, duplicateRules } from "./duplicate_rules.ts";
export {
  findFlannelRules,
  type FoundFlannelRule,
  type NetworkAndSubnet,
} from "./find_flannel.ts";
export {
  type FirewallManager,
  firewallManagers,
  type FoundManager,
} from "./firewall_managers.ts";
export { flannelShapeOf } from "./flannel_shape_of.ts";
export {
  FLANNEL_SHAPES,
  type FlannelRule,
  type FlannelRuleOptions,
  flannelRules,
  type FlannelShape,
} from "./flannel_shapes.ts";
export {
  type FlannelState,
  type FlannelStateOptions,
  flannelStates,
} from "./flannel_state.ts";
export {
  type DropHit,
  overlayDrops,
  type OverlayWalk,
  overlayWalks,
  routedDrops,
  routedUnclear,
} from "./overlay_filter.ts";
export {
  egressMasquerade,
  overlayMasquerade,
  type RewriteHit,
} from "./overlay_rewrites.ts";
export { nftReplacement } from "./nft_replacement.ts";
export { familyOf, type Overlay } from "./overlay_traffic.ts";
export type { PacketClass, Part } from "./packet_class.ts";
export { type IptablesSave, parseIptables } from "./parse_iptables.ts";
export { parseIptablesRule } from "./parse_iptables_rule.ts";
export { parseNft } from "./parse_nft.ts";
export { type RuleOwner, ruleOwner } from "./rule_owner.ts";
export { type FilledPlace, rulePlaces } from "./rule_places.ts";
export { nftTakes, ruleSpecification, scopeRule } from "./scope_rule.ts";
export { typedRule } from "./typed_rule.ts";
export {
  type HookWalk,
  type RulePlace,
  type WalkHit,
  walkHook,
  walkPath,
} from "./walk.ts";
