import "../../tests/support/preload.ts";
import assert from "node:assert/strict";
import { overlayMasquerade } from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { temporaryDirectory } from "../../tests/support/temporary_directory.ts";
import { runProgram } from "../program.ts";
import { detectNetfilter } from "./detect_netfilter.ts";
import { listNftTables } from "./nft_tables.ts";
import { readNetfilter } from "./read_netfilter.ts";

const TOOLS = ["iptables-nft", "iptables-legacy", "nft"];
const NEEDS = needs({ netns: true, programs: TOOLS });

/** Docker's rules of a captured host, as iptables-save printed them. */
const DOCKER = Deno.readTextFileSync(
  new URL(
    "../../tests/captures/host-gw/ha/iptables-save.txt",
    import.meta.url,
  ),
);

const OVERLAY = {
  network: "172.7.0.0/16",
  subnet: "172.7.61.0/24",
  bridge: "docker0",
  overlayDevices: ["eth0"],
  externalDevice: "eth0",
};

async function rulesets(netns: string): Promise<Ruleset[]> {
  const fact = await readNetfilter({ netns });
  if (!("known" in fact)) return assert.fail(fact.unknown);
  return fact.known;
}

/** Rule lines of iptables-save, without counters and comments. */
function ruleLines(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("-A"));
}

function texts(ruleset: Ruleset): string[] {
  return ruleset.tables.flatMap((table) => table.chains)
    .flatMap((chain) => chain.rules).map((rule) => rule.text);
}

Deno.test({
  name: "readNetfilter() finds nothing, and makes nothing by looking",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns();
    assert.deepEqual(await rulesets(netns.name), []);
    assert.deepEqual(listNftTables(netns.name), []);
    assert.equal(netns.exec("cat", "/proc/net/ip_tables_names"), "");
    const found = await detectNetfilter({ netns: netns.name });
    assert.deepEqual(
      found.map(({ backend, state, rules }) => [
        backend,
        state,
        rules,
      ]),
      [
        ["iptables-nft", "absent", 0],
        ["iptables-legacy", "absent", 0],
        ["nftables", "absent", 0],
      ],
    );
  },
});

Deno.test({
  name: "readNetfilter() reads every backend by itself",
  ...NEEDS,
  async fn(t) {
    for (const variant of ["nft", "legacy"] as const) {
      await t.step(`iptables-${variant}`, async () => {
        using netns = new TestNetns();
        const options = { netns: netns.name, stdin: DOCKER };
        await runProgram(`iptables-${variant}-restore`, [], options);
        const [ruleset, ...more] = await rulesets(netns.name);
        assert.deepEqual(more, []);
        assert.equal(ruleset!.backend, `iptables-${variant}`);
        assert.deepEqual(texts(ruleset!).sort(), ruleLines(DOCKER).sort());
        const [hit] = overlayMasquerade([ruleset!], OVERLAY);
        assert.equal(hit!.part, "whole");
        assert.equal(hit!.rule.packets, 0);
      });
    }
    await t.step("nftables", async () => {
      using netns = new TestNetns();
      const stdin = "table inet t { chain c { type filter hook forward " +
        'priority 0; ip saddr 172.7.0.0/16 counter drop comment "x"; }; }\n';
      await runProgram("nft", ["-f", "-"], { netns: netns.name, stdin });
      const [ruleset, ...more] = await rulesets(netns.name);
      assert.deepEqual(more, []);
      assert.equal(ruleset!.backend, "nftables");
      assert.deepEqual(texts(ruleset!), [
        'ip saddr 172.7.0.0/16 counter drop comment "x"',
      ]);
      assert.ok(ruleset!.tables[0]!.chains[0]!.rules[0]!.handle! > 0);
    });
  },
});

Deno.test({
  name: "readNetfilter() reads all backends of one host",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns();
    const options = { netns: netns.name, stdin: DOCKER };
    await runProgram("iptables-nft-restore", [], options);
    await runProgram("iptables-legacy-restore", [], options);
    await runProgram("nft", ["add", "table", "inet", "t"], options);
    const found = await rulesets(netns.name);
    assert.deepEqual(found.map((ruleset) => ruleset.backend), [
      "iptables-nft",
      "iptables-legacy",
      "nftables",
    ]);
    const hits = overlayMasquerade(found, OVERLAY);
    assert.deepEqual(hits.map((hit) => [hit.backend, hit.part]), [
      ["iptables-nft", "maybe"],
      ["iptables-legacy", "maybe"],
    ]);
  },
});

