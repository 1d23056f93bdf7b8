import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";

/** Anybody may know the version. */
const COMMON = ["version.ts"];

/** Which folders' files a folder may import; its own always. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  flannel: [],
  stores: ["flannel"],
  host: ["flannel", "snapshot/fact.ts", "snapshot/facts.ts", "fixes/action.ts"],
  snapshot: ["flannel", "stores", "host"],
  checks: [
    "flannel",
    "snapshot/fact.ts",
    "snapshot/facts.ts",
    "stores/store.ts",
  ],
  fixes: ["flannel", "host", "snapshot", "stores", "checks"],
  agent: ["flannel", "host", "stores", "snapshot"],
  report: [
    "checks",
    "flannel",
    "fixes",
    "snapshot/fact.ts",
    "snapshot/facts.ts",
  ],
};

const ROOT = normalize(join(import.meta.dirname ?? ".", ".."));

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every import of ours from a file of ours, relative to the root. */
async function importsOf(folder: string): Promise<Import[]> {
  const imports: Import[] = [];
  for await (const entry of Deno.readDir(join(ROOT, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) imports.push(...await importsOf(path));
    if (!entry.name.endsWith(".ts") || entry.name.endsWith("_test.ts")) {
      continue;
    }
    const text = await Deno.readTextFile(join(ROOT, path));
    for (
      const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)
    ) {
      imports.push({
        from: path,
        to: normalize(join(dirname(path), target ?? "")),
      });
    }
  }
  return imports;
}

Deno.test("imports follow the arrows of the design", async (t) => {
  for (const [folder, allowed] of Object.entries(ALLOWED)) {
    await t.step(folder, async () => {
      const wrong = (await importsOf(folder)).filter(({ to }) =>
        ![folder, ...COMMON, ...allowed].some((place) =>
          to === place || to.startsWith(`${place}/`)
        )
      );
      assert.deepEqual(wrong, []);
    });
  }
});

/** Words that reach the machine; only host/ (and the lab, which is one) may. */
const REACHING = [/Deno\.dlopen/, /Deno\.Command/, /new UnsafePointerView/];

Deno.test("only host/ calls FFI or runs programs", async () => {
  const wrong: string[] = [];
  for (const folder of Object.keys(ALLOWED).filter((name) => name !== "host")) {
    for (const path of await sources(folder)) {
      const text = await Deno.readTextFile(join(ROOT, path));
      if (REACHING.some((word) => word.test(text))) wrong.push(path);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("checks/ and flannel/ know no clock, environment or files", async () => {
  const impure =
    /\bDeno\.|Date\.now|new Date\(\)|performance\.|Math\.random|fetch\(/;
  const wrong: string[] = [];
  for (const folder of ["checks", "flannel"]) {
    for (const path of await sources(folder)) {
      const lines = (await Deno.readTextFile(join(ROOT, path))).split("\n");
      const code = lines.filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line));
      if (code.some((line) => impure.test(line))) wrong.push(path);
    }
  }
  assert.deepEqual(wrong, []);
});

async function sources(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(join(ROOT, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) paths.push(...await sources(path));
    if (entry.name.endsWith(".ts") && !entry.name.endsWith("_test.ts")) {
      paths.push(path);
    }
  }
  return paths;
}
