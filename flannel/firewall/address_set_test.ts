import assert from "node:assert/strict";
import {
  complement,
  emptySet,
  equalSets,
  fullSet,
  includes,
  intersect,
  isEmpty,
  setOfCidrs,
  setOfRanges,
  size,
  subtract,
  toCidrs,
  union,
} from "./address_set.ts";

function v4(...cidrs: string[]) {
  return setOfCidrs(4, cidrs);
}

Deno.test("setOfCidrs() joins neighbours and drops the other family", () => {
  const set = v4("10.0.1.0/24", "10.0.0.0/24", "fd00::/8", "10.0.0.7/32");
  assert.deepEqual(toCidrs(set), ["10.0.0.0/23"]);
  assert.throws(() => v4("10.0.0.0"), SyntaxError);
});

Deno.test("subtract() leaves what surrounds a block", async (t) => {
  const cases: [string, string[], string[], string[]][] = [
    ["nothing in common", ["10.0.0.0/24"], ["10.1.0.0/24"], ["10.0.0.0/24"]],
    ["the whole", ["10.0.0.0/24"], ["10.0.0.0/8"], []],
    ["a hole", ["10.0.0.0/30"], ["10.0.0.1/32"], [
      "10.0.0.0/32",
      "10.0.0.2/31",
    ]],
    ["two holes", ["10.0.0.0/29"], ["10.0.0.0/32", "10.0.0.7/32"], [
      "10.0.0.1/32",
      "10.0.0.2/31",
      "10.0.0.4/31",
      "10.0.0.6/32",
    ]],
    ["one hole over two ranges", ["10.0.0.0/31", "10.0.0.4/31"], [
      "10.0.0.1/32",
      "10.0.0.2/31",
      "10.0.0.4/32",
    ], ["10.0.0.0/32", "10.0.0.5/32"]],
  ];
  for (const [name, a, b, wanted] of cases) {
    await t.step(name, () => {
      assert.deepEqual(toCidrs(subtract(v4(...a), v4(...b))), wanted);
    });
  }
});

Deno.test("intersect(), union() and subtract() agree with a bitmap", () => {
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % n;
  };
  const bitmap = (set: ReturnType<typeof v4>) =>
    Array.from(
      { length: 64 },
      (_, i) => set.ranges.some(([a, b]) => a <= BigInt(i) && BigInt(i) <= b),
    );
  const any = () =>
    setOfRanges(
      4,
      Array.from({ length: random(6) }, () => {
        const first = random(60);
        return [BigInt(first), BigInt(first + random(64 - first))] as const;
      }),
    );
  for (let round = 0; round < 500; round++) {
    const [a, b] = [any(), any()];
    const [ma, mb] = [bitmap(a), bitmap(b)];
    assert.deepEqual(bitmap(intersect(a, b)), ma.map((x, i) => x && mb[i]!));
    assert.deepEqual(bitmap(union(a, b)), ma.map((x, i) => x || mb[i]!));
    assert.deepEqual(bitmap(subtract(a, b)), ma.map((x, i) => x && !mb[i]!));
    assert.equal(Number(size(a)), ma.filter((x) => x).length);
    assert.equal(includes(a, b), mb.every((x, i) => !x || ma[i]!));
    assert.ok(equalSets(setOfCidrs(4, toCidrs(a)), a));
  }
});

Deno.test("complement() of everything is nothing, in both families", () => {
  for (const family of [4, 6] as const) {
    assert.ok(isEmpty(complement(fullSet(family))));
    assert.ok(equalSets(complement(emptySet(family)), fullSet(family)));
  }
  assert.deepEqual(toCidrs(fullSet(6)), ["::/0"]);
});
