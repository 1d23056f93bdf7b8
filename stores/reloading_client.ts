/**
 * An HTTP client whose certificates may be renewed while it is in use.
 *
 * @module
 */

/** How to make the client. */
export interface ReloadingClientOptions {
  /** Files that the client is made of. */
  readonly files: readonly string[];
  /** Reads the files; throws where they are of no use. */
  readonly make: () => Deno.HttpClient;
  /** Time between looks at the files, ms. @default 1000 */
  readonly checkMs?: number;
}

/** What a file is now, in text: another text, another file. */
function stamp(path: string): string {
  try {
    const { mtime, size, ino } = Deno.statSync(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "none";
  }
}

/**
 * Makes the client anew when its files have changed: certificates live a year,
 * or a day, and whoever renews them does not restart the agents. Files that
 * cannot be used, half of a new pair for instance, leave the client as it is.
 */
export class ReloadingClient {
  readonly #options: ReloadingClientOptions;
  readonly #old: Deno.HttpClient[] = [];
  #client: Deno.HttpClient | null = null;
  #error: unknown = null;
  #stamp = "";
  #checked = -Infinity;

  constructor(options: ReloadingClientOptions) {
    this.#options = options;
    this.#reload();
  }

  /**
   * The client for the next request.
   *
   * @throws what `make` threw, while there was never a client
   */
  get(): Deno.HttpClient {
    const { checkMs = 1_000 } = this.#options;
    if (performance.now() - this.#checked >= checkMs) this.#reload();
    if (this.#client === null) throw this.#error;
    return this.#client;
  }

  /** Frees the connections of this client and of those before it. */
  close(): void {
    for (const each of [this.#client, ...this.#old.splice(0)]) each?.close();
    this.#client = null;
    this.#error = new Error("Client is closed");
    this.#checked = Infinity;
  }

  #reload(): void {
    const { files, make } = this.#options;
    this.#checked = performance.now();
    const now = files.map(stamp).join(", ");
    if (now === this.#stamp && this.#client !== null) return;
    try {
      const client = make();
      // A watch may go on over it for days.
      if (this.#client !== null) this.#old.push(this.#client);
      this.#client = client;
      this.#stamp = now;
    } catch (error) {
      this.#error = error;
    }
  }
}
