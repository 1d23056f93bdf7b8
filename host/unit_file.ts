/**
 * systemd unit files, `systemd.unit(5)` and `systemd.syntax(7)`, as far as
 * flandoc reads them.
 *
 * @module
 */

/** One assignment of a unit file. */
export interface UnitSetting {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** Assignments of a unit file in order; comments and blank lines left out. */
export function parseUnitFile(text: string): UnitSetting[] {
  const settings: UnitSetting[] = [];
  let section = "";
  let pending = "";
  for (const raw of text.split(/\r?\n/)) {
    // A comment inside a continued line does not end it.
    if (/^\s*[#;]/.test(raw)) continue;
    const line = pending + (pending === "" ? raw.trim() : raw.trimEnd());
    if (line.endsWith("\\")) {
      pending = line.slice(0, -1) + " ";
      continue;
    }
    pending = "";
    const header = /^\[(.+)\]$/.exec(line);
    if (header !== null) section = header[1] ?? "";
    const [, name, value] = /^([A-Za-z0-9-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && header === null) {
      settings.push({ section, name, value: (value ?? "").trim() });
    }
  }
  return settings;
}

/**
 * Values of one name over a unit and its drop-ins, in order. An empty
 * assignment takes back what was there before it.
 */
export function unitValues(
  settings: readonly UnitSetting[],
  section: string,
  name: string,
): string[] {
  let values: string[] = [];
  for (const setting of settings) {
    if (setting.section !== section || setting.name !== name) continue;
    values = setting.value === "" ? [] : [...values, setting.value];
  }
  return values;
}

/** Splits into words as systemd does: quotes group, a backslash escapes. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === "\\" && quote !== "'" && at + 1 < text.length) {
      word = (word ?? "") + text[++at];
    } else if (quote !== "") {
      if (char === quote) quote = "";
      else word = (word ?? "") + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/** Variables of an `EnvironmentFile=`, `systemd.exec(5)`. */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of text.replaceAll(/\\\r?\n/g, "").split(/\r?\n/)) {
    const [, name, value] =
      /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const trimmed = (value ?? "").trim();
    variables[name] = /^["']/.test(trimmed)
      ? splitWords(trimmed).join(" ")
      : trimmed;
  }
  return variables;
}

/**
 * Puts variables into the words of a command line: `${NAME}` inside a word,
 * `$NAME` alone as any number of words, `systemd.service(5)`.
 */
export function expandCommand(
  command: string,
  variables: Readonly<Record<string, string>>,
): string[] {
  // Prefixes of the path: - @ : + !
  return splitWords(command.replace(/^[-@:+!]+/, "")).flatMap((word) => {
    const alone = /^\$([A-Za-z_]\w*)$/.exec(word);
    if (alone !== null) return splitWords(variables[alone[1] ?? ""] ?? "");
    return [
      word.replaceAll(
        /\$\{([A-Za-z_]\w*)\}/g,
        (_, name) => variables[name] ?? "",
      ).replaceAll("$$", "$"),
    ];
  });
}
