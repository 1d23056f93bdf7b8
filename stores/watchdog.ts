/** How a {@linkcode Watchdog} looks after a stream. */
export interface WatchdogOptions {
  /** Silence after which a sign of life is asked for, milliseconds. */
  readonly pingMs: number;
  /** Silence of the stream itself that is too long whatever a ping says. */
  readonly silenceMs: number;
  /** Throws when the server gives no sign of life. */
  readonly ping: () => Promise<void>;
  /** Called once, with what the ping threw. */
  readonly onDead: (error: Error) => void;
}

/**
 * Notices that the far end of a silent stream is gone. A frozen server, or a
 * connection that a middlebox forgot, looks like a quiet network for ever.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fed = performance.now();
  #stopped = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#arm(options.pingMs);
  }

  /** The stream gave something. */
  feed(): void {
    this.#fed = performance.now();
  }

  /** Ends the watch over the stream. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => this.#look(), ms);
  }

  async #look(): Promise<void> {
    const { pingMs, silenceMs, ping, onDead } = this.#options;
    const silent = performance.now() - this.#fed;
    if (silent < pingMs) return this.#arm(pingMs - silent);
    try {
      if (silent > silenceMs) {
        throw new Error(`Stream gave nothing for ${Math.round(silent)} ms`);
      }
      await ping();
      this.#arm(pingMs);
    } catch (error) {
      if (this.#stopped) return;
      this.stop();
      onDead(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
