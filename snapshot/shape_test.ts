import assert from "node:assert/strict";
import {
  boolean,
  byKind,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  type Shape,
  text,
} from "./shape.ts";

/** The message that a shape refuses a value with, or "" when it takes it. */
function refusal(shape: Shape<never>, value: unknown): string {
  try {
    shape(value, "facts.x");
    return "";
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return error.message;
  }
}

interface Point {
  readonly name: string;
  readonly z?: number;
}

type Figure =
  | { readonly kind: "dot"; readonly at: number }
  | { readonly kind: "none" };

const point = object<Point>({ name: text, z: optional(number) });
const figure = byKind<Figure>({
  dot: object<{ kind: "dot"; at: number }>({ kind: oneOf("dot"), at: number }),
  none: object<{ kind: "none" }>({ kind: oneOf("none") }),
});

Deno.test("shapes take what fits and say where something does not", async (t) => {
  const cases: readonly (readonly [
    name: string,
    shape: unknown,
    value: unknown,
    refusal: string,
  ])[] = [
    ["text", text, "a", ""],
    ["text", text, 1, "expected facts.x to be a text, got 1"],
    ["number", number, "1", 'expected facts.x to be a number, got "1"'],
    [
      "boolean",
      boolean,
      null,
      "expected facts.x to be true or false, got null",
    ],
    ["oneOf", oneOf(4, 6), 6, ""],
    ["oneOf", oneOf(4, 6), 5, "expected facts.x to be one of 4, 6, got 5"],
    ["nullable", nullable(text), null, ""],
    ["nullable", nullable(text), 1, "expected facts.x to be a text, got 1"],
    ["list", list(text), ["a"], ""],
    ["list", list(text), ["a", 1], "expected facts.x[1] to be a text, got 1"],
    ["list", list(text), {}, "expected facts.x to be a list, got {}"],
    ["record", record(text), { a: "b" }, ""],
    [
      "record",
      record(text),
      { a: 1 },
      "expected facts.x.a to be a text, got 1",
    ],
    ["record", record(text), [], "expected facts.x to be an object, got []"],
    ["object", point, { name: "a", more: 1 }, ""],
    ["object", point, { name: "a", z: 1 }, ""],
    [
      "object",
      point,
      { name: "a", z: "1" },
      'expected facts.x.z to be a number, got "1"',
    ],
    ["object", point, {}, "expected facts.x.name to be a text, got nothing"],
    ["object", point, null, "expected facts.x to be an object, got null"],
    ["byKind", figure, { kind: "none" }, ""],
    [
      "byKind",
      figure,
      { kind: "dot" },
      "expected facts.x.at to be a number, got nothing",
    ],
    [
      "byKind",
      figure,
      { kind: "line" },
      'expected facts.x.kind to be one of dot, none, got "line"',
    ],
  ];
  for (const [name, shape, value, wanted] of cases) {
    await t.step(`${name} ${JSON.stringify(value)}`, () => {
      assert.equal(refusal(shape as Shape<never>, value), wanted);
    });
  }
});

Deno.test("a refusal cuts a long value short", () => {
  assert.match(refusal(number as Shape<never>, "x".repeat(500)), /^.{0,110}…$/);
});
