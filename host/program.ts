/**
 * Runs programs of the host.
 *
 * @module
 */
import { inNetns } from "./netns.ts";

/** How a program is run. */
export interface ProgramOptions {
  /** Text for its standard input. @default none */
  readonly stdin?: string;
  /** Milliseconds after which it is killed. @default 15000 */
  readonly timeoutMs?: number;
  /** Kills it, when nobody waits for it any longer. */
  readonly signal?: AbortSignal;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

/** What a program printed. */
export interface ProgramOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Why a program did not do its work: it is not installed, flandoc may not run
 * it, it exited with another status than 0, or it took too long.
 */
export type ProgramFailure = "missing" | "denied" | "failed" | "timeout";

/** A program that did not do its work. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly failure: ProgramFailure;
  readonly program: string;
  readonly args: readonly string[];
  /** Exit status, or null when it did not exit by itself. */
  readonly code: number | null;
  /** What it said on standard error, trimmed. */
  readonly stderr: string;

  constructor(
    failure: ProgramFailure,
    program: string,
    args: readonly string[],
    detail: string,
    code: number | null = null,
    stderr = "",
  ) {
    super(`Cannot run ${[program, ...args].join(" ")}: ${detail}`);
    this.failure = failure;
    this.program = program;
    this.args = args;
    this.code = code;
    this.stderr = stderr;
  }
}

/** Directories that a service's or a user's PATH often lacks. */
const SYSTEM_DIRECTORIES = [
  "/usr/sbin",
  "/sbin",
  "/usr/local/sbin",
  "/usr/bin",
  "/bin",
  "/usr/local/bin",
];

function directories(): string[] {
  let path = "";
  try {
    path = Deno.env.get("PATH") ?? "";
  } catch {
    // PATH may not be read: the system's directories will do.
  }
  return [
    ...new Set([...path.split(":").filter(Boolean), ...SYSTEM_DIRECTORIES]),
  ];
}

/** Places of programs found before. */
const found = new Map<string, string>();

/** Every path a program may be at, best first. */
function candidates(program: string): string[] {
  if (program.includes("/")) return [program];
  const known = found.get(program);
  return [
    ...known === undefined ? [] : [known],
    ...directories().map((directory) => `${directory}/${program}`),
  ];
}

/** Whether a path is surely no program, found out without starting it. */
function isAbsent(path: string): boolean {
  try {
    return !Deno.statSync(path).isFile;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function spawn(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Deno.ChildProcess {
  let denied: string | undefined;
  for (const path of candidates(program)) {
    if (isAbsent(path)) continue;
    const command = new Deno.Command(path, {
      args: [...args],
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      // Programs' messages are read, and shown, in one language.
      env: { LC_ALL: "C" },
    });
    try {
      const child = options.netns === undefined
        ? command.spawn()
        : inNetns(options.netns, () => command.spawn());
      found.set(program, path);
      return child;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      if (
        error instanceof Deno.errors.NotCapable ||
        error instanceof Deno.errors.PermissionDenied
      ) denied = error.message;
      else throw error;
    }
  }
  throw denied === undefined
    ? new ProgramError("missing", program, args, "it is not installed")
    : new ProgramError("denied", program, args, denied);
}

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
 * Runs a program and waits for it. It is looked up in `PATH`, then in the
 * sbin and bin directories, since a service's `PATH` often has no sbin.
 *
 * @throws {ProgramError} when it is missing, denied, fails or takes too long
 * @throws the signal's reason when it was aborted before
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramOutput> {
  options.signal?.throwIfAborted();
  const child = spawn(program, args, options);
  const limit = options.timeoutMs ?? 15_000;
  let late = false;
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has just ended.
    }
  };
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, limit);
  options.signal?.addEventListener("abort", kill);
  try {
    const [output] = await Promise.all([
      child.output(),
      options.stdin === undefined ? undefined : feed(child, options.stdin),
    ]);
    const stdout = new TextDecoder().decode(output.stdout);
    const stderr = new TextDecoder().decode(output.stderr).trim();
    if (late) {
      throw new ProgramError(
        "timeout",
        program,
        args,
        `it did not end within ${limit} ms`,
        null,
        stderr,
      );
    }
    options.signal?.throwIfAborted();
    if (!output.success) {
      const said = stderr === "" ? "it said nothing" : stderr;
      throw new ProgramError(
        "failed",
        program,
        args,
        `exit status ${output.code}: ${said}`,
        output.code,
        stderr,
      );
    }
    return { stdout, stderr };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", kill);
  }
}
