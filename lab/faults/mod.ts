/**
 * The faults, one file each. They are imported, not read, so that the single
 * binary carries them.
 *
 * @module
 */
import { type Fault, parseFault } from "../fault.ts";
import agentDuplicate from "./agent-duplicate.json" with { type: "json" };
import agentFlags from "./agent-flags.json" with { type: "json" };
import agentNotRunning from "./agent-not-running.json" with { type: "json" };
import agentUnhealthy from "./agent-unhealthy.json" with { type: "json" };
import arpDuplicate from "./arp-duplicate.json" with { type: "json" };
import arpProxied from "./arp-proxied.json" with { type: "json" };
import backendChanged from "./backend-changed.json" with { type: "json" };
import backendUnknown from "./backend-unknown.json" with { type: "json" };
import bridgeAddress from "./bridge-address.json" with { type: "json" };
import bridgeFormerSubnet from "./bridge-former-subnet.json" with {
  type: "json",
};
import bridgeMissing from "./bridge-missing.json" with { type: "json" };
import bridgeMtu from "./bridge-mtu.json" with { type: "json" };
import certificateAuthority from "./certificate-authority.json" with {
  type: "json",
};
import certificateExpired from "./certificate-expired.json" with {
  type: "json",
};
import certificateKeyReadable from "./certificate-key-readable.json" with {
  type: "json",
};
import certificateName from "./certificate-name.json" with { type: "json" };
import configApiMismatch from "./config-api-mismatch.json" with {
  type: "json",
};
import configInvalid from "./config-invalid.json" with { type: "json" };
import configMissing from "./config-missing.json" with { type: "json" };
import configNotJson from "./config-not-json.json" with { type: "json" };
import configUnknownOption from "./config-unknown-option.json" with {
  type: "json",
};
import dockerOptionsUnapplied from "./docker-options-unapplied.json" with {
  type: "json",
};
import dockerRawDrop from "./docker-raw-drop.json" with { type: "json" };
import encapsulationPortBlocked from "./encapsulation-port-blocked.json" with {
  type: "json",
};
import encapsulationPortBlockedUdp from "./encapsulation-port-blocked-udp.json" with {
  type: "json",
};
import fdbWrong from "./fdb-wrong.json" with { type: "json" };
import forwardDrop from "./forward-drop.json" with { type: "json" };
import forwardDropPostrouting from "./forward-drop-postrouting.json" with {
  type: "json",
};
import forwardingBlocked from "./forwarding-blocked.json" with { type: "json" };
import frameDrop from "./frame-drop.json" with { type: "json" };
import frameDropArp from "./frame-drop-arp.json" with { type: "json" };
import frameDropBridge from "./frame-drop-bridge.json" with { type: "json" };
import ipForwardOff from "./ip-forward-off.json" with { type: "json" };
import ipmasqDisagrees from "./ipmasq-disagrees.json" with { type: "json" };
import leaseMalformed from "./lease-malformed.json" with { type: "json" };
import leaseMissing from "./lease-missing.json" with { type: "json" };
import leaseNotRenewed from "./lease-not-renewed.json" with { type: "json" };
import leaseOutsideNetwork from "./lease-outside-network.json" with {
  type: "json",
};
import leaseOverlap from "./lease-overlap.json" with { type: "json" };
import leasePermanent from "./lease-permanent.json" with { type: "json" };
import leaseTakenOver from "./lease-taken-over.json" with { type: "json" };
import leaseWithoutMac from "./lease-without-mac.json" with { type: "json" };
import masqueradeDuplicate from "./masquerade-duplicate.json" with {
  type: "json",
};
import masqueradeLeft from "./masquerade-left.json" with { type: "json" };
import masqueradeLeftover from "./masquerade-leftover.json" with {
  type: "json",
};
import masqueradeMissing from "./masquerade-missing.json" with { type: "json" };
import masqueradeOrder from "./masquerade-order.json" with { type: "json" };
import masqueradeOverlay from "./masquerade-overlay.json" with { type: "json" };
import masqueradeOverlayAgain from "./masquerade-overlay-again.json" with {
  type: "json",
};
import masqueradeUnreached from "./masquerade-unreached.json" with {
  type: "json",
};
import neighbourPinned from "./neighbour-pinned.json" with { type: "json" };
import neighbourPinnedVxlan from "./neighbour-pinned-vxlan.json" with {
  type: "json",
};
import neighbourWrong from "./neighbour-wrong.json" with { type: "json" };
import networkChanged from "./network-changed.json" with { type: "json" };
import networkNotCanonical from "./network-not-canonical.json" with {
  type: "json",
};
import networkOverlap from "./network-overlap.json" with { type: "json" };
import overlayStale from "./overlay-stale.json" with { type: "json" };
import ownSubnetRoutedAway from "./own-subnet-routed-away.json" with {
  type: "json",
};
import peerNotOnlink from "./peer-not-onlink.json" with { type: "json" };
import peerOtherInterface from "./peer-other-interface.json" with {
  type: "json",
};
import peerSilent from "./peer-silent.json" with { type: "json" };
import publicIpForeign from "./public-ip-foreign.json" with { type: "json" };
import publicIpShared from "./public-ip-shared.json" with { type: "json" };
import repairNotPersistent from "./repair-not-persistent.json" with {
  type: "json",
};
import routeLinkDown from "./route-link-down.json" with { type: "json" };
import routeMissing from "./route-missing.json" with { type: "json" };
import routeShadowed from "./route-shadowed.json" with { type: "json" };
import routeShadowedByRule from "./route-shadowed-by-rule.json" with {
  type: "json",
};
import routeStale from "./route-stale.json" with { type: "json" };
import routeWrong from "./route-wrong.json" with { type: "json" };
import rpFilterStrict from "./rp-filter-strict.json" with { type: "json" };
import storeDegraded from "./store-degraded.json" with { type: "json" };
import storeHangs from "./store-hangs.json" with { type: "json" };
import storeRefuses from "./store-refuses.json" with { type: "json" };
import subnetEnvMalformed from "./subnet-env-malformed.json" with {
  type: "json",
};
import subnetEnvMissing from "./subnet-env-missing.json" with { type: "json" };
import subnetEnvMtu from "./subnet-env-mtu.json" with { type: "json" };
import subnetEnvStale from "./subnet-env-stale.json" with { type: "json" };
import subnetsExhausted from "./subnets-exhausted.json" with { type: "json" };
import tunnelAddress from "./tunnel-address.json" with { type: "json" };
import vtepMacMismatch from "./vtep-mac-mismatch.json" with { type: "json" };
import vxlanBridged from "./vxlan-bridged.json" with { type: "json" };
import vxlanDiffers from "./vxlan-differs.json" with { type: "json" };
import vxlanMissing from "./vxlan-missing.json" with { type: "json" };
import vxlanPortConflict from "./vxlan-port-conflict.json" with {
  type: "json",
};
import vxlanRenamed from "./vxlan-renamed.json" with { type: "json" };

