import assert from "node:assert/strict";
import { valueOf } from "../snapshot/fact.ts";
import { healthUrl, readHealth } from "./health.ts";

Deno.test("healthUrl() asks an address that means all at loopback", async (t) => {
  const cases = [
    ["0.0.0.0", "http://127.0.0.1:2401/healthz"],
    ["", "http://127.0.0.1:2401/healthz"],
    ["::", "http://[::1]:2401/healthz"],
    ["fd00::1", "http://[fd00::1]:2401/healthz"],
    ["10.0.0.1", "http://10.0.0.1:2401/healthz"],
  ] as const;
  for (const [ip, url] of cases) {
    await t.step(`"${ip}"`, () => assert.equal(healthUrl(ip, 2401), url));
  }
});

Deno.test("readHealth() is null when the agent serves no port", async () => {
  assert.deepEqual(await readHealth("0.0.0.0", 0), { known: null });
});

Deno.test("readHealth() gives status and body", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) =>
      new URL(request.url).pathname === "/healthz"
        ? new Response("flanneld is running")
        : new Response(null, { status: 404 }),
  );
  const { port } = server.addr as Deno.NetAddr;
  assert.deepEqual(valueOf(await readHealth("127.0.0.1", port)), {
    url: `http://127.0.0.1:${port}/healthz`,
    status: 200,
    body: "flanneld is running",
    error: null,
  });
});

Deno.test("readHealth() knows that nothing listens", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const health = valueOf(await readHealth("127.0.0.1", port));
  assert.equal(health?.status, null);
  assert.equal(health?.error, "connection refused");
});

Deno.test("readHealth() gives up on an agent that hangs", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  const health = valueOf(await readHealth("127.0.0.1", port, 150));
  assert.equal(health?.status, null);
  assert.equal(health?.error, "no answer in time");
});
