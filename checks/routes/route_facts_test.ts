import { notStrictEqual, strictEqual } from "node:assert/strict";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { given } from "../../tests/support/judged.ts";
import { routeDiff, type RouteFacts } from "./route_facts.ts";

function routeFacts(): RouteFacts {
  const facts = healthyFacts();
  return {
    expected: given(facts, "expected"),
    routes: given(facts, "routes"),
    rules: given(facts, "rules"),
    config: given(facts, "config"),
    node: given(facts, "node"),
  };
}

Deno.test("routeDiff() is made once for the same facts, anew for others", () => {
  const facts = routeFacts();
  const diff = routeDiff(facts);
  strictEqual(diff.missing.length, 0);
  strictEqual(routeDiff({ ...facts }), diff);
  const bare = routeDiff({ ...facts, routes: [] });
  notStrictEqual(bare, diff);
  strictEqual(bare.missing.length, facts.expected.routes.length);
});
