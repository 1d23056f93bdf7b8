import assert from "node:assert/strict";

const MODULE = new URL("./until_interrupted.ts", import.meta.url).href;

/** A program that is in its work until something ends it, or half a second. */
const PROGRAM = `
import { untilInterrupted } from "${MODULE}";
const work = async () => {
  console.log("working");
  await new Promise((resolve) => setTimeout(resolve, 500));
};
await untilInterrupted(work, () => console.log("left"));
console.log("done");
`;

async function signalled(
  signal: Deno.Signal,
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", PROGRAM],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let isSent = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    if (isSent || !text.includes("working")) continue;
    child.kill(signal);
    isSent = true;
  }
  const { code } = await child.status;
  return { code, lines: text.trim().split("\n") };
}

Deno.test("untilInterrupted() says a word before it ends", async () => {
  assert.deepEqual(await signalled("SIGINT"), {
    code: 130,
    lines: ["working", "left"],
  });
  assert.deepEqual(await signalled("SIGTERM"), {
    code: 143,
    lines: ["working", "left"],
  });
});

Deno.test("untilInterrupted() goes on when the terminal goes away", async () => {
  assert.deepEqual(await signalled("SIGHUP"), {
    code: 0,
    lines: ["working", "done"],
  });
});
