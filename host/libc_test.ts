import assert from "node:assert/strict";
import "../tests/support/load_libc.ts";
import { errno, libc, strerror } from "./libc.ts";

const URL_OF_LIBC = new URL("./libc.ts", import.meta.url).href;

/** Runs a script that is permitted to read, and no more. */
function withoutFfi(script: string): string {
  const path = Deno.makeTempFileSync({ suffix: ".ts" });
  try {
    Deno.writeTextFileSync(path, script);
    const { stdout } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-lock", "--allow-read", path],
      env: { NO_COLOR: "1" },
    }).outputSync();
    return new TextDecoder().decode(stdout).trim();
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("libc() says so when FFI is not permitted", () => {
  const printed = withoutFfi(`
    import { libc } from "${URL_OF_LIBC}";
    try { libc() } catch (error) { console.log(error.message) }
  `);
  assert.equal(
    printed,
    "Cannot call the kernel: FFI is not permitted, run with --allow-ffi",
  );
});

Deno.test("importing host/netlink loads nothing", () => {
  const url = new URL("./netlink/mod.ts", import.meta.url).href;
  const printed = withoutFfi(`
    import { Netlink } from "${url}";
    console.log(typeof Netlink);
  `);
  assert.equal(printed, "function");
});

Deno.test("errno() tells why the last call failed", () => {
  assert.equal(libc().close(-1), -1);
  assert.equal(errno(), 9);
});

Deno.test("strerror() prints the C library's words", () => {
  assert.equal(strerror(17), "File exists");
});
