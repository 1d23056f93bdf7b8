/** How long a token read from its file is used, ms; client-go: a minute. */
const FRESH_MS = 10_000;

/**
 * The token to show. A service account's token lives an hour or so and its
 * file changes long before the end: it is read again when it may have.
 */
export class BearerToken {
  readonly #fixed: string | null;
  readonly #file: string | null;
  readonly #readText: (path: string) => string;
  readonly #now: () => number;
  #read: { readonly token: string; readonly at: number } | null = null;

  constructor(options: {
    readonly token: string | null;
    readonly tokenFile: string | null;
    readonly readText?: (path: string) => string;
    readonly now?: () => number;
  }) {
    this.#fixed = options.token;
    this.#file = options.tokenFile;
    this.#readText = options.readText ?? Deno.readTextFileSync;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * The token, or null when none is configured. A file that cannot be read
   * right now leaves the last token in force.
   */
  get(): string | null {
    if (this.#file === null) return this.#fixed;
    const now = this.#now();
    if (this.#read === null || now - this.#read.at >= FRESH_MS) {
      try {
        const token = this.#readText(this.#file).trim();
        if (token !== "") this.#read = { token, at: now };
      } catch {
        // It is being replaced, or gone: the server will tell.
      }
    }
    return this.#read?.token ?? this.#fixed;
  }

  /**
   * The server did not take the token.
   *
   * @returns whether the file holds another one now
   */
  refused(): boolean {
    if (this.#file === null) return false;
    const before = this.#read?.token;
    this.#read = null;
    return this.get() !== (before ?? null);
  }
}
