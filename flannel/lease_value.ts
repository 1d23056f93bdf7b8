/**
 * The text of a lease, as flannel writes it.
 *
 * @module
 */
import type { LeaseAttributes } from "./lease.ts";

/**
 * Which flannel's text: `v0.11` has PublicIP, BackendType and BackendData;
 * `head` has PublicIPv6 always (null when unset) and BackendV6Data.
 */
export type LeaseValueForm = "v0.11" | "head";

/** Compact JSON with Go's escapes of `<`, `>` and `&`. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The value to store, byte for byte what Go's encoder gives for LeaseAttrs:
 * members in flannel's order, no spaces, empty backend members left out.
 *
 * Source: flannel v0.28.9 pkg/lease/lease.go, v0.11.0 subnet/subnet.go.
 */
export function formatLeaseValue(
  attributes: LeaseAttributes,
  form: LeaseValueForm = "head",
): string {
  const fields: Record<string, unknown> = { PublicIP: attributes.publicIP };
  if (form === "head") fields["PublicIPv6"] = attributes.publicIPv6;
  if (attributes.backendType !== "") {
    fields["BackendType"] = attributes.backendType;
  }
  if (attributes.backendData !== null) {
    fields["BackendData"] = attributes.backendData;
  }
  if (form === "head" && attributes.backendV6Data !== null) {
    fields["BackendV6Data"] = attributes.backendV6Data;
  }
  return goJson(fields);
}

/** One host's MAC: the lowest bit of the first byte is set in a group's. */
const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/;
const NO_MAC = "00:00:00:00:00:00";

/**
 * The VTEP's MAC of a lease's backend data in lower case; null where there is
 * none, or one that no device has: for broadcast, multicast and zero the kernel
 * refuses a peer's FDB entry (EOPNOTSUPP, `vxlan_fdb_update`).
 */
export function vtepMac(backendData: unknown): string | null {
  if (typeof backendData !== "object" || backendData === null) return null;
  for (const name of Object.keys(backendData)) {
    if (name !== "VtepMAC" && name.toLowerCase() !== "vtepmac") continue;
    const value: unknown = (backendData as Record<string, unknown>)[name];
    if (typeof value !== "string") continue;
    // As every flannel writes it.
    if (MAC.test(value) && value !== NO_MAC) return value;
    const mac = value.toLowerCase().replaceAll("-", ":");
    return MAC.test(mac) && mac !== NO_MAC ? mac : null;
  }
  return null;
}
