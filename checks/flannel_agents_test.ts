import assert from "node:assert/strict";
import { withProcesses } from "../tests/fixtures/changes.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import type { Facts } from "../snapshot/facts.ts";
import { agentProcesses, allAgents, separateAgents } from "./flannel_agents.ts";

/** The facts with flandoc's agent in flanneld's place. */
function flandoc(base: Facts = healthyFacts()): Facts {
  return withProcesses(
    (processes) =>
      processes.map((process) =>
        process.name === "flanneld"
          ? { ...process, name: "flandoc", version: null }
          : process
      ),
    base,
  );
}

Deno.test("agentProcesses() and allAgents() leave dockerd out", () => {
  for (const facts of [healthyFacts(), flandoc()]) {
    const processes = given(facts, "processes");
    assert.equal(processes.length, 2);
    assert.equal(agentProcesses(processes).length, 1);
    assert.equal(allAgents(processes).length, 1);
  }
});

Deno.test("separateAgents() counts k3s with flannel inside, not who starts flanneld", async (t) => {
  const [example] = given(healthyFacts(), "processes");
  const cases = [
    ["k3s", ["k3s", "server"], 2],
    ["k3s", ["k3s", "server", "--flannel-backend=none"], 1],
    ["rke2", ["rke2", "server"], 1],
    ["dockerd", ["dockerd"], 1],
  ] as const;
  for (const [name, argv, count] of cases) {
    await t.step(argv.join(" "), () => {
      const processes = [
        { ...example!, name: "flanneld" },
        { ...example!, name, argv },
      ];
      assert.equal(separateAgents(processes).length, count);
    });
  }
});
