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
    assert.equal(watch.seesAll, true);
    const many = Array.from(
      { length: 20_000 },
      (_, n) => `-A FORWARD -s 10.${n >> 8}.${n & 255}.0/24 -j ACCEPT\n`,
    ).join("");
    const path = Deno.makeTempFileSync();
    Deno.writeTextFileSync(path, `*filter\n${many}COMMIT\n`);
    netns.exec("sh", "-c", `iptables-legacy-restore -n <${path}`);
    Deno.removeSync(path);
    watch.fingerprint();
    assert.equal(watch.seesAll, false, "20,000 rules are not read each time");
    const before = watch.fingerprint();
    netns.exec("iptables-legacy", ...rule.replace("-A", "-D").split(" "));
    assert.notEqual(watch.fingerprint(), before);
  },
});

Deno.test({
  name: "LegacyWatch.fingerprint() changes with a rule of the same size",
  ...needs({
    netns: true,
    programs: ["iptables-legacy", "ip6tables-legacy", "busybox"],
  }),
  async fn(t) {
    for (
      const [program, host, net, other] of [
        ["iptables-legacy", "127.0.0.1", "172.7.21.0/24", "172.7.22.0/24"],
        ["ip6tables-legacy", "::1", "fd07:21::/64", "fd07:22::/64"],
      ] as const
    ) {
      await t.step(program, () => {
        using netns = new TestNetns("link set lo up");
        using watch = new LegacyWatch(netns.name);
        const run = (line: string) => netns.exec(program, ...line.split(" "));
        // The last of many: every one is read.
        for (let n = 0; n < 20; n++) run(`-A FORWARD -s ${net} -j ACCEPT`);
        run("-A OUTPUT -o lo -j ACCEPT");
        run("-A INPUT -p udp -m udp --dport 8472 -j ACCEPT");
        const before = watch.fingerprint();
        // Counters are no change.
        const ping = program.startsWith("ip6") ? "ping6" : "ping";
        netns.exec("busybox", ping, "-c", "2", "-i", "0.1", host);
        assert.match(run("-vnxL OUTPUT"), /^ *[1-9]\d* .* lo /m);
        assert.equal(fresh(netns), before);
        const seen = new Set([before]);
        for (
          const line of [
            `-R FORWARD 20 -s ${other} -j ACCEPT`,
            `-R FORWARD 1 -s ${other} -j ACCEPT`,
            `-R FORWARD 1 -s ${net} -j DROP`,
            "-R OUTPUT 1 -o la -j ACCEPT",
            "-R INPUT 1 -p udp -m udp --dport 8473 -j ACCEPT",
          ]
        ) {
          run(line);
          const now = fresh(netns);
          assert.ok(!seen.has(now), line);
          seen.add(now);
        }
        run("-R INPUT 1 -p udp -m udp --dport 8472 -j ACCEPT");
        assert.notEqual(fresh(netns), before);
      });
    }
  },
});

/** What one that has not looked before sees. */
function fresh(netns: TestNetns): string {
  using watch = new LegacyWatch(netns.name);
  return watch.fingerprint();
}
