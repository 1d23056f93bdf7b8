import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { versionInPath, versionOfFile } from "./executable_version.ts";

/** A 64-bit ELF file of nothing but the named sections. */
function elf(sections: Readonly<Record<string, string>>): Uint8Array {
  const names = ["", ...Object.keys(sections), ".shstrtab"];
  const strings = names.map((name) => `${name}\0`).join("");
  const bodies = ["", ...Object.values(sections), strings].map((text) =>
    Uint8Array.from(text, (char) => char.charCodeAt(0))
  );
  const offsets: number[] = [];
  let end = 64;
  for (const body of bodies) {
    offsets.push(end);
    end += body.length;
  }
  const file = new Uint8Array(end + names.length * 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(0x28, BigInt(end), true);
  view.setUint16(0x3a, 64, true);
  view.setUint16(0x3c, names.length, true);
  view.setUint16(0x3e, names.length - 1, true);
  for (const [index, body] of bodies.entries()) {
    file.set(body, offsets[index]);
    const row = end + index * 64;
    const name = names.slice(0, index).join("\0").length + (index > 0 ? 1 : 0);
    view.setUint32(row, name, true);
    view.setBigUint64(row + 0x18, BigInt(offsets[index] ?? 0), true);
    view.setBigUint64(row + 0x20, BigInt(body.length), true);
  }
  return file;
}

Deno.test("versionOfFile() finds flanneld's version", async (t) => {
  const cases: readonly (readonly [
    name: string,
    sections: Readonly<Record<string, string>>,
    wanted: string | null,
  ])[] = [
    ["a string of its own", {
      ".text": "v0.1.2\0",
      ".rodata": "errorv0.\0\0v0.11.0\0\0pkg",
    }, "v0.11.0"],
    ["linker flags of a Go 1.18 build", {
      ".rodata": "v0.3.1\0 v0.9.9\0",
      ".go.buildinfo":
        'build\t-ldflags="-s -w -X github.com/flannel-io/flannel/pkg/version.Version=v0.28.9 -extldflags"',
    }, "v0.28.9"],
    ["a module version", {
      ".go.buildinfo": "mod\tgithub.com/flannel-io/flannel\tv0.26.4+dirty\t\n",
    }, "v0.26.4+dirty"],
    ["several candidates are no answer", {
      ".rodata": "\0v0.11.0\0 \0v0.3.1\0",
    }, null],
    ["none", { ".rodata": "nothing" }, null],
  ];
  const path = await Deno.makeTempFile();
  try {
    for (const [name, sections, wanted] of cases) {
      await t.step(name, async () => {
        await Deno.writeFile(path, elf(sections));
        assert.equal(versionOfFile(path, "flanneld"), wanted);
      });
    }
    await t.step("no ELF file", async () => {
      await Deno.writeTextFile(path, "#!/bin/sh\nexec flanneld v0.11.0\n");
      assert.equal(versionOfFile(path, "flanneld"), null);
    });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("versionOfFile() finds a version across the border of two reads", async () => {
  const path = await Deno.makeTempFile();
  try {
    const filler = " ".repeat((1 << 20) - 3);
    await Deno.writeFile(path, elf({ ".rodata": `${filler}v0.11.0\0` }));
    assert.equal(versionOfFile(path, "flanneld"), "v0.11.0");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  name: "versionOfFile() agrees with a real dockerd",
  ...needs({ programs: ["dockerd"] }),
  async fn() {
    const which = await new Deno.Command("sh", {
      args: ["-c", 'PATH="$PATH:/usr/sbin" command -v dockerd'],
    }).output();
    const path = new TextDecoder().decode(which.stdout).trim();
    const said = await new Deno.Command(path, { args: ["--version"] }).output();
    const text = new TextDecoder().decode(said.stdout);
    const wanted = /version ([^,\s]+)/.exec(text)?.[1];
    assert.equal(versionOfFile(path, "dockerd"), wanted);
  },
});

Deno.test("versionInPath() reads the tutorial's directory", async (t) => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["/opt/flannel-v0.11.0/flanneld", "v0.11.0"],
    ["/opt/flannel/0.28.9/flanneld", "0.28.9"],
    ["/usr/local/bin/flanneld-v0.18.1", "v0.18.1"],
    ["/opt/flannel/flanneld", null],
    ["/opt/10.0.0.1/flanneld", null],
  ];
  for (const [path, wanted] of cases) {
    await t.step(path, () => assert.equal(versionInPath(path), wanted));
  }
});
