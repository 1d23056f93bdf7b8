/**
 * Files a repair writes, with the directories it needs for them.
 *
 * @module
 */
import { writeFileAtomic } from "../host/write_file.ts";
import type { Change } from "./action.ts";
import { fileState } from "./file_state.ts";
import type { Standing } from "./apply_routes.ts";

/** The file kind of a change. */
export type FileChange = Extract<Change, { kind: "file" }>;

function parents(path: string): string[] {
  const names = path.split("/").slice(1, -1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
}

/** Directories above a path that do not exist, the outermost first. */
export function absentDirectories(path: string): string[] {
  return parents(path).filter((directory) => !exists(directory));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Where a path leads: a link stays one, what it leads to is written. */
function target(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

/** Removes directories that are empty, the innermost first. */
function removeDirectories(directories: readonly string[]): void {
  for (const directory of [...directories].reverse()) {
    try {
      Deno.removeSync(directory);
    } catch {
      // Somebody else has put something in, or removed it.
      return;
    }
  }
}

/** How a change of a file stands. */
export function fileStanding({ path, before, after }: FileChange): Standing {
  const now = fileState(path)?.text;
  if (now === after?.text) return "done";
  return now === before?.text ? "undone" : "other";
}

/**
 * Brings a file from `before` to `after`.
 *
 * @throws {Error} when it is not as `before` says, or cannot be written
 */
export function writeFile(change: FileChange): void {
  const { path, before, after, directories = [] } = change;
  if (fileState(path)?.text !== before?.text) {
    throw new Error(
      `Cannot change "${path}": somebody else has changed it meanwhile`,
    );
  }
  if (after === null) {
    if (before !== null) Deno.removeSync(path);
    removeDirectories(directories);
    return;
  }
  try {
    for (const directory of absentDirectories(path)) {
      Deno.mkdirSync(directory, { mode: 0o755 });
    }
    writeFileAtomic(target(path), after.text, after.mode);
  } catch (error) {
    removeDirectories(directories);
    throw error;
  }
}
