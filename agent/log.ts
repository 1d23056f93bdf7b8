/**
 * The agent's log: lines on stderr, for people or for machines.
 *
 * @module
 */

/** Gravity of a line. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Values beside a message; `undefined` ones are left out. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | null | undefined>
>;

/** Where the agent's messages go. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Options of {@linkcode createLogger}. */
export interface LoggerOptions {
  /** @default "text" */
  readonly format?: "text" | "json";
  /** Least grave level written. @default "info" */
  readonly level?: LogLevel;
  /** Takes whole lines with their line break. @default stderr */
  readonly write?: (line: string) => void;
  /** @default the clock */
  readonly now?: () => Date;
}

const ORDER: readonly LogLevel[] = ["debug", "info", "warning", "error"];
const MARKS: Readonly<Record<LogLevel, string>> = {
  debug: "D",
  info: "I",
  warning: "W",
  error: "E",
};

const encoder = new TextEncoder();

function toStderr(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(line));
  } catch {
    // A log that nobody can read must not stop the network.
  }
}

/** A value as text: quoted where a reader could not see its end. */
function field(value: string | number | boolean | null): string {
  const text = String(value);
  return /^[\w.:/@&%+-]+$/.test(text) ? text : JSON.stringify(text);
}

function textLine(
  time: string,
  level: LogLevel,
  message: string,
  fields: LogFields,
): string {
  const values = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${field(value!)}`);
  // One event, one line, whatever an error message holds.
  const oneLine = message.replaceAll(/\s*\n\s*/g, "; ");
  return `${time} ${MARKS[level]} ${oneLine}${values.join("")}\n`;
}

/** Makes a logger. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { format = "text", level = "info", write = toStderr } = options;
  const now = options.now ?? (() => new Date());
  const least = ORDER.indexOf(level);
  const log = (at: LogLevel) => (message: string, fields: LogFields = {}) => {
    if (ORDER.indexOf(at) < least) return;
    const time = now().toISOString();
    write(
      format === "json"
        ? `${JSON.stringify({ time, level: at, message, ...fields })}\n`
        : textLine(time, at, message, fields),
    );
  };
  return {
    debug: log("debug"),
    info: log("info"),
    warning: log("warning"),
    error: log("error"),
  };
}
