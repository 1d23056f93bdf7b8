import type { CheckResult } from "../checks/engine.ts";
import type { Language } from "../checks/check.ts";
import { reasonWords } from "./reason_words.ts";
import { STRINGS } from "./strings.ts";

/** Why a check gave no judgement, as a sentence; null for ok and failed. */
export function reasonText(
  result: CheckResult,
  language: Language,
): string | null {
  const { reason, check } = result;
  const strings = STRINGS[language];
  switch (reason?.kind) {
    case undefined:
      return null;
    case "moot":
      return `${strings.mootAfter} ${reason.after}`;
    case "unselected":
      return strings.unselected;
    case "inapplicable":
      return check.text[language].skips?.[reason.key] ?? reason.key;
    case "unknown":
      return reasonWords(reason.reasons, language);
    case "crashed":
      return reason.error;
  }
}
