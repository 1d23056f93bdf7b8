/**
 * The one place where the lab starts programs.
 *
 * @module
 */

/** What a program gave back. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a program. */
export interface RunOptions {
  /** Text for its standard input; without it, the input is empty. */
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  /** How an error names the command. @default its words */
  readonly shown?: string;
  /** Variables added to ours. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program to its end and never throws for its exit status.
 *
 * @throws {Error} when it cannot be started or the signal aborts.
 */
export async function run(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Output> {
  options.signal?.throwIfAborted();
  const [program = "", ...args] = argv;
  const child = new Deno.Command(program, {
    args,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...(options.env ? { env: { ...options.env } } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  }).spawn();
  const [output] = await Promise.all([
    child.output(),
    options.stdin === undefined ? undefined : feed(child, options.stdin),
  ]);
  options.signal?.throwIfAborted();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/** A program that ends before it has read its input is no error of ours. */
async function feed(child: Deno.ChildProcess, text: string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // It stopped reading: its exit status says why.
  }
}

/**
 * Runs a program that has to succeed and answers its standard output.
 *
 * @throws {Error} with the command and what it printed.
 */
export async function mustRun(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const output = await run(argv, options);
  if (output.code === 0) return output.stdout;
  const said = (output.stderr || output.stdout).trim();
  throw new Error(
    `Cannot run "${
      shorten(options.shown ?? argv.join(" "))
    }": exit status ${output.code}${said === "" ? "" : `: ${said}`}`,
  );
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}

/**
 * Hands the terminal to a program and answers its exit status: 128 and the
 * signal's number when a signal ended it.
 */
export async function runInTerminal(argv: readonly string[]): Promise<number> {
  const [program = "", ...args] = argv;
  const child = new Deno.Command(program, {
    args,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).code;
}
