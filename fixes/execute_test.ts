import "../tests/support/preload.ts";
import assert from "node:assert/strict";
import type { Action } from "./action.ts";
import { execute } from "./execute.ts";
import type { Hands } from "./hands.ts";
import { inverse } from "./inverse.ts";
import { Journal, type JournalEntry, newEntryId } from "./journal.ts";
import { LockedError, requireState, StateError, withLock } from "./lock.ts";
import { chooseEntry, planUndo, undoRepair } from "./undo.ts";

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

function keyOf({ change }: Action): string {
  return change.kind === "sysctl" ? change.key : "";
}

/**
 * Hands of a host of which all is in memory: they note what they do, and
 * refuse what they are told to.
 */
class NotingHands implements Hands {
  readonly log: string[] = [];

  constructor(
    readonly inForce = new Set<string>(),
    readonly refuse: readonly string[] = [],
    readonly changed: readonly string[] = [],
  ) {}

  note = (action: Action) => Promise.resolve(action);

  apply = (actions: readonly Action[]) =>
    this.#do("apply", actions, (key) => this.inForce.add(key));

  undo = (actions: readonly Action[]) =>
    this.#do("undo", actions, (key) => this.inForce.delete(key));

  standings = (actions: readonly Action[]) =>
    Promise.resolve(actions.map((action) => {
      const key = keyOf(action);
      if (this.changed.includes(key)) return "other";
      return this.inForce.has(key) ? "done" : "undone";
    }));

  byHand = (action: Action) => Promise.resolve(action.undoCommands);

  #do(
    word: string,
    actions: readonly Action[],
    change: (key: string) => void,
  ): Promise<(string | null)[]> {
    return Promise.resolve(actions.map((action) => {
      const step = `${word} ${keyOf(action)}`;
      if (this.refuse.includes(step)) return `Cannot ${step}`;
      change(keyOf(action));
      this.log.push(step);
      return null;
    }));
  }
}

const HERE = { netns: "4026531840", boot: 1000 };

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
    const hands = new NotingHands();
    const { failure } = await execute(entry(), journal, hands);
    assert.equal(failure, null);
    assert.deepEqual(hands.log, ["apply a", "apply b", "apply c"]);
    const [written] = journal.read();
    assert.equal(written?.state, "applied");
    assert.equal(written?.done, 3);
  }));

Deno.test("execute() takes back what was applied when an action fails", () =>
  withJournal(async (journal) => {
    const hands = new NotingHands(new Set(), ["apply c"]);
    const end = await execute(entry(), journal, hands);
    assert.equal(end.failure?.error, "Cannot apply c");
    assert.deepEqual(hands.log, ["apply a", "apply b", "undo b", "undo a"]);
    assert.equal(journal.read()[0]?.state, "rolled-back");
  }));

Deno.test("execute() names what could not be taken back, goes on, and leaves the entry in force", () =>
  withJournal(async (journal) => {
    const hands = new NotingHands(new Set(), ["apply c", "undo b"]);
    const end = await execute(entry(), journal, hands);
    assert.deepEqual(end.stuck.map(({ error }) => error), ["Cannot undo b"]);
    assert.deepEqual(hands.log, ["apply a", "apply b", "undo a"]);
    assert.equal(journal.read()[0]?.state, "applying");
  }));

Deno.test("execute() has written the entry before the first change", () =>
  withJournal(async (journal) => {
    const seen: unknown[] = [];
    const hands = new NotingHands();
    await execute(entry(), journal, {
      ...hands,
      apply(actions) {
        const [{ state, done } = {}] = journal.read();
        seen.push([state, done]);
        return hands.apply(actions);
      },
    });
    assert.deepEqual(seen, [["applying", 0], ["applying", 1], ["applying", 2]]);
  }));

Deno.test("execute() takes everything back when the journal cannot be written any more", async () => {
  const hands = new NotingHands();
  let writes = 0;
  const end = await execute(entry(), {
    write() {
      writes += 1;
      return writes < 3
        ? Promise.resolve()
        : Promise.reject(new Error("No space left on device"));
    },
  }, hands);
  assert.equal(end.failure?.error, "No space left on device");
  assert.deepEqual([...hands.inForce], []);
});

