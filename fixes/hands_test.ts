import "../tests/support/preload.ts";
import assert from "node:assert/strict";
import { runProgram } from "../host/program.ts";
import { FLANDOC_PROTOCOL, type Route } from "../flannel/kernel.ts";
import { fixtureRoute } from "../tests/fixtures/healthy.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import type { Action, Change } from "./action.ts";
import { execute, type Outcome, takeBack } from "./execute.ts";
import { type Hands, hostHands } from "./hands.ts";
import type { JournalEntry } from "./journal.ts";
import { planUndo } from "./undo.ts";

const NEEDS = needs({
  netns: true,
  programs: ["iptables-nft", "iptables-legacy", "nft"],
});

const UNSCOPED = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";
const HERE = { netns: "1", boot: 1000 };

function actionOf(change: Change): Action {
  return {
    fix: "snat",
    code: "FD601",
    risk: "safe",
    change,
    commands: ["iptables"],
    undoCommands: [],
  };
}

function entryOf(changes: readonly Change[]): JournalEntry {
  return {
    schema: "flandoc.journal/v1",
    id: "20261122-060000-0001",
    time: "2026-11-22T06:00:00.000Z",
    hostname: "node-1",
    ...HERE,
    version: "0.1.0",
    state: "applying",
    done: 0,
    actions: changes.map(actionOf),
  };
}

/** A journal that only counts. */
class CountingJournal {
  writes = 0;
  last: JournalEntry | undefined;

  write(entry: JournalEntry): Promise<void> {
    this.writes += 1;
    this.last = entry;
    return Promise.resolve();
  }
}

async function applied(
  changes: readonly Change[],
  hands: Hands,
  journal = new CountingJournal(),
): Promise<JournalEntry> {
  const { entry, failure } = await execute(entryOf(changes), journal, hands);
  assert.equal(failure, null);
  return entry;
}

/** Undoes as `flandoc undo` does; null where somebody else's change forbids it. */
async function undone(
  entry: JournalEntry,
  hands: Hands,
): Promise<Outcome | null> {
  const { steps, conflicts } = await planUndo(entry, HERE, hands);
  if (conflicts.length > 0) return null;
  const forward = [...steps].reverse();
  return await takeBack(entry, forward, "undone", new CountingJournal(), hands);
}

function scoping(backend: "iptables-nft" | "iptables-legacy"): Change {
  return {
    kind: "netfilter",
    backend,
    family: 4,
    table: "nat",
    chain: "POSTROUTING",
    edits: [
      { op: "insert", rule: SCOPED, position: 2 },
      { op: "delete", rule: UNSCOPED, position: 3 },
    ],
  };
}

async function saved(netns: TestNetns, tool: string): Promise<string> {
  const options = { netns: netns.name };
  const { stdout } = await runProgram(`${tool}-save`, [], options);
  return stdout.replaceAll(/^#.*\n/gm, "");
}

async function iptables(
  netns: TestNetns,
  tool: string,
  line: string,
): Promise<void> {
  const words = ["-w", "-t", "nat", ...line.split(" ")];
  await runProgram(tool, words, { netns: netns.name });
}

Deno.test({
  name: "hostHands() scopes a rule, and undo follows what moved meanwhile",
  ...NEEDS,
  async fn(t) {
    for (const tool of ["iptables-nft", "iptables-legacy"] as const) {
      await t.step(tool, async () => {
        using netns = new TestNetns();
        const hands = hostHands({ netns: netns.name });
        await iptables(netns, tool, "-A POSTROUTING -o first -j RETURN");
        await iptables(netns, tool, `-A POSTROUTING ${UNSCOPED}`);
        const before = await saved(netns, tool);
        const entry = await applied([scoping(tool)], hands);
        assert.match(await saved(netns, tool), /! -d 172\.7\.0\.0\/16/);
        // kube-proxy, libvirt and others insert at the head.
        await iptables(netns, tool, "-I POSTROUTING -o other -j RETURN");
        assert.deepEqual((await undone(entry, hands))?.stuck, []);
        await iptables(netns, tool, "-D POSTROUTING -o other -j RETURN");
        assert.equal(await saved(netns, tool), before);
        // Nothing is in force any more: a second undo leaves all as it is.
        assert.deepEqual((await undone(entry, hands))?.stuck, []);
        assert.equal(await saved(netns, tool), before);
      });
    }
  },
});

Deno.test({
  name: "planUndo() says what to type after Docker put its rule back",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns();
    const tool = "iptables-nft";
    const hands = hostHands({ netns: netns.name });
    await iptables(netns, tool, "-A POSTROUTING -o first -j RETURN");
    await iptables(netns, tool, `-A POSTROUTING ${UNSCOPED}`);
    const entry = await applied([scoping(tool)], hands);
    await iptables(netns, tool, `-I POSTROUTING ${UNSCOPED}`);
    const now = await saved(netns, tool);
    const { conflicts } = await planUndo(entry, HERE, hands);
    assert.deepEqual(conflicts.map(({ commands }) => commands), [
      [`iptables -t nat -D POSTROUTING ${SCOPED}`],
    ]);
    assert.equal(await undone(entry, hands), null);
    assert.equal(await saved(netns, tool), now);
  },
});

