import type { CheckResult } from "../checks/engine.ts";
import type { Language } from "../checks/check.ts";
import type { Facts } from "../snapshot/facts.ts";

/** The judgement of one host at one moment: what every renderer draws. */
export interface Report {
  /** flandoc's version. */
  readonly version: string;
  readonly facts: Facts;
  readonly results: readonly CheckResult[];
  /** Collecting and judging together, milliseconds. */
  readonly elapsedMs: number;
}

/** How a renderer for people writes. */
export interface TextStyle {
  readonly language: Language;
  readonly color: boolean;
  /** Lists verdicts of every check, settings with sources, reasons of skips. */
  readonly verbose: boolean;
  /** Columns to wrap sentences at; evidence and commands are never wrapped. */
  readonly columns: number;
}
