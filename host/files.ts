/**
 * Files as facts.
 *
 * @module
 */
import { type Fact, known, unknown } from "../snapshot/fact.ts";
import type { FileFacts } from "../snapshot/facts.ts";
import { readBytes, readText, statusOf } from "./raw_files.ts";

/** Files larger than this are not read into a fact, bytes. */
const LIMIT = 1 << 20;

/**
 * Reads a file. A file that does not exist is known: its text is null. Unknown
 * when it may not be read, is a directory, or holds more than 1 MiB.
 *
 * @param path where to read
 * @param shown path that the fact names, when the file is read through
 * `/proc/PID/root`
 */
export function readFileFacts(path: string, shown = path): Fact<FileFacts> {
  try {
    const text = readText(path, LIMIT);
    const status = statusOf(path);
    return known({
      path: shown,
      text,
      modified: status?.modified.toISOString() ?? null,
      mode: status?.mode ?? null,
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return known({ path: shown, text: null, modified: null, mode: null });
    }
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Reads a file that has to be one: what is there in its place is a fault of
 * the host, not a gap of our knowledge. Docker makes a directory where a file
 * that does not exist is mounted into a container. Unknown only when it may
 * not be read.
 */
export function readOwedFile(path: string): Fact<FileFacts> {
  try {
    readBytes(path, LIMIT);
  } catch (error) {
    const excused = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied;
    if (error instanceof Error && !excused) {
      const obstacle = error.message.replace(/^.*?": /, "");
      return known({ path, text: null, modified: null, mode: null, obstacle });
    }
  }
  return readFileFacts(path);
}

/** Text of a file, or null when it cannot be read for whatever reason. */
export function readTextOrNull(path: string): string | null {
  try {
    return readText(path, LIMIT);
  } catch {
    return null;
  }
}
