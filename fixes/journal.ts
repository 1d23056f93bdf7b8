/**
 * The journal of repairs: one JSON file a repair, written before anything is
 * changed, so that a repair can be taken back also when flandoc was killed in
 * the middle of it.
 *
 * @module
 */
import { readText } from "../host/raw_files.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import type { Action } from "./action.ts";
import { messageOf } from "./apply.ts";
import { StateError } from "./lock.ts";

/** How far a repair got. */
export type EntryState =
  /** Written before the first change. */
  | "applying"
  | "applied"
  /** An action failed, or things got worse: all was taken back. */
  | "rolled-back"
  | "undone";

/** One repair. */
export interface JournalEntry {
  readonly schema: "flandoc.journal/v1";
  /** Sorts by time: `20261122-060000-1f3a`. */
  readonly id: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly hostname: string;
  /** Inode of the network namespace it was applied in. */
  readonly netns: string;
  /** Time of that boot, seconds since the epoch; null where unknown. */
  readonly boot: number | null;
  readonly version: string;
  readonly state: EntryState;
  /**
   * How many of the actions are in force for certain, from the first. While it
   * is `applying`, those of the group after them may be too.
   */
  readonly done: number;
  readonly actions: readonly Action[];
}

const STATES: ReadonlySet<unknown> = new Set<EntryState>([
  "applying",
  "applied",
  "rolled-back",
  "undone",
]);

/** What the journal holds. */
export interface JournalContents {
  /** Oldest first. */
  readonly entries: readonly JournalEntry[];
  /** Ids of files that hold no entry, or cannot be read; oldest first. */
  readonly damaged: readonly string[];
}

/** An entry of 100,000 routes is shorter. */
const MOST_BYTES = 128 << 20;

/** Where the state of flandoc is kept: `FLANDOC_STATE_DIR`, else `/var/lib/flandoc`. */
export function stateDirectory(): string {
  return Deno.env.get("FLANDOC_STATE_DIR") || "/var/lib/flandoc";
}

/** A new id for a repair that starts now. */
export function newEntryId(now: Date): string {
  const digits = now.toISOString().replace(/[-:]/g, "").slice(0, 15).replace(
    "T",
    "-",
  );
  const tail = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  return `${digits}-${tail.toString(16).padStart(4, "0")}`;
}

/** The journal in a state directory. */
export class Journal {
  readonly #directory: string;

  /** @param state The state directory; the journal is in `journal/` below it */
  constructor(state = stateDirectory()) {
    this.#directory = `${state}/journal`;
  }

  /**
   * Writes an entry whole and durably, readable by root only.
   *
   * @throws {StateError} when it cannot be written, on a full disk for one
   */
  async write(entry: JournalEntry): Promise<void> {
    try {
      await Deno.mkdir(this.#directory, { recursive: true, mode: 0o700 });
      // Thousands of routes take half of the room, and time, on one line.
      const text = JSON.stringify(entry) + "\n";
      writeFileAtomic(this.path(entry.id), text, 0o600);
    } catch (error) {
      throw new StateError(this.#directory, messageOf(error));
    }
  }

  /**
   * All there is in it. A file that is damaged keeps no other repair from
   * being taken back.
   *
   * @throws {StateError} when it may not be read
   */
  contents(): JournalContents {
    const entries: JournalEntry[] = [];
    const damaged: string[] = [];
    for (const id of this.#ids().sort()) {
      const entry = this.#load(id);
      if (entry === null) damaged.push(id);
      else entries.push(entry);
    }
    return { entries, damaged };
  }

  /** Entries that can be read, oldest first; throws as `contents()`. */
  read(): readonly JournalEntry[] {
    return this.contents().entries;
  }

  /** Removes an entry; nobody can take that repair back then. */
  remove(id: string): void {
    Deno.removeSync(this.path(id));
  }

  /** File of an entry. */
  path(id: string): string {
    return `${this.#directory}/${id}.json`;
  }

  #ids(): string[] {
    try {
      return [...Deno.readDirSync(this.#directory)].flatMap(({ name }) =>
        /^(\d{8}-\d{6}-[0-9a-f]{4})\.json$/.exec(name)?.[1] ?? []
      );
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw new StateError(this.#directory, messageOf(error));
    }
  }

  /** An entry, or null when the file holds none. */
  #load(id: string): JournalEntry | null {
    try {
      const entry = JSON.parse(readText(this.path(id), MOST_BYTES));
      return isEntry(entry) ? entry : null;
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) return null;
      throw new StateError(this.#directory, messageOf(error));
    }
  }
}

/** Whether that is an entry, as far as it can have been cut off or edited. */
function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== "object" || value === null) return false;
  const { schema, actions, done, state } = value as Partial<JournalEntry>;
  return schema === "flandoc.journal/v1" && STATES.has(state) &&
    Array.isArray(actions) && typeof done === "number";
}