Deno.test({
  name: "readNetfilter() reads by nft what iptables-nft-save leaves out",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns();
    const stdin = `
      table ip nat {
        chain postrouting {
          type nat hook postrouting priority srcnat;
          jump shared
          ip saddr 172.7.61.0/24 masquerade
        }
        chain shared { counter return; }
      }
      table ip filter {
        chain FORWARD {
          type filter hook forward priority filter;
          ct state vmap { invalid : drop }
        }
      }
    `;
    const options = { netns: netns.name };
    await runProgram("nft", ["-f", "-"], { ...options, stdin });
    const rule = ["-t", "nat", "-A", "POSTROUTING", "-j", "RETURN"];
    await runProgram("iptables-nft", rule, options);
    const found = await rulesets(netns.name);
    const native = found.find((ruleset) => ruleset.backend === "nftables")!;
    assert.deepEqual(
      native.tables.map((table) => [
        table.name,
        table.chains.map((chain) => chain.name).filter((n) => n[0] !== "@"),
      ]).sort(),
      [["filter", ["FORWARD"]], ["nat", ["postrouting", "shared"]]],
    );
    const [hit, ...more] = overlayMasquerade(found, OVERLAY);
    assert.deepEqual(more, []);
    assert.deepEqual([hit!.backend, hit!.chain, hit!.part], [
      "nftables",
      "postrouting",
      "whole",
    ]);
  },
});

Deno.test({
  name: "readNetfilter() reads IPv6 tables beside",
  ...needs({ netns: true, programs: [...TOOLS, "ip6tables-nft"] }),
  async fn() {
    using netns = new TestNetns();
    for (const program of ["ip6tables-nft", "ip6tables-legacy"]) {
      const rule = ["-A", "FORWARD", "-s", "fd00:5::/48", "-j", "ACCEPT"];
      await runProgram(program, rule, { netns: netns.name });
    }
    const found = await rulesets(netns.name);
    assert.deepEqual(
      found.map(({ backend, tables }) => [
        backend,
        tables.map((table) => table.family),
      ]),
      [["iptables-nft", ["ip6"]], ["iptables-legacy", ["ip6"]]],
    );
  },
});

Deno.test({
  name: "readNetfilter() notes the family whose legacy tables nobody reads",
  ...needs({ netns: true, programs: [...TOOLS, "ip6tables-legacy"] }),
  async fn() {
    using netns = new TestNetns();
    const options = { netns: netns.name };
    for (const program of ["iptables-legacy", "ip6tables-legacy"]) {
      await runProgram(program, ["-A", "FORWARD", "-j", "ACCEPT"], options);
    }
    using directory = temporaryDirectory();
    const broken = `${directory.path}/ip6tables-legacy-save`;
    await Deno.writeTextFile(broken, "#!/bin/sh\necho broken >&2\nexit 1\n");
    await Deno.chmod(broken, 0o755);
    const path = `${directory.path}:${Deno.env.get("PATH")}`;
    const [noted, strict, found] = await inChild(
      `const options = ${JSON.stringify(options)};
      console.log(JSON.stringify([
        await readNetfilter({ ...options, noteUnread: true }),
        await readNetfilter(options),
        await detectNetfilter(options),
      ]));`,
      { env: { PATH: path } },
    );
    const [legacy] = noted.known;
    assert.deepEqual(
      legacy.tables.map(({ family }: { family: string }) => family),
      ["ip"],
    );
    assert.equal(legacy.unread.length, 1);
    const { family, reason } = legacy.unread[0];
    assert.equal(family, "ip6");
    assert.match(
      reason,
      /^\/proc\/net\/ip6_tables_names lists filter, but .*broken/,
    );
    assert.deepEqual(strict, { unknown: `iptables-legacy: ${reason}` });
    assert.equal(found[1].state, "unknown");
  },
});

/** What a script prints as JSON in a process of its own. */
async function inChild(
  script: string,
  { wrapper = [], env = {} }: {
    readonly wrapper?: readonly string[];
    readonly env?: Record<string, string>;
  },
) {
  const imports = ["read_netfilter", "detect_netfilter"].map((name) => {
    const symbol = name === "read_netfilter"
      ? "readNetfilter"
      : "detectNetfilter";
    const url = new URL(`./${name}.ts`, import.meta.url).href;
    return `import { ${symbol} } from ${JSON.stringify(url)};`;
  });
  const [program, ...args] = [
    ...wrapper,
    ...[Deno.execPath(), "run", "--quiet", "--no-check", "-A", "-"],
  ];
  const child = new Deno.Command(program!, {
    args,
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(imports.join("\n") + script));
  await writer.close();
  const { stdout } = await child.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "readNetfilter() says that it is not permitted",
  ...needs({ root: true, programs: ["setpriv"] }),
  async fn() {
    // The sources and Deno itself may be where only root may look: the bare
    // capabilities go, the user stays.
    const fact = await inChild(
      "console.log(JSON.stringify(await readNetfilter()));",
      {
        wrapper: [
          "setpriv",
          "--bounding-set=-net_admin,-net_raw,-sys_admin",
          "--inh-caps=-all",
        ],
      },
    );
    assert.match(
      fact.unknown,
      /iptables-nft: not permitted to read netfilter, which takes root/,
    );
  },
});
