import assert from "node:assert/strict";
import { INPUTS, inputsText } from "./inputs.ts";

/** Files that run programs only to change the host, which collecting does not. */
const CHANGING = /\/apply_|_test\.ts$|\/program\.ts$/;

async function sources(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const url = new URL(
      entry.name + (entry.isDirectory ? "/" : ""),
      folder,
    );
    if (entry.isDirectory) found.push(...await sources(url));
    else if (entry.name.endsWith(".ts")) found.push(url);
  }
  return found;
}

Deno.test("INPUTS names every program that host/ runs to read", async () => {
  const named = new Set(
    INPUTS.filter((input) => input.kind === "program")
      .map((input) => input.name.split(" ")[0]),
  );
  const run: string[] = [];
  for (const url of await sources(new URL("../host/", import.meta.url))) {
    if (CHANGING.test(url.pathname)) continue;
    const text = await Deno.readTextFile(url);
    for (const [, name] of text.matchAll(/runProgram\(\s*"([^"]+)"/g)) {
      run.push(name ?? "");
    }
    assert.ok(!/new Deno\.Command/.test(text), url.pathname);
  }
  assert.ok(run.length > 0);
  assert.deepEqual(run.filter((name) => !named.has(name)), []);
});

Deno.test("inputsText() has a heading and a line for each kind", () => {
  const text = inputsText();
  assert.match(
    text,
    /^Programs run, those that are installed\n {2}iptables-nft-save/,
  );
  assert.match(text, /^ {2}nft -j list ruleset$/m);
  assert.match(text, /^ {2}\/proc\/PID\/environ$/m);
  assert.match(text, /^ {2}ARP requests on the external interface$/m);
  for (const input of INPUTS) assert.ok(text.includes(input.name));
});
