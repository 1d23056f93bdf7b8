import { readFileFacts } from "../host/files.ts";
import type { FileState } from "./fix.ts";

/**
 * A file as it is now, or null where there is none.
 *
 * @throws {Error} when it exists and cannot be read
 */
export function fileState(path: string): FileState | null {
  const fact = readFileFacts(path);
  if ("unknown" in fact) throw new Error(fact.unknown);
  const { text, mode } = fact.known;
  return text === null ? null : { text, mode: mode ?? 0o644 };
}
