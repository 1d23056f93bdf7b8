/** East Asian wide characters take two columns on a terminal (UAX #11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/u;

/** Columns that a text without control characters takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : 1;
  return width;
}

/** Pads with spaces at the end to a number of columns. */
export function padEndColumns(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/**
 * Breaks a sentence into lines of at most `columns` columns, at spaces and
 * between wide characters. A word longer than a line keeps a line to itself.
 */
export function wrapColumns(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const piece of breakable(text)) {
    if (line !== "" && displayWidth((line + piece).trimEnd()) > columns) {
      lines.push(line.trimEnd());
      line = piece.trimStart();
    } else {
      line += piece;
    }
  }
  if (line.trimEnd() !== "") lines.push(line.trimEnd());
  return lines;
}

/** Marks that must not begin a line stay with what they follow. */
const CLOSING = /^[，。；：、！？）】》”’]/u;

function breakable(text: string): string[] {
  const pieces: string[] = [];
  let word = "";
  for (const character of text) {
    const closes = CLOSING.test(character);
    if (WIDE.test(character) && !closes) {
      if (word !== "") pieces.push(word);
      word = character;
    } else if (closes || character !== " ") {
      if (!closes && word.length > 0 && WIDE.test(word.slice(-1))) {
        pieces.push(word);
        word = "";
      }
      word += character;
    } else {
      pieces.push(word + " ");
      word = "";
    }
  }
  if (word !== "") pieces.push(word);
  return pieces;
}