Deno.test({
  name:
    "hostHands() takes a kernel change back that the journal had not counted",
  ...NEEDS,
  async fn(t) {
    const cases: readonly [string, string[], Change["kind"]][] = [
      ["scoped", [UNSCOPED], "netfilter"],
      ["a copy deleted", [UNSCOPED, UNSCOPED], "netfilter"],
    ];
    for (const [name, rules] of cases) {
      for (const isApplied of [true, false]) {
        await t.step(
          `${name}, ${isApplied ? "made" : "not made"}`,
          async () => {
            using netns = new TestNetns();
            const tool = "iptables-nft";
            const hands = hostHands({ netns: netns.name });
            for (const rule of rules) {
              await iptables(netns, tool, `-A POSTROUTING ${rule}`);
            }
            const before = await saved(netns, tool);
            const change: Change = {
              ...scoping(tool) as Extract<Change, { kind: "netfilter" }>,
              edits: rules.length === 1
                ? [
                  { op: "insert", rule: SCOPED, position: 1 },
                  { op: "delete", rule: UNSCOPED, position: 2 },
                ]
                : [{ op: "delete", rule: UNSCOPED, position: 2 }],
            };
            const [action] = entryOf([change]).actions;
            const noted = await hands.note(action!);
            const cut = { ...entryOf([]), actions: [noted] };
            if (isApplied) await hands.apply([noted]);
            assert.deepEqual((await undone(cut, hands))?.stuck, []);
            assert.equal(await saved(netns, tool), before);
          },
        );
      }
    }
  },
});

/** A namespace with a link to peers, and what `ip route` says of it. */
function routeNetns(): TestNetns {
  return new TestNetns(
    "link add eth0 type veth peer name peer0",
    "link set peer0 up",
    "address add 192.168.1.10/16 dev eth0",
    "link set eth0 up",
  );
}

function routesOf(netns: TestNetns): string {
  return netns.exec("ip", "-4", "-d", "route", "show", "table", "all").split(
    "\n",
  )
    .map((line) => line.trimEnd()).sort().join("\n");
}

function peerRoute(dst: string, values: Partial<Route> = {}): Route {
  return fixtureRoute(dst, "eth0", {
    gateway: "192.168.1.11",
    protocol: FLANDOC_PROTOCOL,
    ...values,
  });
}

