import type { Check, Language } from "../checks/check.ts";
import { factWords } from "./fact_words.ts";
import { painter } from "./glyphs.ts";
import type { TextStyle } from "./report.ts";
import { STRINGS } from "./strings.ts";
import { wrapColumns } from "./width.ts";

/** The page of one check, for `flandoc explain`. */
export function renderExplanation(check: Check, style: TextStyle): string {
  const strings = STRINGS[style.language];
  const text = check.text[style.language];
  const paint = painter(style.color);
  const sections: [string, string[]][] = [
    [strings.explain.meaning, paragraphs(text.meaning, style)],
    [strings.explain.symptoms, paragraphs(text.symptoms, style)],
    [strings.explain.repair, paragraphs(text.repair, style)],
    [strings.explain.fix, check.fix ? [`  flandoc fix --${check.fix}`] : []],
    [
      strings.explain.needs,
      paragraphs(factWords(check.needs, style.language), style),
    ],
    [strings.explain.after, check.after ? [`  ${check.after.join(", ")}`] : []],
    [strings.explain.sources, check.sources.map((source) => `  ${source}`)],
  ];
  const severity = strings.severities[check.severity];
  const head = `${check.code} ${check.name} (${severity})`;
  const body = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [paint("bold", title), ...lines].join("\n"));
  return [`${paint("bold", head)}\n${text.title}`, ...body].join("\n\n") + "\n";
}

/** Sentences are wrapped; a line that is indented is a command and is not. */
function paragraphs(text: string, style: TextStyle): string[] {
  return text.split("\n").flatMap((line) => {
    if (line.trim() === "") return [""];
    if (/^\s/.test(line)) return [`  ${line}`];
    return wrapColumns(line, style.columns - 2).map((part) => `  ${part}`);
  });
}

/** The list of all checks, a line each. */
export function renderCatalogue(
  checks: readonly Check[],
  language: Language,
): string {
  const width = Math.max(...checks.map((check) => check.name.length)) + 2;
  return checks.map((check) =>
    `${check.code.padEnd(7)}${check.name.padEnd(width)}${
      check.text[language].title
    }`
  ).join("\n") + "\n";
}
