/**
 * `flandoc run` as a process in a network namespace, as a host has it.
 *
 * @module
 */
import { flandocCommand } from "../../lab/mod.ts";

/** How to start an agent. */
export interface AgentProcessOptions {
  /** Name of the network namespace that is its host. */
  readonly netns: string;
  readonly endpoints: readonly string[];
  readonly subnetFile: string;
  /** More of flanneld's flags. */
  readonly flags?: readonly string[];
  /** The words that run flandoc. @default `FLANDOC_BINARY`, else from source */
  readonly command?: readonly string[];
}

/** An agent that runs; ended by force at the end of the block. */
export class AgentProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #options: AgentProcessOptions;
  readonly #ended: Promise<number>;
  #log = "";
  #isRunning = true;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
    const { netns, endpoints, subnetFile, flags = [] } = options;
    const [program = "", ...args] = [
      "nsenter",
      `--net=/var/run/netns/${netns}`,
      ...options.command ?? flandocCommand(),
      "run",
      `--etcd-endpoints=${endpoints.join(",")}`,
      `--subnet-file=${subnetFile}`,
      ...flags,
    ];
    this.#child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#follow();
  }

  async #follow(): Promise<number> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#log += decoder.decode(chunk, { stream: true });
    }
    const { code } = await this.#child.status;
    this.#isRunning = false;
    return code;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it wrote to stderr so far. */
  get log(): string {
    return this.#log;
  }

  /** Exit status, once it has ended. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  /**
   * Waits for subnet.env, which is written when all routes are there. Remove
   * an old one before the start.
   *
   * @throws {Error} with its log when the agent ends or the time is over.
   */
  async ready(limitMs = 120_000): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (this.#isRunning && performance.now() < deadline) {
      if (exists(this.#options.subnetFile)) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error(`Cannot start agent: its log says\n${this.#log}`);
  }

  /** Sends a signal and waits for the end; the exit status. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    if (this.#isRunning) {
      try {
        this.#child.kill(signal);
      } catch (error) {
        // It ended between the look and the signal.
        if (!(error instanceof TypeError)) throw error;
      }
    }
    return await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
