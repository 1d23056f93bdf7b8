import { createLogger, type Logger } from "../../agent/log.ts";

/** A logger that keeps its lines. */
export function quietLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const log = createLogger({
    level: "debug",
    write: (line) => lines.push(line.replace(/^\S+ /, "").trimEnd()),
  });
  return { ...log, lines };
}
