/**
 * What can be wrong with a network config, as data.
 *
 * @module
 */
import type { TextPosition } from "./json_tree.ts";

/** Kind of fault, stable; the texts of the checks are chosen by it. */
export type ConfigProblemCode =
  | "not-json"
  | "not-object"
  | "wrong-type"
  | "no-family"
  | "network-missing"
  | "network-too-small"
  | "subnet-len-too-long"
  | "subnet-len-too-short"
  | "subnet-min-outside"
  | "subnet-max-outside"
  | "subnet-min-unaligned"
  | "subnet-max-unaligned"
  | "backend-option";

/** One reason why flanneld refuses a network config. */
export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** `Network`, `Backend.VNI`, …; empty where the whole text is meant. */
  readonly option: string;
  /** The value as written, or null when there is none. */
  readonly value: string | null;
  /** What would be accepted, in plain words. */
  readonly wanted: string;
  /** flanneld's own message where it has one, else ours. */
  readonly message: string;
  readonly position: TextPosition | null;
}

/** An option that the release in use ignores. */
export interface UnknownOption {
  /** Path as written: `Netwrok`, `Backend.Directrouting2`. */
  readonly option: string;
  /** First release that knows it, or null when none does. */
  readonly since: string | null;
  /** The known option most like it, or null. */
  readonly nearest: string | null;
  readonly position: TextPosition;
}

/** A CIDR whose host bits flannel masks off without a word. */
export interface NotCanonical {
  readonly option: string;
  readonly written: string;
  readonly canonical: string;
}
