import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import {
  listDirectory,
  readAt,
  readBytes,
  readLink,
  readText,
  statusOf,
  writeOnce,
} from "./raw_files.ts";

async function withDirectory(use: (path: string) => void | Promise<void>) {
  const path = await Deno.makeTempDir();
  try {
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("readBytes() reads whole files of any size", async () => {
  await withDirectory(async (directory) => {
    for (const size of [0, 1, 8191, 8192, 8193, 100_000]) {
      const bytes = new Uint8Array(size).map((_, index) => index % 251);
      await Deno.writeFile(`${directory}/f`, bytes);
      assert.deepEqual(readBytes(`${directory}/f`), bytes, `${size} bytes`);
    }
  });
});

Deno.test("readBytes() holds to its limit", async () => {
  await withDirectory(async (directory) => {
    await Deno.writeFile(`${directory}/f`, new Uint8Array(10_000));
    assert.equal(readBytes(`${directory}/f`, 10_000).length, 10_000);
    assert.throws(() => readBytes(`${directory}/f`, 9_999), RangeError);
  });
});

Deno.test("readText() throws what Deno's own functions throw", () => {
  assert.throws(() => readText("/no/such/file"), Deno.errors.NotFound);
  assert.throws(() => readText("/proc/999999999/stat"), Deno.errors.NotFound);
});

Deno.test("readAt() reads a part, and less at the end", async () => {
  await withDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/f`, "0123456789");
    const parts = readAt(`${directory}/f`, (at) => [at(2, 3), at(8, 5)]);
    assert.deepEqual(
      parts.map((part) => new TextDecoder().decode(part)),
      ["234", "89"],
    );
  });
});

Deno.test("writeOnce() does not make a file", async () => {
  await withDirectory(async (directory) => {
    assert.throws(() => writeOnce(`${directory}/f`, "1"), Deno.errors.NotFound);
    await Deno.writeTextFile(`${directory}/f`, "0");
    writeOnce(`${directory}/f`, "1");
    assert.equal(await Deno.readTextFile(`${directory}/f`), "1");
  });
});

Deno.test("listDirectory() sorts names and is empty for no directory", async () => {
  await withDirectory(async (directory) => {
    for (const name of ["b", "ä", ".a"]) {
      await Deno.writeTextFile(`${directory}/${name}`, "");
    }
    assert.deepEqual(listDirectory(directory), [".a", "b", "ä"]);
    assert.deepEqual(listDirectory(`${directory}/b`), []);
    assert.deepEqual(listDirectory(`${directory}/none`), []);
  });
});

Deno.test("readLink() gives the target as it stands", async () => {
  await withDirectory(async (directory) => {
    await Deno.symlink("../a b", `${directory}/l`);
    assert.equal(readLink(`${directory}/l`), "../a b");
    assert.match(readLink("/proc/self/ns/net"), /^net:\[\d+\]$/);
    assert.throws(() => readLink(`${directory}/x`), Deno.errors.NotFound);
  });
});

Deno.test("statusOf() agrees with Deno.stat()", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/f`;
    await Deno.writeTextFile(path, "abc", { mode: 0o600 });
    const stat = await Deno.stat(path);
    const status = statusOf(path);
    assert.equal(status?.type, "file");
    assert.equal(status?.size, 3);
    assert.equal(status?.mode, 0o600);
    const seconds = (date: Date | null | undefined) =>
      Math.floor((date?.getTime() ?? 0) / 1000);
    assert.equal(seconds(status?.modified), seconds(stat.mtime));
    assert.equal(statusOf(directory)?.type, "directory");
    assert.equal(statusOf(`${directory}/none`), null);
  });
});