Deno.test({
  name: "hostHands() changes routes, and undo brings every attribute back",
  ...NEEDS,
  async fn(t) {
    const dst = "172.7.22.0/24";
    const cases: readonly [string, string | null, Change][] = [
      ["added", null, { kind: "route", before: null, after: peerRoute(dst) }],
      [
        "replaced",
        `${dst} via 192.168.1.254 proto static src 192.168.1.10 mtu 1400`,
        {
          kind: "route",
          before: peerRoute(dst, {
            gateway: "192.168.1.254",
            protocol: 4,
            prefsrc: "192.168.1.10",
            mtu: 1400,
          }),
          after: peerRoute(dst),
        },
      ],
      ["of another metric", `${dst} via 192.168.1.254 metric 50`, {
        kind: "route",
        before: peerRoute(dst, {
          gateway: "192.168.1.254",
          protocol: 3,
          metric: 50,
        }),
        after: peerRoute(dst),
      }],
      ["a blackhole", `blackhole ${dst}`, {
        kind: "route",
        before: peerRoute(dst, {
          type: "blackhole",
          gateway: null,
          device: null,
          protocol: 3,
          scope: 0,
        }),
        after: peerRoute(dst),
      }],
      ["removed", `${dst} via 192.168.1.254 proto static`, {
        kind: "route",
        before: peerRoute(dst, { gateway: "192.168.1.254", protocol: 4 }),
        after: null,
      }],
    ];
    for (const [name, line, change] of cases) {
      await t.step(name, async () => {
        using netns = routeNetns();
        const hands = hostHands({ netns: netns.name });
        if (line !== null) netns.ip(`route add ${line}`);
        const before = routesOf(netns);
        const entry = await applied([change], hands);
        assert.notEqual(routesOf(netns), before);
        assert.deepEqual((await undone(entry, hands))?.stuck, []);
        assert.equal(routesOf(netns), before);
        // Cut off before the count: made, and not made.
        const cut = { ...entry, state: "applying", done: 0 } as const;
        assert.deepEqual((await undone(cut, hands))?.stuck, []);
        assert.equal(routesOf(netns), before);
        await hands.apply(entry.actions);
        assert.deepEqual((await undone(cut, hands))?.stuck, []);
        assert.equal(routesOf(netns), before);
      });
    }
    await t.step("changed by somebody else since", async () => {
      using netns = routeNetns();
      const hands = hostHands({ netns: netns.name });
      const entry = await applied([cases[0]![2]], hands);
      netns.ip(`route replace ${dst} via 192.168.1.77`);
      const now = routesOf(netns);
      assert.equal(await undone(entry, hands), null);
      assert.equal(routesOf(netns), now);
    });
  },
});

Deno.test({
  name:
    "execute() takes all routes of a batch back when the kernel refuses one",
  ...NEEDS,
  async fn() {
    using netns = routeNetns();
    const before = routesOf(netns);
    const changes = Array.from({ length: 300 }, (_, n): Change => ({
      kind: "route",
      before: null,
      after: peerRoute(`10.1.${n % 256}.${n > 255 ? 128 : 0}/25`, {
        gateway: n === 200 ? "203.0.113.1" : "192.168.1.11",
      }),
    }));
    const { failure, stuck } = await execute(
      entryOf(changes),
      new CountingJournal(),
      hostHands({ netns: netns.name }),
    );
    assert.match(
      failure?.error ?? "",
      /^Cannot add route to 10\.1\.200\.0\/25: /,
    );
    assert.deepEqual(stuck, []);
    assert.equal(routesOf(netns), before);
  },
});

Deno.test({
  name:
    "execute() makes 5,000 routes in batches, the journal written once a batch",
  ...NEEDS,
  async fn() {
    using netns = routeNetns();
    const before = routesOf(netns);
    const hands = hostHands({ netns: netns.name });
    const journal = new CountingJournal();
    const changes = Array.from({ length: 5000 }, (_, n): Change => ({
      kind: "route",
      before: null,
      after: peerRoute(`10.${n >> 8}.${n & 255}.0/24`),
    }));
    const entry = await applied(changes, hands, journal);
    assert.equal(entry.done, 5000);
    assert.ok(journal.writes < 10, `${journal.writes} writes`);
    assert.equal(routesOf(netns).match(/proto 107/g)?.length, 5000);
    assert.deepEqual((await undone(entry, hands))?.stuck, []);
    assert.equal(routesOf(netns), before);
  },
});

Deno.test({
  name: "hostHands() gives every device its own forwarding back",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns(
      "link add on0 type bridge",
      "link add off0 type bridge",
      "link add gone0 type bridge",
    );
    const settings = () =>
      netns.exec(
        "sysctl",
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.accept_redirects",
        ...["all", "default", "lo", "on0", "off0"]
          .map((device) => `net.ipv4.conf.${device}.forwarding`),
      );
    const set = (...words: string[]) => netns.exec("sysctl", "-qw", ...words);
    set("net.ipv4.ip_forward=0");
    set(
      "net.ipv4.conf.all.accept_redirects=0",
      "net.ipv4.conf.on0.forwarding=1",
      "net.ipv4.conf.default.forwarding=1",
    );
    const before = settings();
    const hands = hostHands({ netns: netns.name });
    const entry = await applied([{
      kind: "sysctl",
      key: "net.ipv4.ip_forward",
      before: "0",
      after: "1",
    }], hands);
    assert.match(settings(), /conf\.off0\.forwarding = 1/);
    assert.ok(
      entry.actions[0]?.undoCommands.includes(
        "sysctl -w net.ipv4.conf.on0.forwarding=1",
      ),
    );
    // A device that goes meanwhile has no setting to give back.
    netns.ip("link del gone0");
    assert.deepEqual((await undone(entry, hands))?.stuck, []);
    assert.equal(settings(), before);
  },
});

