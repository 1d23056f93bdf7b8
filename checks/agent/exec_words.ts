import type { UnitFacts } from "../../snapshot/facts.ts";

/**
 * Words of the command that a unit starts, from the last `ExecStart=` of its
 * files that is not empty; null without one. Variables stay as written, since
 * a snapshot does not hold the environment files.
 */
export function execWords(unit: UnitFacts): readonly string[] | null {
  const commands = unit.files.flatMap((file) =>
    (file.text ?? "").replaceAll(/\\\r?\n\s*/g, " ").split(/\r?\n/)
  ).flatMap((line) => /^\s*ExecStart=(.+)$/.exec(line)?.[1] ?? []);
  const command = commands.at(-1)?.trim().replace(/^[-@:+!]+/, "");
  if (command === undefined) return null;
  return (command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [])
    .map((word) => word.replaceAll(/["']/g, ""));
}
