/**
 * Mounts left below a directory.
 *
 * @module
 */
import { readText } from "../host/raw_files.ts";
import { mustRun } from "./run.ts";

/**
 * Mount points below a directory, the deepest first, from the text of
 * `/proc/self/mountinfo`, proc(5).
 */
export function mountsBelow(directory: string, mountinfo: string): string[] {
  return mountinfo.split("\n")
    .map((line) => unescape(line.split(" ")[4] ?? ""))
    .filter((point) => point.startsWith(`${directory}/`))
    .reverse();
}

/** Blank, tab, newline and backslash are octal in there. */
function unescape(text: string): string {
  return text.replace(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/**
 * Unmounts everything below a directory, so that removing it removes nothing
 * else. A node's mounts are its own and gone with it; this is for the machine
 * on which that was not so.
 */
export async function unmountBelow(directory: string): Promise<void> {
  const mountinfo = readText("/proc/self/mountinfo");
  for (const point of mountsBelow(directory, mountinfo)) {
    await mustRun(["umount", "--lazy", point]);
  }
}
