import type { CommandContext } from "@stricli/core";
import type { Language } from "../checks/check.ts";
import type { TextStyle } from "../report/report.ts";

/** What a command may use of its surroundings. */
export interface FlandocContext extends CommandContext {
  readonly process: {
    readonly stdout: { write(text: string): void };
    readonly stderr: { write(text: string): void };
    readonly env: Readonly<Record<string, string | undefined>>;
    exitCode?: number | string | null;
  };
  /** Whether stdout is a terminal. */
  readonly terminal: boolean;
  /** Whether stderr is a terminal: progress is drawn only there. */
  readonly progressTerminal: boolean;
  /** Columns of the terminal, 80 where there is none. */
  readonly columns: number;
}

/** The surroundings of the running process. */
export function processContext(): FlandocContext {
  const terminal = Deno.stdout.isTerminal();
  return {
    process: {
      stdout: { write: (text) => writeAll(Deno.stdout, text) },
      stderr: { write: (text) => writeAll(Deno.stderr, text) },
      env: environment(),
    },
    terminal,
    progressTerminal: Deno.stderr.isTerminal(),
    columns: terminal ? terminalColumns() : 80,
  };
}

/** Writes the whole text; a reader that went away (`| head`) ends the output. */
function writeAll(stream: typeof Deno.stdout, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return;
      if (!(error instanceof Deno.errors.WouldBlock)) throw cannotWrite(error);
      waitABit();
    }
  }
}

/** A full disk behind `> report.txt`, as a sentence. */
function cannotWrite(error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`Cannot write the output: ${reason}`, { cause: error });
}

/** A pipe that another program made non-blocking is full: let it be read. */
function waitABit(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

function terminalColumns(): number {
  try {
    return Math.max(40, Math.min(Deno.consoleSize().columns, 120));
  } catch {
    return 80;
  }
}

/** Variables the commands read; each is named so that permissions can be. */
const VARIABLES = ["LANG", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "TERM"];

function environment(): Record<string, string | undefined> {
  return Object.fromEntries(
    VARIABLES.map((name) => [name, Deno.env.get(name)]),
  );
}

/**
 * Language of the texts: the flag, else the locale's, as POSIX orders its
 * variables, else English.
 */
export function languageOf(
  flag: Language | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Language {
  const locale = env.LC_ALL || env.LC_MESSAGES || env.LANG || "";
  return flag ?? (/^zh/i.test(locale) ? "zh" : "en");
}

/** How to write for a person, from flags and surroundings. */
export function styleOf(
  context: FlandocContext,
  flags: {
    readonly lang?: Language | undefined;
    readonly color?: boolean | undefined;
    readonly verbose?: boolean | undefined;
  },
): TextStyle {
  const { env } = context.process;
  const plain = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  return {
    language: languageOf(flags.lang, env),
    color: flags.color ?? (context.terminal && !plain),
    verbose: flags.verbose ?? false,
    columns: context.columns,
  };
}
