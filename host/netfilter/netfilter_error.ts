import type { NetfilterBackend } from "../../flannel/firewall/rule.ts";

/**
 * Why a change was not made: the chain is not there, the rule to delete is not
 * at its place, a rule is not one line of text, or the backend has no tools.
 */
export type NetfilterProblem =
  | "chain-missing"
  | "rule-moved"
  | "bad-rule"
  | "no-tools";

/** A change of netfilter that was refused before anything was changed. */
export class NetfilterError extends Error {
  override readonly name = "NetfilterError";
  readonly problem: NetfilterProblem;
  readonly backend: NetfilterBackend;

  constructor(
    problem: NetfilterProblem,
    backend: NetfilterBackend,
    detail: string,
  ) {
    super(`Cannot change ${backend}: ${detail}`);
    this.problem = problem;
    this.backend = backend;
  }
}
