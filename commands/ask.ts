/**
 * Asks on the terminal. Only a plain yes is yes; without a terminal nobody can
 * say yes, so the answer is no.
 */
export function ask(question: string): Promise<boolean> {
  if (!Deno.stdin.isTerminal()) {
    console.error(`${question}no: stdin is not a terminal, use --yes`);
    return Promise.resolve(false);
  }
  const answer = prompt(question.trimEnd()) ?? "";
  return Promise.resolve(/^(y|yes|是|好)$/i.test(answer.trim()));
}
