/**
 * Whether a question of a rule takes packets of a class. yes: every packet;
 * no: none; some: a part, surely; maybe: not known.
 */
export type Answer = "yes" | "no" | "maybe" | "some";

/** The answer behind a `!`. */
export function negated(answer: Answer, not: boolean): Answer {
  if (!not || answer === "maybe" || answer === "some") return answer;
  return answer === "yes" ? "no" : "yes";
}

/** Of questions that a packet has to meet all. */
export function allOf(answers: readonly Answer[]): Answer {
  for (const answer of ["no", "maybe", "some"] as const) {
    if (answers.includes(answer)) return answer;
  }
  return "yes";
}

/** Of questions of which one is enough. */
export function anyOf(answers: readonly Answer[]): Answer {
  for (const answer of ["yes", "maybe", "some"] as const) {
    if (answers.includes(answer)) return answer;
  }
  return "no";
}

/** The values of nft's `{ a, b }`, or the one. */
export function listedWords(text: string): string[] {
  return text.replace(/^\{ (.*) \}$/, "$1").split(", ");
}
