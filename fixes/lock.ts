/** Raised when another flandoc is repairing this host. */
export class LockedError extends Error {
  override readonly name = "LockedError";
}

/**
 * Holds the only repair lock of a state directory while `work` runs. The
 * kernel drops the lock when the process ends, however it ends.
 *
 * @throws {LockedError} when another process holds it
 * @throws {Deno.errors.PermissionDenied} when the directory may not be written
 */
export async function withLock<T>(
  state: string,
  work: () => Promise<T>,
): Promise<T> {
  await Deno.mkdir(state, { recursive: true, mode: 0o700 });
  using file = await Deno.open(`${state}/lock`, { create: true, write: true });
  if (!await file.tryLock(true)) {
    throw new LockedError(
      "Cannot repair: another flandoc is repairing this host",
    );
  }
  return await work();
}
