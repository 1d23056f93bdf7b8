import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { valueOf } from "../snapshot/fact.ts";
import {
  readSysctl,
  readSysctls,
  sysctlKey,
  sysctlPath,
  writeSysctl,
} from "./sysctl.ts";

Deno.test("sysctlPath() puts a dot back into a device name", () => {
  assert.equal(
    sysctlPath("net.ipv4.conf.flannel/1.forwarding"),
    "/proc/sys/net/ipv4/conf/flannel.1/forwarding",
  );
  assert.equal(
    sysctlPath("net.ipv4.ip_forward"),
    "/proc/sys/net/ipv4/ip_forward",
  );
});

Deno.test("sysctlKey() writes a dot of a device name as a slash", () => {
  assert.equal(
    sysctlKey("net.ipv4.conf", "eth0.100", "rp_filter"),
    "net.ipv4.conf.eth0/100.rp_filter",
  );
});

Deno.test("readSysctl() is null for what the kernel does not have", () => {
  assert.equal(readSysctl("net.ipv4.no_such_thing"), null);
});

Deno.test("readSysctls() reads forwarding of every device", () => {
  const sysctls = valueOf(readSysctls());
  assert.match(sysctls?.["net.ipv4.ip_forward"] ?? "", /^[01]$/);
  assert.match(sysctls?.["net.ipv4.conf.lo.rp_filter"] ?? "", /^[012]$/);
});

Deno.test("writeSysctl() says which setting is not there", () => {
  assert.throws(
    () => writeSysctl("net.ipv4.no_such_thing", "1"),
    /Cannot write "\/proc\/sys\/net\/ipv4\/no_such_thing"/,
  );
});

Deno.test({
  name: "writeSysctl() changes the namespace it runs in, and no other",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns();
    const before = readSysctl("net.ipv4.conf.lo.rp_filter");
    const url = JSON.stringify(import.meta.resolve("./sysctl.ts"));
    const wanted = before === "2" ? "1" : "2";
    const script = `import { readSysctls, writeSysctl } from ${url};
      writeSysctl("net.ipv4.conf.lo.rp_filter", ${JSON.stringify(wanted)});
      console.log(readSysctls().known["net.ipv4.conf.lo.rp_filter"]);`;
    const { stdout, stderr } = await new Deno.Command("nsenter", {
      args: [
        `--net=/var/run/netns/${netns.name}`,
        Deno.execPath(),
        "eval",
        script,
      ],
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(decode(stdout).trim(), wanted, decode(stderr));
    assert.equal(readSysctl("net.ipv4.conf.lo.rp_filter"), before);
  },
});
