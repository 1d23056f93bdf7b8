/**
 * The portable form of the executable: a shell script that carries an archive
 * of Deno and flandoc's bundle, unpacks it once into a cache that only its
 * owner can write, and starts it. For machines that cannot download the
 * runtime that `deno compile` needs.
 *
 * @module
 */

async function run(
  program: string,
  args: readonly string[],
  env = {},
): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code !== 0) {
    const said = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot build: ${program} ${args[0]} said: ${said}`);
  }
}

/** Head of the file; `@ID@` and `@FLAGS@` are filled in. */
const SCRIPT = `#!/bin/sh
# flandoc, portable form: unpacks itself once and runs.
set -eu
id=@ID@
if [ "$(id -u)" = 0 ]; then
  base=/var/cache/flandoc
else
  base=\${XDG_CACHE_HOME:-\${HOME:-/nonexistent}/.cache}/flandoc
fi
# A user without a home has the directory for temporary files.
(umask 077 && mkdir -p "$base") 2>/dev/null ||
  base=\${TMPDIR:-/tmp}/flandoc-$(id -u)
home=$base/$id
# In a shell of its own: flandoc's files get the caller's umask.
unpack() (
  set -e
  umask 077
  mkdir -p "$base"
  fresh=$(mktemp -d "$base/unpack.XXXXXX")
  trap 'rm -rf "$fresh"' EXIT
  sed '1,/^exit 127$/d' "$0" | tar -xz -C "$fresh"
  : > "$fresh/complete"
  # Another start may have been quicker: its copy is as good.
  mv -T "$fresh" "$home" 2>/dev/null || [ -f "$home/complete" ]
)
if [ ! -f "$home/complete" ]; then
  # Not as a condition, in which a shell passes over what fails.
  set +e
  unpack
  status=$?
  set -e
  if [ "$status" != 0 ]; then
    echo "flandoc: cannot unpack to $base" >&2
    exit 3
  fi
fi
# Root must not run what somebody else could have written.
for directory in "$base" "$home"; do
  owner=$(stat -c %u "$directory")
  if [ "$owner" != "$(id -u)" ]; then
    echo "flandoc: $directory belongs to user $owner, not to you: remove it" >&2
    exit 3
  fi
done
FLANDOC_PORTABLE=$(readlink -f "$0")
export FLANDOC_PORTABLE DENO_DIR="$home/cache" DENO_NO_UPDATE_CHECK=1
exec "$home/deno" run --quiet --no-check --cached-only --no-config @FLAGS@ "$home/app/main.js" "$@"
exit 127
`;

/**
 * Writes the portable executable of a bundle.
 *
 * @throws {Error} when tar or Deno's cache fails, with what it said
 */
export async function buildPortable(
  target: string,
  bundle: string,
  permissions: readonly string[],
): Promise<void> {
  const stage = await Deno.makeTempDir({ prefix: "flandoc-portable-" });
  try {
    await stageFiles(stage, bundle);
    const archive = `${stage}.tar.gz`;
    await run("tar", ["-czf", archive, "-C", stage, "deno", "app", "cache"]);
    const payload = await Deno.readFile(archive);
    await Deno.remove(archive);
    const script = SCRIPT
      .replace("@ID@", await digest(payload))
      .replace("@FLAGS@", permissions.join(" "));
    const file = await Deno.open(target, {
      create: true,
      write: true,
      truncate: true,
    });
    await new Blob([script, payload]).stream().pipeTo(file.writable);
    await Deno.chmod(target, 0o755);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

async function stageFiles(stage: string, bundle: string): Promise<void> {
  await Deno.mkdir(`${stage}/cache`);
  await Deno.copyFile(Deno.execPath(), `${stage}/deno`);
  await run("cp", ["-r", bundle, `${stage}/app`]);
  // Tells whose main.js it is: `flandoc check` looks for a running agent.
  await Deno.copyFile("deno.json", `${stage}/app/deno.json`);
}

/** First 16 hexadecimal digits of SHA-256: names the unpacked copy. */
async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash.subarray(0, 8)].map((b) => b.toString(16).padStart(2, "0"))
    .join("");
}
