/**
 * Writes the snapshot document.
 *
 * @module
 */
import { VERSION } from "../version.ts";
import { unknown } from "./fact.ts";
import type { Facts, RawFacts, Snapshot } from "./facts.ts";
import { RAW_FACT_NAMES } from "./raw_fact_shapes.ts";
import { redact } from "./redact.ts";

/** The document of a host's facts. Derived facts are left out: they are computed again. */
export function toSnapshot(facts: Facts | RawFacts): Snapshot {
  const raw = Object.fromEntries(
    RAW_FACT_NAMES.map((
      name,
    ) => [name, facts[name] ?? unknown("not collected")]),
  ) as unknown as RawFacts;
  return {
    schema: "flandoc.snapshot/v1",
    version: VERSION,
    facts: redact(raw),
  };
}

/**
 * The document as JSON text, ending in a newline. What is in a list, a route or
 * a lease, has a line of its own: that is short at 5,000 leases, and a diff of
 * two documents shows routes, not braces.
 */
export function snapshotText(facts: Facts | RawFacts): string {
  return `${lines(toSnapshot(facts), "")}\n`;
}

function lines(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const members = Array.isArray(value)
    ? value.map((item) => JSON.stringify(item))
    : Object.entries(value).filter(([, item]) => item !== undefined)
      .map(([name, item]) => `${JSON.stringify(name)}: ${lines(item, deeper)}`);
  if (members.length === 0) return `${open}${close}`;
  const separator = `,\n${deeper}`;
  return `${open}\n${deeper}${members.join(separator)}\n${indent}${close}`;
}

/**
 * Writes the document to a file that only its owner may read: it names every
 * address of the network. A file is replaced whole; a device, a pipe or a link
 * such as `/dev/stdout` is written into.
 *
 * @throws {Error} when the file cannot be written
 */
export async function saveSnapshot(
  path: string,
  facts: Facts | RawFacts,
): Promise<void> {
  const text = snapshotText(facts);
  try {
    const there = await Deno.lstat(path).catch(() => null);
    if (there?.isDirectory) throw new Error("it is a directory");
    if (there === null || there.isFile) await replaceFile(path, text);
    // A rename would put a file in the place of the device or link.
    else await Deno.writeTextFile(path, text);
  } catch (error) {
    throw new Error(`Cannot write snapshot "${path}": ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Deno adds the call and the temporary file's name, which nobody asked for. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/: (?:writefile|open|rename) '.*$/s, "");
}
