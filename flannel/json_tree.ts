/**
 * JSON read as Go's encoding/json reads it: members in order, duplicates
 * kept, numbers as written, and every value with its place in the text.
 * `JSON.parse` keeps neither order of duplicates nor places.
 *
 * @module
 */

/** A member of an object. */
export interface JsonMember {
  readonly name: string;
  readonly value: JsonNode;
  /** Offset of the name's opening quote. */
  readonly offset: number;
}

/** A JSON value; `offset` is where it begins in the text. */
export type JsonNode =
  & { readonly offset: number }
  & (
    | { readonly kind: "object"; readonly members: readonly JsonMember[] }
    | { readonly kind: "array"; readonly items: readonly JsonNode[] }
    | { readonly kind: "string"; readonly value: string }
    | { readonly kind: "number"; readonly text: string }
    | { readonly kind: "boolean"; readonly value: boolean }
    | { readonly kind: "null" }
  );

/** A place in a text, both counted from 1, columns in UTF-16 units. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** Line and column of an offset. */
export function positionAt(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - before.lastIndexOf("\n") };
}

/** Raised for text that is not JSON; says where and, if it can, why. */
export class JsonSyntaxError extends SyntaxError {
  override readonly name = "JsonSyntaxError";
  constructor(readonly reason: string, readonly position: TextPosition) {
    super(
      `Cannot parse JSON: ${reason} at line ${position.line}, column ${position.column}`,
    );
  }
}

/** Deeper nesting is refused; Go refuses at 10,000, past a JS stack. */
const MAX_DEPTH = 1000;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORDS: Readonly<Record<string, true | false | null>> = {
  true: true,
  false: false,
  null: null,
};
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** What a person who wrote this character where it does not belong meant. */
function describe(text: string, offset: number): string {
  const c = text[offset];
  if (c === undefined) return "the text ends too early";
  if ("\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb".includes(c)) {
    return `typographic quote ${c}, write a straight " instead`;
  }
  if (c === "'") return `single quote, write " instead`;
  if (c === "\ufeff") return "byte order mark";
  if (c === "#" || text.startsWith("//", offset)) {
    return "comment, which JSON does not have";
  }
  return `unexpected ${JSON.stringify(c)}`;
}

/** Whether a UTF-16 unit stands for itself in a string; NaN at the end. */
function isPlain(c: number): boolean {
  return c >= 32 && c !== 34 && c !== 92;
}

class Reader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  fail(reason = describe(this.#text, this.#at), offset = this.#at): never {
    throw new JsonSyntaxError(reason, positionAt(this.#text, offset));
  }

  #space(): string {
    const text = this.#text;
    for (;;) {
      const c = text.charCodeAt(this.#at);
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) break;
      this.#at++;
    }
    return text[this.#at] ?? "";
  }

  document(): JsonNode {
    const node = this.#value(0);
    if (this.#space() !== "") {
      this.fail(`${describe(this.#text, this.#at)} after the end of the value`);
    }
    return node;
  }

  #value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.fail("nested too deeply");
    const c = this.#space();
    const offset = this.#at;
    if (c === "{") return this.#object(depth, offset);
    if (c === "[") return this.#array(depth, offset);
    if (c === '"') return { kind: "string", value: this.#string(), offset };
    NUMBER.lastIndex = offset;
    const number = NUMBER.exec(this.#text);
    if (number !== null) {
      this.#at += number[0].length;
      return { kind: "number", text: number[0], offset };
    }
    for (const [word, value] of Object.entries(WORDS)) {
      if (!this.#text.startsWith(word, offset)) continue;
      this.#at += word.length;
      return value === null
        ? { kind: "null", offset }
        : { kind: "boolean", value, offset };
    }
    return this.fail();
  }

  #object(depth: number, offset: number): JsonNode {
    const members: JsonMember[] = [];
    this.#at++;
    if (this.#space() === "}") {
      this.#at++;
      return { kind: "object", members, offset };
    }
    for (;;) {
      const c = this.#space();
      const nameOffset = this.#at;
      if (c === "}") this.fail("comma before }");
      if (c !== '"') {
        this.fail(/[A-Za-z_]/.test(c) ? "name without quotes" : undefined);
      }
      const name = this.#string();
      if (this.#space() !== ":") this.fail(`no colon after "${name}"`);
      this.#at++;
      const value = this.#value(depth + 1);
      members.push({ name, value, offset: nameOffset });
      if (!this.#more("}")) return { kind: "object", members, offset };
    }
  }

  #array(depth: number, offset: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at++;
    if (this.#space() === "]") {
      this.#at++;
      return { kind: "array", items, offset };
    }
    for (;;) {
      if (this.#space() === "]") this.fail("comma before ]");
      items.push(this.#value(depth + 1));
      if (!this.#more("]")) return { kind: "array", items, offset };
    }
  }

  /** Passes a comma and answers true, or passes `close` and answers false. */
  #more(close: string): boolean {
    const c = this.#space();
    if (c !== "," && c !== close) {
      this.fail(
        c === '"' || c === "{" || c === "["
          ? `no comma before ${JSON.stringify(c)}`
          : undefined,
      );
    }
    this.#at++;
    return c === ",";
  }

  #string(): string {
    const start = this.#at++;
    let value = "";
    for (;;) {
      const plain = this.#at;
      while (isPlain(this.#text.charCodeAt(this.#at))) this.#at++;
      value += this.#text.slice(plain, this.#at);
      const c = this.#text[this.#at];
      if (c === '"') {
        this.#at++;
        return value;
      }
      if (c === undefined) this.fail("string without an end", start);
      if (c !== "\\") this.fail("line break or control character in a string");
      value += this.#escape();
    }
  }

  #escape(): string {
    const c = this.#text[this.#at + 1] ?? "";
    const simple = ESCAPES[c];
    if (simple !== undefined) {
      this.#at += 2;
      return simple;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 6);
    if (c !== "u" || !/^[0-9a-fA-F]{4}$/.test(hex)) {
      this.fail(`unknown escape \\${c}`);
    }
    this.#at += 6;
    return String.fromCharCode(parseInt(hex, 16));
  }
}

/** Parses a JSON text; throws a {@linkcode JsonSyntaxError}. */
export function parseJsonTree(text: string): JsonNode {
  return new Reader(text).document();
}

/** The plain value of a node, as `JSON.parse` would give it. */
export function jsonValue(node: JsonNode): unknown {
  switch (node.kind) {
    case "object":
      return Object.fromEntries(
        node.members.map((m) => [m.name, jsonValue(m.value)]),
      );
    case "array":
      return node.items.map(jsonValue);
    case "number":
      return Number(node.text);
    case "null":
      return null;
    default:
      return node.value;
  }
}