Deno.test("undoRepair() takes an entry back that was cut off, as far as it got", async (t) => {
  const cut: readonly [string, number, readonly string[]][] = [
    ["before the first change", 0, []],
    ["before the first was counted", 0, ["a"]],
    ["between two", 1, ["a"]],
    ["before the second was counted", 1, ["a", "b"]],
    ["before the end was written", 3, ["a", "b", "c"]],
    ["in the middle of an undo", 3, ["a"]],
  ];
  for (const [name, done, inForce] of cut) {
    await t.step(name, () =>
      withJournal(async (journal, state) => {
        await journal.write(entry({ done }));
        const hands = new NotingHands(new Set(inForce));
        const end = await undoRepair({
          state,
          dryRun: false,
          here: HERE,
          hands,
          confirm: () => Promise.resolve(true),
        });
        assert.equal(end.kind, "undone");
        assert.deepEqual([...hands.inForce], []);
        assert.deepEqual(
          hands.log,
          inForce.map((key) => `undo ${key}`).reverse(),
        );
        assert.equal(journal.read()[0]?.state, "undone");
      }));
  }
});

Deno.test("planUndo() does not ask about what a cut-off repair cannot have touched", async () => {
  const hands = new NotingHands(new Set(["a", "b", "c"]));
  const plan = await planUndo(entry({ done: 0 }), HERE, hands);
  assert.deepEqual(plan.steps.map(keyOf), ["a"]);
});

Deno.test("undoRepair() changes nothing when somebody else changed a part of it", () =>
  withJournal(async (journal, state) => {
    await journal.write(entry({ state: "applied", done: 3 }));
    const hands = new NotingHands(new Set(["a", "b", "c"]), [], ["b"]);
    const end = await undoRepair({
      state,
      dryRun: false,
      here: HERE,
      hands,
      confirm: () => assert.fail("asked though it cannot be done"),
    });
    assert.equal(end.kind, "conflict");
    assert.deepEqual(hands.log, []);
    assert.deepEqual(
      end.kind === "conflict" &&
        end.plan.conflicts.map((each) => each.commands),
      [["sysctl -w b=0"]],
    );
    assert.equal(journal.read()[0]?.state, "applied");
  }));

Deno.test("undoRepair() does nothing when the host changes while it asks", () =>
  withJournal(async (journal, state) => {
    await journal.write(entry({ state: "applied", done: 3 }));
    const hands = new NotingHands(new Set(["a", "b", "c"]));
    const end = await undoRepair({
      state,
      dryRun: false,
      here: HERE,
      hands,
      confirm: () => Promise.resolve(hands.inForce.delete("b")),
    });
    assert.equal(end.kind, "moved");
    assert.deepEqual(hands.log, []);
  }));

Deno.test("A damaged file of the journal keeps no other repair from undo", () =>
  withJournal(async (journal, state) => {
    const hands = new NotingHands();
    const first = entry();
    await execute(first, journal, hands);
    const undo = (id?: string) =>
      undoRepair({
        id,
        state,
        here: HERE,
        hands,
        dryRun: true,
        confirm: () => Promise.resolve(true),
      });
    const path = (id: string) => `${state}/journal/${id}.json`;
    // Older than the latest: of no concern.
    const texts = ["{", "[]", "null", JSON.stringify({ ...first, done: "1" })];
    for (const [at, text] of texts.entries()) {
      await Deno.writeTextFile(path(`20260101-000000-000${at}`), text);
    }
    assert.equal(journal.contents().damaged.length, 4);
    assert.equal((await undo()).kind, "planned");
    // Later: it may be what is to be taken back.
    await Deno.writeTextFile(path("20991231-000000-0000"), "{");
    assert.deepEqual(await undo(), {
      kind: "problem",
      problem: "damaged",
      arguments: { id: "20991231-000000-0000" },
    });
    assert.deepEqual(await undo("2099"), await undo());
    assert.equal((await undo(first.id)).kind, "planned");
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

Deno.test("requireState() says which directory cannot be written, and why", () =>
  withJournal(async (_, state) => {
    await Deno.writeTextFile(`${state}/file`, "");
    await assert.rejects(
      requireState(`${state}/file/below`),
      (error) =>
        error instanceof StateError &&
        error.directory === `${state}/file/below` &&
        /Not a directory/.test(error.reason),
    );
  }));

Deno.test("Journal holds an entry of thousands of routes", () =>
  withJournal(async (journal) => {
    const actions = Array.from({ length: 10_000 }, (_, n) => action(`key${n}`));
    await journal.write(entry({ actions }));
    assert.equal(journal.read()[0]?.actions.length, 10_000);
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
  const all = { entries: [old, late, other, gone], damaged: [] };
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

Deno.test("Journal says what it could not keep, and where", () =>
  withJournal(async (_, state) => {
    // Root writes through permissions; a file in the way stops it too.
    Deno.writeTextFileSync(`${state}/file`, "");
    const hands = new NotingHands();
    await assert.rejects(
      execute(entry(), new Journal(`${state}/file`), hands),
      /^StateError: Cannot keep the journal of repairs in ".*\/file\/journal": /,
    );
    assert.deepEqual(hands.log, []);
  }));
