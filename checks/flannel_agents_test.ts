import assert from "node:assert/strict";
import {
  withFlannel,
  withoutAgent,
  withProcesses,
  withSettings,
} from "../tests/fixtures/changes.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import type { Facts } from "../snapshot/facts.ts";
import { agentProcesses, allAgents, flannelVersion } from "./flannel_agents.ts";

function version(facts: Facts): string {
  return flannelVersion(given(facts, "processes"), given(facts, "settings"));
}

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

Deno.test("flannelVersion() is the running flanneld's, else the newest that reads the API", () => {
  assert.equal(version(healthyFacts()), "v0.11.0");
  assert.equal(version(withFlannel("v0.28.9")), "v0.28.9");
  assert.equal(version(withoutAgent()), "0.17.0");
  assert.equal(version(flandoc()), "0.28.9");
  assert.equal(
    version(withoutAgent(withSettings({ store: "etcd-v3" }))),
    "0.28.9",
  );
});

Deno.test("agentProcesses() and allAgents() leave dockerd out", () => {
  for (const facts of [healthyFacts(), flandoc()]) {
    const processes = given(facts, "processes");
    assert.equal(processes.length, 2);
    assert.equal(agentProcesses(processes).length, 1);
    assert.equal(allAgents(processes).length, 1);
  }
});
