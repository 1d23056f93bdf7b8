import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { isKnown } from "../snapshot/fact.ts";
import { readFileFacts, readOwedFile, readTextOrNull } from "./files.ts";

Deno.test("readFileFacts() gives text, time and mode", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "FLANNEL_MTU=1450\n");
    await Deno.chmod(path, 0o640);
    await Deno.utime(path, 1_700_000_000, 1_700_000_000);
    assert.deepEqual(readFileFacts(path, "/run/flannel/subnet.env"), {
      known: {
        path: "/run/flannel/subnet.env",
        text: "FLANNEL_MTU=1450\n",
        modified: "2023-11-14T22:13:20.000Z",
        mode: 0o640,
      },
    });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readFileFacts() knows that a file is not there", () => {
  for (const path of ["/no/such/file", "/etc/passwd/file"]) {
    assert.deepEqual(readFileFacts(path), {
      known: { path, text: null, modified: null, mode: null },
    });
  }
});

Deno.test("readFileFacts() is unknown with a reason for what is no text file", async (t) => {
  await t.step("directory", () => {
    const fact = readFileFacts("/etc");
    assert.ok(!isKnown(fact));
    assert.match(fact.unknown, /Cannot read "\/etc": .*directory/);
  });
  await t.step("more than 1 MiB", async () => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(path, "x".repeat((1 << 20) + 1));
      const fact = readFileFacts(path);
      assert.ok(!isKnown(fact));
      assert.match(fact.unknown, /expected at most 1048576 bytes/);
    } finally {
      await Deno.remove(path);
    }
  });
});

Deno.test("readOwedFile() knows what is there instead of a file", async (t) => {
  const directory = await Deno.makeTempDir();
  const loop = `${directory}/loop`;
  await Deno.symlink(loop, loop);
  const cases = {
    [directory]: "Is a directory",
    [loop]: "Too many levels of symbolic links",
    "/dev/zero": "expected at most 1048576 bytes",
  };
  try {
    for (const [path, obstacle] of Object.entries(cases)) {
      await t.step(path, () => {
        assert.deepEqual(readOwedFile(path), {
          known: { path, text: null, modified: null, mode: null, obstacle },
        });
      });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readOwedFile() reads files as readFileFacts() does", () => {
  for (const path of ["/etc/passwd", "/no/such/file"]) {
    assert.deepEqual(readOwedFile(path), readFileFacts(path));
  }
});

Deno.test("readTextOrNull() reads /proc, whose files have no size", () => {
  assert.match(readTextOrNull("/proc/self/status") ?? "", /^Name:/);
  assert.equal(readTextOrNull("/no/such/file"), null);
});
