import assert from "node:assert/strict";
import { healthResponse, serveHealth } from "./health_server.ts";
import { agentMetrics } from "./metrics.ts";

function state(problems: readonly string[]) {
  return { problems: () => problems, metrics: agentMetrics(), refresh() {} };
}

async function ask(
  path: string,
  problems: readonly string[] = [],
  method = "GET",
) {
  const request = new Request(`http://h${path}`, { method });
  const response = healthResponse(request, state(problems));
  return `${response.status} ${await response.text()}`;
}

Deno.test("healthResponse() answers as flanneld, with reasons", async (t) => {
  const many = Array.from({ length: 25 }, (_, i) => `problem ${i}`);
  const table: [string, string, string[], string][] = [
    ["GET", "/healthz", ["x"], "200 flandoc is running\n"],
    ["GET", "/readyz", [], "200 flandoc is ready\n"],
    ["GET", "/readyz", ["a", "b"], "503 flandoc is not ready yet\na\nb\n"],
    [
      "GET",
      "/readyz",
      many,
      `503 flandoc is not ready yet\n${
        many.slice(0, 20).join("\n")
      }\nand 5 more\n`,
    ],
    ["GET", "/", [], "404 not found\n"],
    ["POST", "/healthz", [], "405 method not allowed\n"],
  ];
  for (const [method, path, problems, wanted] of table) {
    await t.step(`${method} ${path} ${problems.length}`, async () => {
      assert.equal(await ask(path, problems, method), wanted);
    });
  }
  assert.match(await ask("/metrics"), /^200 # HELP flandoc_leases /);
});

Deno.test("serveHealth() serves until it is closed", async () => {
  const server = serveHealth("127.0.0.1", 0, state([]));
  const response = await fetch(`http://127.0.0.1:${server.port}/healthz`);
  assert.equal(await response.text(), "flandoc is running\n");
  await server.close();
});

Deno.test("serveHealth() is not held up by clients at its end", async () => {
  const server = serveHealth("127.0.0.1", 0, state([]));
  const { port } = server;
  using slow = await Deno.connect({ hostname: "127.0.0.1", port });
  await slow.write(new TextEncoder().encode("GET /metrics HTTP/1.1\r\nHost:"));
  using idle = await Deno.connect({ hostname: "127.0.0.1", port });
  await idle.write(
    new TextEncoder().encode("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
  );
  assert.ok(await idle.read(new Uint8Array(1024)));
  const started = performance.now();
  await server.close();
  assert.ok(performance.now() - started < 2_000);
});
