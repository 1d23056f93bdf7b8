/**
 * What a check is. Judgement and text are apart: `judge()` gives facts, the
 * templates beside it say them in English and Chinese.
 *
 * @module
 */
import type { FactName, Facts, Known } from "../snapshot/facts.ts";

/** Stable code; a retired number is never reused. */
export type CheckCode = `FD${number}`;

/** Grave enough to break the network, or worth a look, or to know. */
export type Severity = "error" | "warning" | "info";

/** Names of repairs, each a flag of `flandoc fix`. */
export type FixName =
  | "snat"
  | "routes"
  | "overlay"
  | "subnet-env"
  | "forward"
  | "sysctl"
  | "bridge"
  | "offload"
  | "masquerade"
  | "agent"
  | "config"
  | "persist";

/** Languages of the texts. */
export type Language = "en" | "zh";

/** One thing found wrong, without words of any language. */
export interface Finding {
  /** The object it is about, as the host prints it. */
  readonly subject: string;
  /** Which message template says it. @default "default" */
  readonly variant?: string;
  /** Values for the template's `{placeholders}`; lists are joined with ", ". */
  readonly arguments: Readonly<
    Record<string, string | number | readonly string[]>
  >;
  /** Lines as the host prints them: the rule, the route, the key. */
  readonly evidence: readonly Evidence[];
  /** What a person would type to repair it by hand; may be empty. */
  readonly commands: readonly string[];
  /** Overrides the check's severity for this finding. */
  readonly severity?: Severity;
  /** Nothing follows from it: it makes no other check moot. */
  readonly alone?: true;
  /** Null where the check's fix leaves this one to a person. */
  readonly fix?: null;
}

/**
 * A labelled line. Labels are keys of `report/labels.ts` so that they can be
 * translated: rule, takes, wanted, found, route, lease, config, key, file,
 * device, address, process, endpoint, certificate, sysctl, answer, neighbour.
 */
export interface Evidence {
  readonly label: string;
  readonly text: string;
}

/** The texts of a check in one language. Templates hold `{placeholders}`. */
export interface CheckText {
  /** A few words, shown beside the code by `explain` and in JUnit, SARIF. */
  readonly title: string;
  /** Message templates by variant; one sentence or two, what is wrong and its effect. */
  readonly messages: Readonly<Record<string, string>>;
  /** What it means: how flannel works here, why it matters. */
  readonly meaning: string;
  /** What people see when it happens. */
  readonly symptoms: string;
  /** The repair by hand, with the commands. */
  readonly repair: string;
  /** Reasons that `applies()` may give, by key. */
  readonly skips?: Readonly<Record<string, string>>;
}

/** A check. `needs` is all that `judge()` is given: the compiler enforces it. */
export interface Check<N extends FactName = FactName> {
  readonly code: CheckCode;
  /** kebab-case, stable. */
  readonly name: string;
  readonly severity: Severity;
  readonly needs: readonly N[];
  /** Codes whose failure makes this check moot. */
  readonly after?: readonly CheckCode[];
  /**
   * Facts that nobody can know because of what this check finds: one that needs
   * any of them is moot after it where it would be unknown.
   */
  readonly leaves?: readonly FactName[];
  /**
   * Whether this check's failure would follow from that cause, one of `after`
   * or what made one of them moot. Where it would not, the check is judged all
   * the same: a wrong bridge stays wrong when the agent is dead too.
   * @default always
   */
  follows?(facts: Facts, cause: CheckCode): boolean;
  /**
   * A reason, as a key of the texts' `skips`, why the check does not apply to this
   * host; undefined when it does. Runs before unknown needs are reported, on
   * all facts, so that a check that cannot apply is skipped, not unknown.
   */
  applies?(facts: Facts): string | undefined;
  judge(facts: Known<N>): Finding[];
  /**
   * Where nothing was found wrong: what could not be judged all the same, in
   * the words of an unknown fact's reason. Any makes the verdict `unknown`.
   * @default nothing
   */
  unsure?(facts: Known<N>): string[];
  readonly text: Readonly<Record<Language, CheckText>>;
  /** Documents and issues behind the check, such as `failure-catalogue F13`'s links. */
  readonly sources: readonly string[];
  readonly fix?: FixName;
}

/** Fixes the type of `needs` and erases it, for the catalogue. */
export function defineCheck<const N extends FactName>(
  check: Check<N>,
): Check {
  return check as unknown as Check;
}

/** Verdict of one check on one host. */
export type Verdict = "ok" | "failed" | "unknown" | "skipped" | "crashed";
