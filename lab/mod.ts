/**
 * A flannel network in network namespaces on one machine, and faults to break
 * it with.
 *
 * @module
 */
export { labBreak, labRestore } from "./break.ts";
export { labDown } from "./down.ts";
export { type Fault, parseFault } from "./fault.ts";
export { findFault, loadFaults } from "./faults/mod.ts";
export { flandocCommand } from "./flandoc_command.ts";
export { type Lab, labExec, openLab } from "./lab.ts";
export type { LabNode, LabPlan } from "./lab_plan.ts";
export { DEFAULT_LAB_SPEC, type LabSpec } from "./lab_spec.ts";
export { LAB_ROOT, labNames } from "./lab_state.ts";
export { findNode, nodeCommand } from "./node_command.ts";
export { parseLabSpec } from "./parse_lab_spec.ts";
export { type Output, runInTerminal } from "./run.ts";
export {
  type LabStatus,
  labStatus,
  type NodeStatus,
  renderLabStatus,
} from "./status.ts";
export { changeCloudRoutes, cloudRouteCommands } from "./switch.ts";
export { type LabRequest, labUp, type LabUpOptions } from "./up.ts";
export { onInterrupt } from "./on_interrupt.ts";
