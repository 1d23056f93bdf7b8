import "../tests/support/preload.ts";
import assert from "node:assert/strict";
import type { Action } from "./action.ts";
import { type EntryState, Journal, type JournalEntry } from "./journal.ts";
import {
  FINISHED_KEPT,
  IN_FORCE_KEPT,
  pruneJournal,
  surplusEntries,
} from "./prune_journal.ts";

const HERE = { netns: "1", boot: 5000 };

const ROUTE = { change: { kind: "route", before: null, after: null } };
const FILE = { change: { kind: "file" } };

function entry(
  number: number,
  state: EntryState,
  boot: number | null = HERE.boot,
  actions: unknown[] = [ROUTE],
): JournalEntry {
  return {
    schema: "flandoc.journal/v1",
    id: `20261122-060000-${number.toString(16).padStart(4, "0")}`,
    time: "2026-11-22T06:00:00Z",
    hostname: "node-1",
    netns: HERE.netns,
    boot,
    version: "0.1.0",
    state,
    done: actions.length,
    actions: actions as Action[],
  };
}

function many(count: number, state: EntryState, ...rest: [number?]) {
  return Array.from({ length: count }, (_, n) => entry(n, state, ...rest));
}

Deno.test("surplusEntries() keeps the newest of the finished", async (t) => {
  const cases: [string, JournalEntry[]][] = [
    ["undone", many(FINISHED_KEPT + 2, "undone")],
    ["rolled back", many(FINISHED_KEPT + 2, "rolled-back")],
    ["gone with an earlier boot", many(FINISHED_KEPT + 2, "applied", 1000)],
  ];
  for (const [name, entries] of cases) {
    await t.step(name, () => {
      const { finished, inForce } = surplusEntries(entries, HERE);
      assert.deepEqual(finished, entries.slice(0, 2));
      assert.deepEqual(inForce, []);
    });
  }
});

Deno.test("surplusEntries() keeps what can be taken back far longer", () => {
  const entries = many(IN_FORCE_KEPT + 1, "applied");
  assert.deepEqual(surplusEntries(entries, HERE), {
    finished: [],
    inForce: entries.slice(0, 1),
  });
  const unknownBoot = many(FINISHED_KEPT + 1, "applied").map((each) => ({
    ...each,
    boot: null,
  }));
  assert.deepEqual(surplusEntries(unknownBoot, HERE).finished, []);
});

Deno.test("surplusEntries() never counts a file as gone at boot", () => {
  const entries = Array.from(
    { length: FINISHED_KEPT + 1 },
    (_, n) => entry(n, "applied", 1000, [ROUTE, FILE]),
  );
  assert.deepEqual(surplusEntries(entries, HERE).finished, []);
});

Deno.test("surplusEntries() never gives up what was cut off in the middle", () => {
  const entries = many(IN_FORCE_KEPT + 50, "applying");
  assert.deepEqual(surplusEntries(entries, HERE), {
    finished: [],
    inForce: [],
  });
});

Deno.test("pruneJournal() removes files and names what was in force", async () => {
  const state = await Deno.makeTempDir();
  try {
    const journal = new Journal(state);
    const undone = many(FINISHED_KEPT + 1, "undone");
    const applied = many(IN_FORCE_KEPT + 1, "applied")
      .map((each) => ({ ...each, id: each.id.replace("-06", "-07") }));
    for (const each of [...undone, ...applied]) await journal.write(each);
    assert.deepEqual(pruneJournal(journal, HERE), [applied[0]!.id]);
    assert.deepEqual(
      journal.read().map(({ id }) => id),
      [...undone.slice(1), ...applied.slice(1)].map(({ id }) => id),
    );
    assert.deepEqual(pruneJournal(journal, HERE), []);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});

Deno.test("pruneJournal() leaves a file that it cannot read, and prunes the others", async () => {
  const state = await Deno.makeTempDir();
  try {
    const journal = new Journal(state);
    for (const each of many(FINISHED_KEPT + 1, "undone")) {
      await journal.write(each);
    }
    const odd = `${state}/journal/20261122-060000-ffff.json`;
    await Deno.writeTextFile(odd, "torn");
    assert.deepEqual(pruneJournal(journal, HERE), []);
    assert.deepEqual(journal.contents().damaged, ["20261122-060000-ffff"]);
    assert.equal(journal.read().length, FINISHED_KEPT);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});
