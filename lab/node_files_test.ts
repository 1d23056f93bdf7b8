import assert from "node:assert/strict";
import { writeFilesScript } from "./node_files.ts";

Deno.test("writeFilesScript() writes text to the letter, with its mode", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    const text = "a $b `c` \\d 'e' \"f\"\n\n#!g\n";
    const path = `${directory}/deep/file`;
    const script = writeFilesScript([
      { path, text, mode: 0o600 },
      { path: `${directory}/other`, text: "\n" },
    ]);
    const shell = new Deno.Command("sh", { args: ["-euc", script] });
    assert.equal((await shell.output()).code, 0);
    assert.equal(Deno.readTextFileSync(path), text);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.equal(Deno.readTextFileSync(`${directory}/other`), "\n");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("writeFilesScript() refuses text without a last newline", () => {
  assert.throws(() => writeFilesScript([{ path: "/a/b", text: "c" }]), {
    message: "Cannot write /a/b: it does not end with a newline",
  });
});
