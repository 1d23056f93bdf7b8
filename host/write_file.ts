/**
 * Replaces a file whole: readers see the old text or the new, never a part,
 * also after a power cut.
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
    Deno.chmodSync(temporary, mode);
    Deno.renameSync(temporary, path);
  } catch (error) {
    Deno.removeSync(temporary);
    throw error;
  }
  syncDirectory(directory);
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
