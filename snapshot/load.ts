/**
 * Reads the snapshot document.
 *
 * @module
 */
import { type Fact, unknown } from "./fact.ts";
import type { RawFacts, Snapshot } from "./facts.ts";
import { factOf, RAW_FACT_NAMES, RAW_FACT_SHAPES } from "./raw_fact_shapes.ts";
import { type Shape, ShapeError } from "./shape.ts";

/** A file that is no snapshot flandoc can judge. The message says why. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

const SCHEMA = "flandoc.snapshot/v1";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What ends inside a value was cut off on its way.
    throw text.trim() === ""
      ? new SyntaxError("the file is empty")
      : /^\s*\{/.test(text) && !/\}\s*$/.test(text)
      ? new SyntaxError("the file is cut off: it ends inside the document")
      : new SyntaxError("it is not JSON");
  }
}

function checkSchema(document: Record<string, unknown>): void {
  const { schema, version } = document;
  if (schema === SCHEMA) return;
  const name = typeof schema === "string" ? schema : "";
  const newer = /^flandoc\.snapshot\/v(\d+)$/.exec(name);
  if (newer !== null) {
    throw new TypeError(
      `expected schema ${SCHEMA}, got ${name}: it was made by ` +
        `flandoc ${version ?? "?"}, which is newer than this one`,
    );
  }
  if (name.startsWith("flandoc.report/")) {
    throw new TypeError(
      "it is a report of flandoc check; a snapshot is made by flandoc snapshot",
    );
  }
  throw new TypeError(
    name === ""
      ? "it is not a flandoc snapshot: it has no schema"
      : `it is not a flandoc snapshot: its schema is "${name}"`,
  );
}

/**
 * Reads a document. Facts this version does not know are dropped, facts the
 * document does not have are unknown.
 *
 * @throws {SyntaxError} when the text is not JSON, empty or cut off
 * @throws {TypeError} when it is another document, or a fact has another shape
 */
export function parseSnapshot(text: string): Snapshot {
  const document = parseJson(text);
  if (
    typeof document !== "object" || document === null || Array.isArray(document)
  ) {
    throw new TypeError("it is not a flandoc snapshot: it is no JSON object");
  }
  const { schema: _, version, facts } = document as Record<string, unknown>;
  checkSchema(document as Record<string, unknown>);
  if (typeof facts !== "object" || facts === null) {
    throw new ShapeError("facts", "an object", facts);
  }
  const made = typeof version === "string" ? version : "?";
  const read = Object.fromEntries(RAW_FACT_NAMES.map((name) => {
    const fact = (facts as Record<string, unknown>)[name];
    if (fact === undefined) {
      return [name, unknown(`not in this snapshot of flandoc ${made}`)];
    }
    const shape: Shape<Fact<unknown>> = factOf(
      RAW_FACT_SHAPES[name] as Shape<unknown>,
    );
    shape(fact, `facts.${name}`);
    return [name, fact];
  })) as unknown as RawFacts;
  return { schema: SCHEMA, version: made, facts: read };
}

/**
 * Loads a snapshot file.
 *
 * @throws {SnapshotError} when it cannot be read or is no snapshot
 */
export async function loadSnapshot(path: string): Promise<Snapshot> {
  try {
    return parseSnapshot(await Deno.readTextFile(path));
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "no such file"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new SnapshotError(`Cannot load snapshot "${path}": ${reason}`, {
      cause: error,
    });
  }
}
