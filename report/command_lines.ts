/** More commands of one kind than this are counted, not listed. */
const SHOWN = 40;

/** Commands indented below what they belong to. */
export function commandLines(commands: readonly string[]): string[] {
  const shown = commands.slice(0, SHOWN).map((line) => `    ${line}`);
  const rest = commands.length - SHOWN;
  return rest > 0 ? [...shown, `    … +${rest}`] : shown;
}
