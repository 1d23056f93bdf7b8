import assert from "node:assert/strict";
import { endServer } from "./end_server.ts";

/** A server that shuts down when told, and how it was treated. */
function fakeServer() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const told: string[] = [];
  const server: Pick<Deno.HttpServer, "shutdown" | "unref"> = {
    unref: () => void told.push("unref"),
    shutdown: () => {
      told.push("shutdown");
      return promise;
    },
  };
  return { server: server as Deno.HttpServer, resolve, told };
}

Deno.test("endServer() waits for the requests under way", async () => {
  const { server, resolve, told } = fakeServer();
  let isEnded = false;
  const ended = endServer(server, 60_000).then(() => isEnded = true);
  await new Promise((done) => setTimeout(done, 20));
  assert.ok(!isEnded);
  resolve();
  await ended;
  assert.deepEqual(told, ["unref", "shutdown"]);
});

Deno.test("endServer() leaves a server that does not end", async () => {
  await endServer(fakeServer().server, 10);
});
