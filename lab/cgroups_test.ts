import assert from "node:assert/strict";
import { nodeCgroup, removeCgroups } from "./cgroups.ts";

Deno.test("removeCgroups() removes groups of that lab, in both layouts", async () => {
  const root = Deno.makeTempDirSync();
  try {
    const own = nodeCgroup("a", "node-1");
    const others = [nodeCgroup("ab", "node-1"), "docker"];
    for (const group of [own, ...others]) {
      Deno.mkdirSync(`${root}/cpu/${group}/0123`, { recursive: true });
      Deno.mkdirSync(`${root}/${group}/0123`, { recursive: true });
    }
    await removeCgroups("a", root);
    const left = (path: string) =>
      [...Deno.readDirSync(path)].map((entry) => entry.name).sort();
    assert.deepEqual(left(root), ["cpu", ...others].sort());
    assert.deepEqual(left(`${root}/cpu`), [...others].sort());
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("removeCgroups() does nothing without control groups", async () => {
  await removeCgroups("a", "/nonexistent");
});
