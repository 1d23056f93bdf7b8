/**
 * A network namespace for one test: made empty, gone with everything in it at
 * the end of the block.
 *
 * @module
 */
import "./load_libc.ts";

/** A namespace named `fd-…`, to be held by `using`. */
export class TestNetns implements Disposable {
  /** As in `ip netns`. */
  readonly name = `fd-${crypto.randomUUID().slice(0, 8)}`;

  /**
   * @param batch Lines for `ip -batch`, such as `link set lo up`.
   * @throws {Error} When the namespace or a line of the batch is refused.
   */
  constructor(...batch: readonly string[]) {
    run("ip", ["netns", "add", this.name]);
    try {
      this.ip(...batch);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Runs lines of `ip -batch` inside. */
  ip(...batch: readonly string[]): void {
    for (const line of batch) run("ip", ["-n", this.name, ...words(line)]);
  }

  /** Runs a program inside and returns what it printed. */
  exec(program: string, ...args: readonly string[]): string {
    return run("ip", ["netns", "exec", this.name, program, ...args]);
  }

  /** What `ip -json` prints, parsed. */
  ipJson<T>(line: string): T[] {
    const text = run("ip", ["-n", this.name, "-d", "-j", ...words(line)]);
    return JSON.parse(text.trim() || "[]");
  }

  [Symbol.dispose](): void {
    run("ip", ["netns", "del", this.name]);
  }
}

function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}

function run(program: string, args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, {
    args: [...args],
  }).outputSync();
  if (success) return new TextDecoder().decode(stdout);
  const reason = new TextDecoder().decode(stderr).trim();
  throw new Error(
    `Cannot run "${program} ${args.join(" ")}": ${reason}`,
  );
}
