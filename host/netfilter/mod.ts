/**
 * Netfilter of the host: reading every backend, changing one chain.
 *
 * @module
 */
export { applyNetfilter } from "./apply_netfilter.ts";
export { inverseChange, type NetfilterChange } from "./chain_edits.ts";
export { type BackendDetection, detectNetfilter } from "./detect_netfilter.ts";
export {
  type BackendReport,
  inspectNetfilter,
  type NetfilterOptions,
} from "./inspect_netfilter.ts";
export { NetfilterError, type NetfilterProblem } from "./netfilter_error.ts";
export { readNetfilter } from "./read_netfilter.ts";
