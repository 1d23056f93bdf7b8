import assert from "node:assert/strict";
import { agentMetrics, Metrics } from "./metrics.ts";

Deno.test("Metrics.text() is Prometheus' format", () => {
  const metrics = new Metrics();
  metrics.define("a_total", "counter", "Things");
  metrics.define("b", "gauge", "Level");
  metrics.add("a_total", 1, { kind: "route", why: 'a "b"\\\n' });
  metrics.add("a_total", 2, { kind: "route", why: 'a "b"\\\n' });
  metrics.set("b", 7);
  metrics.set("b", 3);
  assert.equal(
    metrics.text(),
    `# HELP a_total Things
# TYPE a_total counter
a_total{kind="route",why="a \\"b\\"\\\\\\n"} 3
# HELP b Level
# TYPE b gauge
b 3
`,
  );
  assert.equal(metrics.value("b"), 3);
  assert.throws(() => metrics.add("c"), TypeError);
});

Deno.test("agentMetrics() defines each metric once, with help", () => {
  const help = agentMetrics().text().split("\n")
    .filter((line) => line.startsWith("# HELP"));
  assert.ok(help.length > 10);
  assert.equal(
    new Set(help.map((line) => line.split(" ")[2])).size,
    help.length,
  );
});
