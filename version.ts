/** flandoc's version, the one of deno.json; a test compares them. */
export const VERSION = "0.1.0";

/** What `flandoc version` says: version, Deno, target. */
export function versionLine(): string {
  return `flandoc ${VERSION} (Deno ${Deno.version.deno}, ${Deno.build.target})`;
}
