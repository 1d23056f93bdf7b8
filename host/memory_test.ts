import assert from "node:assert/strict";
import { residentMemory } from "../bench/process_cost.ts";
import { releaseFreedMemory } from "./memory.ts";

Deno.test("releaseFreedMemory() gives back what was freed", () => {
  const { symbols, close } = openMalloc();
  // Smaller than what malloc maps apart; the last one holds the heap's end.
  const pieces = Array.from({ length: 640 }, () => symbols.malloc(100_000n));
  for (const piece of pieces) symbols.memset(piece, 1, 100_000n);
  for (const piece of pieces.slice(0, -1)) symbols.free(piece);
  const before = residentMemory(Deno.pid);
  releaseFreedMemory();
  const after = residentMemory(Deno.pid);
  symbols.free(pieces.at(-1)!);
  close();
  assert.ok(before - after > 30, `${before} MB, then ${after} MB`);
});

function openMalloc() {
  const library = Deno.dlopen("libc.so.6", {
    malloc: { parameters: ["usize"], result: "pointer" },
    memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
    free: { parameters: ["pointer"], result: "void" },
  });
  return { symbols: library.symbols, close: () => library.close() };
}
