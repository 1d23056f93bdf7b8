import type { FlandocContext } from "./context.ts";

/** One line of progress that rewrites itself; nothing without a terminal. */
export interface Progress {
  show(step: string): void;
  clear(): void;
}

/** Progress on stderr, so that stdout stays the report alone. */
export function progressOf(context: FlandocContext): Progress {
  if (!context.progressTerminal) return { show() {}, clear() {} };
  const write = (text: string) => context.process.stderr.write(text);
  return {
    show: (step) => write(`\r\x1b[K${step} …`),
    clear: () => write("\r\x1b[K"),
  };
}
