import assert from "node:assert/strict";
import process from "node:process";
import { readLines } from "./read_lines.ts";

async function lines(...chunks: readonly (string | Uint8Array)[]) {
  const encoder = new TextEncoder();
  const stream = ReadableStream.from(
    chunks.map((chunk) =>
      typeof chunk === "string" ? encoder.encode(chunk) : chunk
    ),
  );
  return await Array.fromAsync(readLines(stream));
}

Deno.test("readLines() puts lines together from any chunks", async () => {
  const cases = [
    [["a\nb\n"], ["a", "b"]],
    [["a", "b", "\nc", "\n"], ["ab", "c"]],
    [["a\n", "b"], ["a", "b"]],
    [["\n\na\n\n"], ["a"]],
    [["a\r\nb\r\n"], ["a\r", "b\r"]],
    [[], []],
  ] as const;
  for (const [chunks, wanted] of cases) {
    assert.deepEqual(await lines(...chunks), wanted);
  }
});

Deno.test("readLines() keeps a character that was cut in two", async () => {
  const [a, b, c] = new TextEncoder().encode("注");
  assert.deepEqual(
    await lines(Uint8Array.of(a!, b!), Uint8Array.of(c!, 10)),
    ["注"],
  );
});

Deno.test("readLines() reads a long line in many chunks", async () => {
  const chunks = Array<string>(2_000).fill("x".repeat(1_000));
  const started = process.cpuUsage();
  const [line] = await lines(...chunks, "\n");
  assert.equal(line?.length, 2_000_000);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 2_000_000, `${user + system} µs of processor time`);
});
