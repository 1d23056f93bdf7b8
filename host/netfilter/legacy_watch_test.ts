import "../../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { legacyTables } from "./legacy_tables.ts";
import { LegacyWatch } from "./legacy_watch.ts";

Deno.test({
  name: "LegacyWatch.fingerprint() changes with the rules",
  ...needs({
    netns: true,
    programs: ["iptables-legacy", "ip6tables-legacy"],
  }),
  fn() {
    using netns = new TestNetns();
    using watch = new LegacyWatch(netns.name);
    assert.equal(watch.fingerprint(), "");
    assert.deepEqual(legacyTables(4, netns.name), [], "looking makes nothing");
    const seen = new Set<string>();
    const run = (program: string, ...words: string[]) => {
      netns.exec(program, ...words);
      const now = watch.fingerprint();
      assert.ok(!seen.has(now), `${program} ${words.join(" ")}`);
      assert.equal(watch.fingerprint(), now);
      seen.add(now);
    };
    const rule = "-t nat -A POSTROUTING -s 172.7.21.0/24 -j MASQUERADE";
    run("iptables-legacy", ...rule.split(" "));
    run(
      "iptables-legacy",
      ..."-A FORWARD -s 172.7.0.0/16 -j ACCEPT".split(" "),
    );
    run("ip6tables-legacy", ..."-A FORWARD -s fd00::/48 -j ACCEPT".split(" "));
    const before = watch.fingerprint();
    netns.exec("iptables-legacy", ...rule.replace("-A", "-D").split(" "));
    assert.notEqual(watch.fingerprint(), before);
  },
});
