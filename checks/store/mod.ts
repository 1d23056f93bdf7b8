/**
 * FD2xx: the store and the leases in it.
 *
 * @module
 */
import type { Check } from "../check.ts";
import { LEASE_BACKEND_MISMATCH } from "./lease_backend_mismatch.ts";
import { LEASE_MALFORMED } from "./lease_malformed.ts";
import { LEASE_MISSING } from "./lease_missing.ts";
import { LEASE_NOT_RENEWED } from "./lease_not_renewed.ts";
import { LEASE_OUTSIDE_NETWORK } from "./lease_outside_network.ts";
import { LEASE_OVERLAP } from "./lease_overlap.ts";
import { LEASE_PERMANENT } from "./lease_permanent.ts";
import { LEASE_TAKEN_OVER } from "./lease_taken_over.ts";
import { PUBLIC_IP_FOREIGN } from "./public_ip_foreign.ts";
import { PUBLIC_IP_SHARED } from "./public_ip_shared.ts";
import { STORE_CERTIFICATE } from "./store_certificate.ts";
import { STORE_DEGRADED } from "./store_degraded.ts";
import { STORE_UNREACHABLE } from "./store_unreachable.ts";

/** Checks of store and leases, in the order of their codes. */
export const STORE_CHECKS: readonly Check[] = [
  STORE_UNREACHABLE,
  STORE_CERTIFICATE,
  STORE_DEGRADED,
  LEASE_MISSING,
  LEASE_NOT_RENEWED,
  LEASE_MALFORMED,
  LEASE_OUTSIDE_NETWORK,
  LEASE_OVERLAP,
  PUBLIC_IP_SHARED,
  LEASE_BACKEND_MISMATCH,
  PUBLIC_IP_FOREIGN,
  LEASE_TAKEN_OVER,
  LEASE_PERMANENT,
];
