import { type FileStatus, statusOf } from "./raw_files.ts";

/**
 * Replaces a file whole: readers see the old text or the new, never a part,
 * also after a power cut. A file that was there keeps its owner.
 *
 * @param mode Permission bits such as 0o644
 * @throws {Deno.errors.PermissionDenied} when the directory may not be written
 */
export function writeFileAtomic(
  path: string,
  text: string,
  mode: number,
): void {
  const slash = path.lastIndexOf("/");
  const directory = slash <= 0 ? "/" : path.slice(0, slash);
  const temporary = Deno.makeTempFileSync({
    dir: directory,
    prefix: ".flandoc-",
  });
  try {
    {
      using file = Deno.openSync(temporary, { write: true });
      let rest = new TextEncoder().encode(text);
      while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
      file.syncSync();
    }
    keepOwner(temporary, statusOf(path));
    // Giving a file away takes some of its bits.
    Deno.chmodSync(temporary, mode);
    Deno.renameSync(temporary, path);
  } catch (error) {
    Deno.removeSync(temporary);
    throw error;
  }
  syncDirectory(directory);
}

/** Gives a file to the owner of the one in whose place it comes. */
function keepOwner(path: string, old: FileStatus | null): void {
  const own = statusOf(path);
  if (old === null || (old.uid === own?.uid && old.gid === own.gid)) return;
  try {
    Deno.chownSync(path, old.uid, old.gid);
  } catch (error) {
    // Only root gives files away; anybody may replace one in his directory.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/** Makes the rename durable; a filesystem that cannot is left as it is. */
function syncDirectory(directory: string): void {
  try {
    using handle = Deno.openSync(directory, { read: true });
    handle.syncSync();
  } catch {
    // tmpfs and some network filesystems refuse to sync a directory.
  }
}
