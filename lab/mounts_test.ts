import assert from "node:assert/strict";
import { mountsBelow } from "./mounts.ts";

const MOUNTINFO = `\
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:25 / /run/flandoc-lab/a rw - tmpfs tmpfs rw
31 30 0:26 / /run/flandoc-lab/a/node-1/root rw - tmpfs tmpfs rw
32 31 0:27 / /run/flandoc-lab/a/node-1/root/b\\040c rw - overlay overlay rw
33 22 0:28 / /run/flandoc-lab/ab/x rw - tmpfs tmpfs rw
`;

Deno.test("mountsBelow() lists what is inside, the deepest first", () => {
  assert.deepEqual(mountsBelow("/run/flandoc-lab/a", MOUNTINFO), [
    "/run/flandoc-lab/a/node-1/root/b c",
    "/run/flandoc-lab/a/node-1/root",
  ]);
});

Deno.test("mountsBelow() is empty without mounts", () => {
  assert.deepEqual(mountsBelow("/run/flandoc-lab/z", MOUNTINFO), []);
});
