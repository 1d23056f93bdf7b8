import assert from "node:assert/strict";
import { MemoryStore } from "../tests/support/memory_store.ts";
import { MeasuredStore } from "./measured_store.ts";
import { agentMetrics } from "./metrics.ts";

Deno.test("MeasuredStore counts answers and errors, and passes them on", async () => {
  const memory = new MemoryStore();
  const metrics = agentMetrics();
  const store = new MeasuredStore(memory, metrics);
  memory.config = "{}";
  assert.equal(await store.readConfig(), "{}");
  assert.equal(await store.create("10.5.1.0-24", "a", 60), "created");
  assert.equal(await store.create("10.5.1.0-24", "b", 60), "exists");
  assert.equal(await store.put("10.5.1.0-24", "b", 60, "a"), true);
  assert.equal((await store.readLease("10.5.1.0-24"))?.value, "b");
  assert.equal((await store.readLeases()).leases.length, 1);
  assert.equal(await store.delete("10.5.1.0-24", "c"), false);
  memory.down = true;
  await assert.rejects(() => store.readConfig(), /away/);
  const counts = metrics.text().split("\n")
    .filter((line) => line.startsWith("flandoc_store_requests_total"));
  assert.deepEqual(counts.map((line) => line.replace(/^[^{]*/, "")).sort(), [
    '{operation="create",result="ok"} 2',
    '{operation="delete",result="ok"} 1',
    '{operation="list",result="ok"} 1',
    '{operation="put",result="ok"} 1',
    '{operation="read",result="ok"} 1',
    '{operation="read-config",result="error"} 1',
    '{operation="read-config",result="ok"} 1',
  ]);
});
