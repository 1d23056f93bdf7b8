import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { valueOf } from "../snapshot/fact.ts";
import { readUnitCommand, readUnits } from "./systemd.ts";

/** Unit directories with the given files, strongest directory first. */
async function withUnits(
  files: Readonly<Record<string, string>>,
  use: (directories: string[], root: string) => void,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = `${root}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      if (text.startsWith("-> ")) await Deno.symlink(text.slice(3), path);
      else await Deno.writeTextFile(path, text);
    }
    use([`${root}/etc`, `${root}/lib`], root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("readUnits() lists a unit with its drop-ins in systemd's order", async () => {
  await withUnits({
    "lib/docker.service": "[Service]\nRestart=on-failure\n",
    "etc/docker.service.d/20-flannel.conf":
      "[Service]\nEnvironmentFile=/run/flannel/docker\n",
    "lib/docker.service.d/10-limits.conf": "[Service]\nRestart=always\n",
    "lib/docker.service.d/20-flannel.conf": "[Service]\nRestart=no\n",
    "lib/docker.service.d/readme.txt": "no drop-in",
  }, (directories, root) => {
    const units = valueOf(readUnits([], directories));
    const docker = units?.find((unit) => unit.name === "docker.service");
    assert.deepEqual(
      docker?.files.map((file) => file.path.slice(root.length)),
      [
        "/lib/docker.service",
        "/lib/docker.service.d/10-limits.conf",
        "/etc/docker.service.d/20-flannel.conf",
      ],
    );
    assert.equal(docker?.restart, "always");
  });
});

Deno.test("readUnits() takes the stronger directory's file", async () => {
  await withUnits({
    "etc/flanneld.service": "[Service]\nRestart=always\n",
    "lib/flanneld.service": "[Service]\nRestart=no\n",
  }, (directories) => {
    const [unit] = valueOf(readUnits([], directories)) ?? [];
    assert.equal(unit?.restart, "always");
  });
});

Deno.test("readUnits() leaves a masked unit out", async () => {
  await withUnits({
    "etc/flanneld.service": "-> /dev/null",
    "lib/flanneld.service": "[Service]\nRestart=no\n",
  }, (directories) => {
    assert.deepEqual(valueOf(readUnits([], directories)), []);
  });
});

Deno.test("readUnits() reads the unit of a process under another name", async () => {
  await withUnits({
    "etc/mynet.service": "[Service]\nExecStart=/opt/flanneld\n",
  }, (directories) => {
    const units = valueOf(readUnits(["mynet.service"], directories));
    assert.deepEqual(units?.map((unit) => unit.name), ["mynet.service"]);
  });
});

Deno.test("readUnits() masks secrets of unit files", async () => {
  await withUnits({
    "etc/flanneld.service":
      '[Service]\nEnvironment="FLANNELD_ETCD_PASSWORD=hunter2"\n' +
      "ExecStart=/opt/flanneld --etcd-password=hunter2\n",
  }, (directories) => {
    const text = JSON.stringify(valueOf(readUnits([], directories)));
    assert.ok(!text.includes("hunter2"), text);
  });
});

Deno.test("readUnitCommand() puts environment files into the command", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "OPTIONS='--iface=eth1 --ip-masq'\nA=file\n");
  try {
    await withUnits({
      "etc/flanneld.service": [
        "[Service]",
        "Environment=A=unit B=unit",
        `EnvironmentFile=-${file}`,
        "EnvironmentFile=-/does/not/exist",
        "WorkingDirectory=/opt/flannel",
        "ExecStart=/opt/flannel/flanneld $OPTIONS --etcd-prefix=${B}",
      ].join("\n"),
    }, (directories) => {
      assert.deepEqual(readUnitCommand("flanneld.service", directories), {
        name: "flanneld.service",
        cwd: "/opt/flannel",
        environment: {
          A: "file",
          B: "unit",
          OPTIONS: "--iface=eth1 --ip-masq",
        },
        argv: [
          "/opt/flannel/flanneld",
          "--iface=eth1",
          "--ip-masq",
          "--etcd-prefix=unit",
        ],
      });
    });
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("readUnitCommand() is null without such a unit", async () => {
  await withUnits({}, (directories) => {
    assert.equal(readUnitCommand("flanneld.service", directories), null);
  });
});
