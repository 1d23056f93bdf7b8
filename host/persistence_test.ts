import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { valueOf } from "../snapshot/fact.ts";
import { readPersistence, SAVED_RULES } from "./persistence.ts";

Deno.test("readPersistence() finds units that a link starts at boot", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const wants = `${directory}/multi-user.target.wants`;
    await Deno.mkdir(wants);
    await Deno.symlink(
      "/lib/systemd/system/netfilter-persistent.service",
      `${wants}/netfilter-persistent.service`,
    );
    await Deno.symlink(
      "/lib/systemd/system/ssh.service",
      `${wants}/ssh.service`,
    );
    await Deno.mkdir(`${directory}/basic.target.requires`);
    await Deno.symlink(
      "/lib/systemd/system/iptables.service",
      `${directory}/basic.target.requires/iptables.service`,
    );
    // A unit file alone starts nothing.
    await Deno.writeTextFile(`${directory}/nftables.service`, "[Service]\n");
    assert.deepEqual(valueOf(readPersistence(directory))?.services, [
      "iptables.service",
      "netfilter-persistent.service",
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readPersistence() names only files that are there", () => {
  const files = valueOf(readPersistence())?.files ?? [];
  for (const file of files) {
    assert.ok((SAVED_RULES as readonly string[]).includes(file.path));
    assert.notEqual(file.text, null);
  }
});
