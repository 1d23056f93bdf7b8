import assert from "node:assert/strict";
import type { Action } from "./action.ts";
import { execute, type Hands, undoEntry } from "./execute.ts";
import { inverse } from "./inverse.ts";
import { Journal, type JournalEntry, newEntryId } from "./journal.ts";
import { LockedError, withLock } from "./lock.ts";
import { chooseEntry } from "./undo.ts";

function action(key: string): Action {
  return {
    fix: "sysctl",
    code: "FD701",
    risk: "safe",
    change: { kind: "sysctl", key, before: "0", after: "1" },
    commands: [`sysctl -w ${key}=1`],
    undoCommands: [`sysctl -w ${key}=0`],
  };
}

function entry(parts: Partial<JournalEntry> = {}): JournalEntry {
  return {
    schema: "flandoc.journal/v1",
    id: newEntryId(new Date("2026-11-22T06:00:00Z")),
    time: "2026-11-22T06:00:00.000Z",
    hostname: "node-1",
    netns: "4026531840",
    boot: 1000,
    version: "0.1.0",
    state: "applying",
    done: 0,
    actions: [action("a"), action("b"), action("c")],
    ...parts,
  };
}

/** Hands that note what they do, and refuse what they are told to. */
function notingHands(log: string[], refuse: readonly string[] = []): Hands {
  const note = (word: string) => ({ change }: Action) => {
    const step = `${word} ${change.kind === "sysctl" ? change.key : ""}`;
    if (refuse.includes(step)) {
      return Promise.reject(new Error(`Cannot ${step}`));
    }
    log.push(step);
    return Promise.resolve();
  };
  return { apply: note("apply"), undo: note("undo") };
}

async function withJournal(
  work: (journal: Journal, state: string) => Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir();
  try {
    await work(new Journal(state), state);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

Deno.test("execute() applies in order and journals the end", () =>
  withJournal(async (journal) => {
    const log: string[] = [];
    const { failure } = await execute(entry(), journal, notingHands(log));
    assert.equal(failure, null);
    assert.deepEqual(log, ["apply a", "apply b", "apply c"]);
    const [written] = journal.read();
    assert.equal(written?.state, "applied");
    assert.equal(written?.done, 3);
  }));

Deno.test("execute() takes back what was applied when an action fails", () =>
  withJournal(async (journal) => {
    const log: string[] = [];
    const end = await execute(entry(), journal, notingHands(log, ["apply c"]));
    assert.equal(end.failure?.error, "Cannot apply c");
    assert.deepEqual(log, ["apply a", "apply b", "undo b", "undo a"]);
    assert.equal(journal.read()[0]?.state, "rolled-back");
  }));

Deno.test("execute() names what could not be taken back and goes on", () =>
  withJournal(async (journal) => {
    const log: string[] = [];
    const end = await execute(
      entry(),
      journal,
      notingHands(log, ["apply c", "undo b"]),
    );
    assert.deepEqual(end.stuck.map(({ error }) => error), ["Cannot undo b"]);
    assert.deepEqual(log, ["apply a", "apply b", "undo a"]);
  }));

Deno.test("execute() has written the entry before the first change", () =>
  withJournal(async (journal) => {
    let seen: string | undefined;
    await execute(entry(), journal, {
      apply: () => Promise.resolve(void (seen ??= journal.read()[0]?.state)),
      undo: () => Promise.resolve(),
    });
    assert.equal(seen, "applying");
  }));

Deno.test("undoEntry() takes back an entry that was cut off, as far as it got", () =>
  withJournal(async (journal) => {
    const log: string[] = [];
    await undoEntry(entry({ done: 2 }), journal, notingHands(log));
    assert.deepEqual(log, ["undo b", "undo a"]);
    assert.equal(journal.read()[0]?.state, "undone");
  }));

Deno.test("Journal refuses a file that is not an entry", () =>
  withJournal(async (journal, state) => {
    await journal.write(entry());
    await Deno.writeTextFile(`${state}/journal/20260101-000000-0000.json`, "{");
    assert.throws(
      () => journal.read(),
      /20260101-000000-0000\.json" is not an entry/,
    );
  }));

Deno.test("Journal keeps its entries from other users", () =>
  withJournal(async (journal, state) => {
    await journal.write(entry());
    const [file] = [...Deno.readDirSync(`${state}/journal`)];
    const { mode } = await Deno.stat(`${state}/journal/${file?.name}`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("withLock() admits one at a time", () =>
  withJournal(async (_, state) => {
    await withLock(state, async () => {
      await assert.rejects(
        withLock(state, () => Promise.resolve()),
        LockedError,
      );
    });
    assert.equal(await withLock(state, () => Promise.resolve(7)), 7);
  }));

Deno.test("chooseEntry()", async (t) => {
  const here = { netns: "4026531840", boot: 1000 };
  const old = entry({ id: "20261121-000000-0001", state: "applied", done: 3 });
  const late = entry({ id: "20261122-000000-0002", state: "applied", done: 3 });
  const other = entry({
    id: "20261123-000000-0003",
    state: "applied",
    done: 3,
    netns: "7",
  });
  const gone = entry({ id: "20261124-000000-0004", state: "undone" });
  const all = [old, late, other, gone];
  await t.step("takes the latest in force in this namespace", () => {
    assert.deepEqual(chooseEntry(all, undefined, here), { entry: late });
  });
  await t.step("takes the one named by a beginning", () => {
    assert.deepEqual(chooseEntry(all, "20261121", here), { entry: old });
  });
  await t.step("refuses a beginning of several", () => {
    assert.equal("problem" in chooseEntry(all, "2026", here), true);
  });
  await t.step("refuses another namespace of this boot", () => {
    assert.deepEqual(chooseEntry(all, other.id, here), {
      problem: "otherNetns",
      arguments: { id: other.id, hostname: "node-1" },
    });
  });
  await t.step("takes a repair of an earlier boot", () => {
    assert.deepEqual(chooseEntry(all, other.id, { ...here, boot: 9000 }), {
      entry: other,
    });
  });
  await t.step("refuses what is undone already", () => {
    assert.equal("problem" in chooseEntry(all, gone.id, here), true);
  });
});

Deno.test("inverse() of netfilter edits goes backwards", () => {
  const change = {
    kind: "netfilter",
    backend: "iptables-nft",
    family: 4,
    table: "nat",
    chain: "POSTROUTING",
    edits: [
      { op: "insert", rule: "-s A ! -d N -j MASQUERADE", position: 1 },
      { op: "delete", rule: "-s A -j MASQUERADE", position: 2 },
    ],
  } as const;
  assert.deepEqual(inverse(change), {
    ...change,
    edits: [
      { op: "insert", rule: "-s A -j MASQUERADE", position: 2 },
      { op: "delete", rule: "-s A ! -d N -j MASQUERADE", position: 1 },
    ],
  });
});
