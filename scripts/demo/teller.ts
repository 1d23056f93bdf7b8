/**
 * Tells a story on a terminal: what is said, what is typed, what came back, and
 * whether it was what the story says.
 *
 * @module
 */
import { styleText } from "node:util";

/** What a typed command gave back. */
export interface Shown {
  readonly code: number;
  /** Both streams, as a terminal would have shown them. */
  readonly text: string;
}

/** Runs a shell line somewhere. */
export type Typist = (line: string) => Promise<Shown>;

/** Raised when something is not as the story says. */
export class StoryBroken extends Error {
  override readonly name = "StoryBroken";
}

/** Prints a story and remembers what went wrong. */
export class Teller {
  readonly #write: (line: string) => void;
  readonly #colour: boolean;

  /** @param write Prints one line. */
  constructor(write: (line: string) => void, colour: boolean) {
    this.#write = write;
    this.#colour = colour;
  }

  /** A chapter's heading. */
  chapter(title: string): void {
    this.#write("");
    this.#write(this.#paint(["bold", "underline"], title));
  }

  /** A sentence or two. */
  say(text: string): void {
    this.#write(this.#paint(["italic"], text));
  }

  /** Shows a command as it is typed, runs it, shows its output. */
  async type(prompt: string, line: string, typist: Typist): Promise<Shown> {
    this.#write(
      `  ${this.#paint(["green"], prompt)}# ${this.#paint(["bold"], line)}`,
    );
    const shown = await typist(line);
    for (const output of shown.text.trimEnd().split("\n")) {
      if (shown.text.trim() !== "") this.#write(`    ${output}`.trimEnd());
    }
    return shown;
  }

  /**
   * Says what the story needs to be so.
   *
   * @throws {StoryBroken} when it is not.
   */
  claim(text: string, holds: boolean): void {
    const mark = holds
      ? this.#paint(["green"], "✓")
      : this.#paint(["red"], "✗");
    this.#write(`  ${mark} ${text}`);
    if (!holds) throw new StoryBroken(`The story says: ${text}. It is not so`);
  }

  #paint(format: Parameters<typeof styleText>[0], text: string): string {
    return this.#colour
      ? styleText(format, text, { validateStream: false })
      : text;
  }
}
