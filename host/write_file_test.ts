import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import { writeFileAtomic } from "./write_file.ts";

Deno.test("writeFileAtomic() replaces a file whole", () => {
  using temporary = temporaryDirectory();
  const path = `${temporary.path}/subnet.env`;
  writeFileAtomic(path, "old\n", 0o600);
  writeFileAtomic(path, "new\n", 0o644);
  assert.equal(Deno.readTextFileSync(path), "new\n");
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o7777, 0o644);
  assert.deepEqual(
    [...Deno.readDirSync(temporary.path)].map(({ name }) => name),
    ["subnet.env"],
  );
});

Deno.test({
  name: "writeFileAtomic() leaves a file to its owner",
  ...needs({ root: true }),
  fn() {
    using temporary = temporaryDirectory();
    const path = `${temporary.path}/daemon.json`;
    writeFileAtomic(path, "{}\n", 0o640);
    Deno.chownSync(path, 65534, 65533);
    writeFileAtomic(path, "{ }\n", 0o640);
    const { uid, gid, mode } = Deno.statSync(path);
    assert.deepEqual([uid, gid, (mode ?? 0) & 0o7777], [65534, 65533, 0o640]);
  },
});
