/** A wish for another look, which is not lost while one is going on. */
export class Waker {
  #isWoken = false;
  #wake: () => void = () => {};

  /** Has the one who waits look, now or after what it does. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /**
   * Waits until it is woken, so many milliseconds are over, or the signal
   * aborts.
   *
   * @returns whether it was woken, since the last time it was told so
   */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#isWoken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          this.#wake = () => {};
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done, { once: true });
        this.#wake = done;
      });
    }
    const woken = this.#isWoken;
    this.#isWoken = false;
    return woken;
  }
}