Deno.test("hostHands() writes files, and undo leaves no trace of them", async (t) => {
  using temporary = temporaryDirectory();
  const directory = temporary.path;
  const hands = hostHands();
  const after = { text: "new\n", mode: 0o644 };
  await t.step("with the directories they need", async () => {
    const path = `${directory}/a/b/file.conf`;
    const entry = await applied(
      [{ kind: "file", path, before: null, after }],
      hands,
    );
    assert.equal(await Deno.readTextFile(path), "new\n");
    assert.deepEqual(entry.actions[0]?.undoCommands, [
      `rmdir ${directory}/a/b`,
      `rmdir ${directory}/a`,
    ]);
    assert.deepEqual((await undone(entry, hands))?.stuck, []);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
  });
  await t.step("with text and mode as they were", async () => {
    const path = `${directory}/rules`;
    const before = { text: "old\n", mode: 0o600 };
    await Deno.writeTextFile(path, before.text, { mode: before.mode });
    const entry = await applied(
      [{ kind: "file", path, before, after: { ...after, mode: 0o600 } }],
      hands,
    );
    assert.deepEqual((await undone(entry, hands))?.stuck, []);
    assert.equal(await Deno.readTextFile(path), "old\n");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
  await t.step("through a link, which stays one", async () => {
    const path = `${directory}/link`;
    await Deno.symlink(`${directory}/rules`, path);
    const before = { text: "old\n", mode: 0o600 };
    await applied([{ kind: "file", path, before, after }], hands);
    assert.equal((await Deno.lstat(path)).isSymlink, true);
    assert.equal(await Deno.readTextFile(`${directory}/rules`), "new\n");
  });
  await t.step("not over what somebody else wrote", async () => {
    const path = `${directory}/rules`;
    const entry = entryOf([{
      kind: "file",
      path,
      before: null,
      after: null,
    }]);
    const [action] = entry.actions;
    const change = { ...action!.change, after } as Change;
    const { failure } = await execute(
      { ...entry, actions: [{ ...action!, change }] },
      new CountingJournal(),
      hands,
    );
    assert.match(failure?.error ?? "", /somebody else has changed it/);
    assert.equal(await Deno.readTextFile(path), "new\n");
  });
  await t.step(
    "and the directory is kept where another file came",
    async () => {
      const path = `${directory}/c/file.conf`;
      const entry = await applied(
        [{ kind: "file", path, before: null, after }],
        hands,
      );
      await Deno.writeTextFile(`${directory}/c/other`, "");
      assert.deepEqual((await undone(entry, hands))?.stuck, []);
      assert.deepEqual(
        [...Deno.readDirSync(`${directory}/c`)].map(({ name }) => name),
        ["other"],
      );
    },
  );
});

Deno.test("hostHands() runs a program after the file both ways", async () => {
  using temporary = temporaryDirectory();
  const directory = temporary.path;
  const hands = hostHands();
  const path = `${directory}/unit`;
  const log = `${directory}/log`;
  const note = [
    "sh",
    "-c",
    `[ -e ${path} ] && echo there >>${log} || echo gone >>${log}`,
  ];
  const entry = await applied([
    { kind: "run", argv: [], undo: note },
    {
      kind: "file",
      path,
      before: null,
      after: { text: "x\n", mode: 0o644 },
    },
    { kind: "run", argv: note, undo: null },
  ], hands);
  assert.equal(await Deno.readTextFile(log), "there\n");
  assert.deepEqual((await undone(entry, hands))?.stuck, []);
  assert.equal(await Deno.readTextFile(log), "there\ngone\n");
});