const FILES: readonly unknown[] = [
  agentDuplicate,
  agentFlags,
  agentNotRunning,
  agentUnhealthy,
  arpDuplicate,
  arpProxied,
  backendChanged,
  backendUnknown,
  bridgeAddress,
  bridgeFormerSubnet,
  bridgeMissing,
  bridgeMtu,
  certificateAuthority,
  certificateExpired,
  certificateKeyReadable,
  certificateName,
  configApiMismatch,
  configInvalid,
  configMissing,
  configNotJson,
  configUnknownOption,
  dockerOptionsUnapplied,
  dockerRawDrop,
  encapsulationPortBlocked,
  encapsulationPortBlockedUdp,
  fdbWrong,
  forwardDrop,
  forwardDropPostrouting,
  forwardingBlocked,
  frameDrop,
  frameDropArp,
  frameDropBridge,
  ipForwardOff,
  ipmasqDisagrees,
  leaseMalformed,
  leaseMissing,
  leaseNotRenewed,
  leaseOutsideNetwork,
  leaseOverlap,
  leasePermanent,
  leaseTakenOver,
  leaseWithoutMac,
  masqueradeDuplicate,
  masqueradeLeft,
  masqueradeLeftover,
  masqueradeMissing,
  masqueradeOrder,
  masqueradeOverlay,
  masqueradeOverlayAgain,
  masqueradeUnreached,
  neighbourPinned,
  neighbourPinnedVxlan,
  neighbourWrong,
  networkChanged,
  networkNotCanonical,
  networkOverlap,
  overlayStale,
  ownSubnetRoutedAway,
  peerNotOnlink,
  peerOtherInterface,
  peerSilent,
  publicIpForeign,
  publicIpShared,
  repairNotPersistent,
  routeLinkDown,
  routeMissing,
  routeShadowed,
  routeShadowedByRule,
  routeStale,
  routeWrong,
  rpFilterStrict,
  storeDegraded,
  storeHangs,
  storeRefuses,
  subnetEnvMalformed,
  subnetEnvMissing,
  subnetEnvMtu,
  subnetEnvStale,
  subnetsExhausted,
  tunnelAddress,
  vtepMacMismatch,
  vxlanBridged,
  vxlanDiffers,
  vxlanMissing,
  vxlanPortConflict,
  vxlanRenamed,
];

/**
 * Every fault, by name in order.
 *
 * @throws {TypeError} for a file that is not a fault.
 */
export function loadFaults(): Fault[] {
  return FILES.map(parseFault);
}

/**
 * A fault by its name, or by a code: then the one named like the check, or the
 * first that provokes nothing else.
 *
 * @throws {RangeError} naming the faults there are.
 */
export function findFault(query: string): Fault {
  const faults = loadFaults();
  const named = faults.find((fault) => fault.name === query);
  if (named !== undefined) return named;
  const code = query.toUpperCase();
  const provoking = faults.filter((fault) =>
    fault.expect.some((each) => each === code)
  );
  const [first] = provoking.toSorted((a, b) =>
    a.expect.length - b.expect.length
  );
  if (first !== undefined) return first;
  throw new RangeError(
    `Cannot find fault "${query}": there are ${
      faults.map((fault) => fault.name).join(", ")
    }`,
  );
}
