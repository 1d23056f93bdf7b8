import { messageOf } from "./apply.ts";

/** Raised when another flandoc is repairing this host. */
export class LockedError extends Error {
  override readonly name = "LockedError";
}

/** Raised when the journal cannot be kept: nothing may be changed then. */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly directory: string;
  readonly reason: string;

  constructor(directory: string, reason: string) {
    super(`Cannot keep the journal of repairs in "${directory}": ${reason}`);
    this.directory = directory;
    this.reason = reason;
  }
}

async function openLock(state: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(state, { recursive: true, mode: 0o700 });
    return await Deno.open(`${state}/lock`, { create: true, write: true });
  } catch (error) {
    throw new StateError(state, messageOf(error).split("\n", 1)[0] ?? "");
  }
}

/**
 * Makes sure, before anybody is asked anything, that repairs can be journalled.
 *
 * @throws {StateError} when the state directory cannot be written
 */
export async function requireState(state: string): Promise<void> {
  (await openLock(state)).close();
}

/**
 * Holds the only repair lock of a state directory while `work` runs. The
 * kernel drops the lock when the process ends, however it ends.
 *
 * @throws {LockedError} when another process holds it
 * @throws {StateError} when the state directory cannot be written
 */
export async function withLock<T>(
  state: string,
  work: () => Promise<T>,
): Promise<T> {
  using file = await openLock(state);
  if (!await file.tryLock(true)) {
    throw new LockedError(
      "Cannot repair: another flandoc is repairing this host",
    );
  }
  return await work();
}
