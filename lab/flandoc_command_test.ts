import assert from "node:assert/strict";
import { flandocCommand, prefetchFlandoc } from "./flandoc_command.ts";

function withBinary<T>(value: string, body: () => T): T {
  const before = Deno.env.get("FLANDOC_BINARY");
  Deno.env.set("FLANDOC_BINARY", value);
  try {
    return body();
  } finally {
    if (before === undefined) Deno.env.delete("FLANDOC_BINARY");
    else Deno.env.set("FLANDOC_BINARY", before);
  }
}

Deno.test("flandocCommand() runs the sources with this Deno", () => {
  const [deno, run, ...rest] = withBinary("", flandocCommand);
  assert.deepEqual([deno, run], [Deno.execPath(), "run"]);
  assert.match(rest.at(-1) ?? "", /\/main\.ts$/);
});

Deno.test("flandocCommand() runs the binary that is to be tested", () => {
  assert.deepEqual(withBinary("/tmp/flandoc", flandocCommand), [
    "/tmp/flandoc",
  ]);
});

Deno.test("prefetchFlandoc() has nothing to fetch for a binary", async () => {
  await withBinary("/nonexistent", () => prefetchFlandoc());
});
