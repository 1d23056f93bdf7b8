import "../../tests/support/preload.ts";
import assert from "node:assert/strict";
import type { NetfilterEdit } from "../../fixes/action.ts";
import { overlayMasquerade } from "../../flannel/firewall/mod.ts";
import type { NetfilterBackend } from "../../flannel/firewall/rule.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { runProgram } from "../program.ts";
import { applyNetfilter } from "./apply_netfilter.ts";
import type { NetfilterChange } from "./chain_edits.ts";
import { legacyTables } from "./legacy_tables.ts";
import { listNftTables } from "./nft_tables.ts";
import { NetfilterError } from "./netfilter_error.ts";
import { readNetfilter } from "./read_netfilter.ts";

const NEEDS = needs({
  netns: true,
  programs: ["iptables-nft", "iptables-legacy", "nft"],
});

const OVERLAY = {
  network: "172.7.0.0/16",
  subnet: "172.7.21.0/24",
  bridge: "docker0",
  overlayDevices: ["eth0"],
  externalDevice: "eth0",
};

const DOCKER = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";

const NAT = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
-A POSTROUTING -s 10.88.0.0/16 -m comment --comment "name: \\"a b\\" id: \\"1\\"" -j RETURN
-A POSTROUTING ${DOCKER}
-A POSTROUTING ${DOCKER}
-A POSTROUTING -d 10.0.0.0/255.0.255.0 -j RETURN
COMMIT
`;

const NFT = `table ip docker-bridges {
  chain nat-POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    ip daddr 192.0.2.1 return
    oifname != "docker0" ip saddr 172.7.21.0/24 counter masquerade comment "MASQUERADE"
    ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7 } return
  }
}
`;

type Iptables = Exclude<NetfilterBackend, "nftables">;

const VARIANTS: readonly Iptables[] = ["iptables-nft", "iptables-legacy"];

/** The nat table of a backend, as its tool prints it, without times. */
async function saved(backend: NetfilterBackend, netns: string) {
  const { stdout } = backend === "nftables"
    ? await runProgram("nft", ["-s", "list", "ruleset"], { netns })
    : await runProgram(`${backend}-save`, ["-t", "nat"], { netns });
  return stdout.replaceAll(/^#.*\n/gm, "");
}

function postrouting(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("-A POSTROUTING "))
    .map((line) => line.slice("-A POSTROUTING ".length));
}

function change(
  backend: NetfilterBackend,
  ...edits: NetfilterEdit[]
): NetfilterChange {
  const native = backend === "nftables";
  return {
    kind: "netfilter",
    backend,
    family: 4,
    table: native ? "docker-bridges" : "nat",
    chain: native ? "nat-POSTROUTING" : "POSTROUTING",
    edits,
  };
}

function insert(position: number, rule: string): NetfilterEdit {
  return { op: "insert", position, rule };
}

function remove(position: number, rule: string): NetfilterEdit {
  return { op: "delete", position, rule };
}

async function load(backend: NetfilterBackend, netns: TestNetns) {
  const options = { netns: netns.name };
  if (backend === "nftables") {
    await runProgram("nft", ["-f", "-"], { ...options, stdin: NFT });
  } else await runProgram(`${backend}-restore`, [], { ...options, stdin: NAT });
}

Deno.test({
  name:
    "applyNetfilter() scopes Docker's rule, and its inverse undoes it exactly",
  ...NEEDS,
  async fn(t) {
    for (const backend of [...VARIANTS, "nftables"] as const) {
      await t.step(backend, async () => {
        using netns = new TestNetns();
        const options = { netns: netns.name };
        await load(backend, netns);
        const before = await saved(backend, netns.name);
        const fact = await readNetfilter(options);
        assert.ok("known" in fact);
        const [hit] = overlayMasquerade(fact.known, OVERLAY);
        assert.equal(hit!.owner, "docker");
        const text = hit!.rule.text.replace(/^-A \S+ /, "");
        const inverse = await applyNetfilter(
          change(
            backend,
            insert(hit!.position, hit!.scoped!),
            remove(hit!.position + 1, text),
          ),
          options,
        );
        const middle = await readNetfilter(options);
        assert.ok("known" in middle);
        const left = overlayMasquerade(middle.known, OVERLAY);
        // iptables' text has Docker's rule twice: the second one is left.
        assert.equal(left.length, backend === "nftables" ? 0 : 1);
        assert.notEqual(await saved(backend, netns.name), before);
        const again = await applyNetfilter(inverse, options);
        assert.equal(await saved(backend, netns.name), before);
        await applyNetfilter(again, options);
        await applyNetfilter(inverse, options);
        assert.equal(await saved(backend, netns.name), before);
      });
    }
  },
});

Deno.test({
  name: "applyNetfilter() makes many edits of an iptables chain at once",
  ...NEEDS,
  async fn(t) {
    for (const backend of VARIANTS) {
      await t.step(backend, async () => {
        using netns = new TestNetns();
        const options = { netns: netns.name };
        await load(backend, netns);
        const before = await saved(backend, netns.name);
        const rules = postrouting(before);
        const inverse = await applyNetfilter(
          change(
            backend,
            insert(1, "-o first -j RETURN"),
            insert(7, "-o last -j RETURN"),
            // The second of two equal rules, then the first.
            remove(5, DOCKER),
            insert(4, SCOPED),
            remove(5, DOCKER),
            remove(3, rules[1]!),
          ),
          options,
        );
        assert.deepEqual(postrouting(await saved(backend, netns.name)), [
          "-o first -j RETURN",
          rules[0],
          SCOPED,
          rules[4],
          "-o last -j RETURN",
        ]);
        await applyNetfilter(inverse, options);
        assert.equal(await saved(backend, netns.name), before);
      });
    }
  },
});

Deno.test({
  name: "applyNetfilter() makes many edits of an nftables chain at once",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns();
    const options = { netns: netns.name };
    await load("nftables", netns);
    const before = await saved("nftables", netns.name);
    const list =
      "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7 } return";
    const inverse = await applyNetfilter(
      change(
        "nftables",
        insert(1, "ip daddr 192.0.2.11 return"),
        insert(2, "ip daddr 192.0.2.12 return"),
        insert(2, "ip daddr 192.0.2.13 return"),
        insert(6, "ip daddr 192.0.2.14 return"),
        insert(7, "ip daddr 192.0.2.15 return"),
        insert(8, "ip daddr 192.0.2.16 return"),
        remove(9, list),
      ),
      options,
    );
    const addresses = [...(await saved("nftables", netns.name))
      .matchAll(/daddr (\S+) return/g)].map(([, address]) => address);
    assert.deepEqual(addresses, [
      "192.0.2.11",
      "192.0.2.13",
      "192.0.2.12",
      "192.0.2.1",
      "192.0.2.14",
      "192.0.2.15",
      "192.0.2.16",
    ]);
    await applyNetfilter(inverse, options);
    assert.equal(await saved("nftables", netns.name), before);
  },
});

interface Refused {
  readonly name: string;
  readonly problem: NetfilterError["problem"];
  readonly edits: readonly NetfilterEdit[];
  readonly chain?: string;
  readonly table?: string;
}

const REFUSED: readonly Refused[] = [
  {
    name: "another rule at the place",
    problem: "rule-moved",
    edits: [insert(1, SCOPED), remove(2, DOCKER)],
  },
  {
    name: "a place behind the end",
    problem: "rule-moved",
    edits: [remove(99, DOCKER)],
  },
  { name: "place 0", problem: "rule-moved", edits: [insert(0, SCOPED)] },
  {
    name: "a rule of two lines",
    problem: "bad-rule",
    edits: [insert(1, "-j RETURN\n-A POSTROUTING -j DROP")],
  },
  { name: "no rule", problem: "bad-rule", edits: [insert(1, " ")] },
  {
    name: "a chain that is not there",
    problem: "chain-missing",
    chain: "GONE",
    edits: [insert(1, SCOPED)],
  },
  {
    name: "a table that is not there",
    problem: "chain-missing",
    table: "raw",
    edits: [insert(1, SCOPED)],
  },
];

Deno.test({
  name: "applyNetfilter() changes nothing when something is not as expected",
  ...NEEDS,
  async fn(t) {
    for (const backend of [...VARIANTS, "nftables"] as const) {
      using netns = new TestNetns();
      const options = { netns: netns.name };
      await load(backend, netns);
      const before = await saved(backend, netns.name);
      const nft = listNftTables(netns.name);
      const legacy = legacyTables(4, netns.name);
      for (const { name, problem, edits, chain, table } of REFUSED) {
        await t.step(`${backend}: ${name}`, async () => {
          const wanted = change(backend, ...edits);
          await assert.rejects(
            applyNetfilter({
              ...wanted,
              chain: chain ?? wanted.chain,
              table: table ?? wanted.table,
            }, options),
            (error) =>
              error instanceof NetfilterError && error.problem === problem &&
              error.backend === backend,
          );
          assert.equal(await saved(backend, netns.name), before);
          // Looking for a table must not make one.
          assert.equal(listNftTables(netns.name).length, nft.length);
          assert.deepEqual(legacyTables(4, netns.name), legacy);
        });
      }
      await t.step(`${backend}: a rule that the tool refuses`, async () => {
        await assert.rejects(
          applyNetfilter(
            change(
              backend,
              insert(1, backend === "nftables" ? "return" : "-j RETURN"),
              insert(1, "--what is this"),
            ),
            options,
          ),
          /Cannot run .* exit status/,
        );
        assert.equal(await saved(backend, netns.name), before);
      });
    }
  },
});

Deno.test({
  name: "applyNetfilter() does nothing for no edits",
  async fn() {
    const nothing = change("iptables-legacy");
    assert.deepEqual(await applyNetfilter(nothing), nothing);
  },
});

Deno.test({
  name: "applyNetfilter() and another writer do not lose each other's rules",
  ...NEEDS,
  async fn(t) {
    for (const backend of VARIANTS) {
      await t.step(backend, async () => {
        using netns = new TestNetns();
        const options = { netns: netns.name };
        await load(backend, netns);
        const before = await saved(backend, netns.name);
        const iptables = (command: string, device: number) =>
          runProgram(
            backend,
            ["-w", "-t", "nat", command, "POSTROUTING"].concat(
              ["-o", `veth${device}`, "-j", "RETURN"],
            ),
            options,
          );
        const other = async () => {
          for (let i = 0; i < 10; i++) await iptables("-A", i);
        };
        const own = async () => {
          for (let i = 0; i < 5; i++) {
            const inverse = await applyNetfilter(
              change(backend, insert(3, SCOPED), remove(4, DOCKER)),
              options,
            );
            await applyNetfilter(inverse, options);
          }
        };
        await Promise.all([other(), own()]);
        const rules = postrouting(await saved(backend, netns.name));
        assert.deepEqual(rules.slice(0, 5), postrouting(before));
        assert.equal(rules.length, 15);
      });
    }
  },
});
