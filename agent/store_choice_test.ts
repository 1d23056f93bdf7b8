import assert from "node:assert/strict";
import { quietLog } from "../tests/support/quiet_log.ts";
import { createStore } from "../stores/create_store.ts";
import { chooseStore } from "./store_choice.ts";

const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}';

/** Answer of one API of an etcd that is not real. */
type Answer = "config" | "none" | "absent" | "broken";

function answerV2(answer: Answer): Response {
  const headers = { "X-Etcd-Index": "7" };
  switch (answer) {
    case "config":
      return Response.json({
        action: "get",
        node: { key: "/coreos.com/network/config", value: CONFIG },
      }, { headers });
    case "none":
      return Response.json(
        { errorCode: 100, message: "Key not found", cause: "/", index: 7 },
        { status: 404, headers },
      );
    case "absent":
      return new Response("404 page not found\n", { status: 404 });
    case "broken":
      return new Response("etcd is starting\n", { status: 503 });
  }
}

function answerV3(answer: Answer): Response {
  const header = { revision: "7", cluster_id: "1", member_id: "1" };
  switch (answer) {
    case "config":
      return Response.json({
        header,
        kvs: [{
          key: btoa("/coreos.com/network/config"),
          value: btoa(CONFIG),
          mod_revision: "5",
        }],
        count: "1",
      });
    case "none":
      return Response.json({ header });
    case "absent":
      return new Response("404 page not found\n", { status: 404 });
    case "broken":
      return new Response("etcd is starting\n", { status: 503 });
  }
}

Deno.test("chooseStore() takes v2 only once v3 has answered", async (t) => {
  const table: [string, Answer, Answer, Answer, string, boolean][] = [
    ["only v3 has a config", "config", "config", "none", "etcd-v3", false],
    ["only v2 has a config", "none", "none", "config", "etcd-v2", false],
    ["etcd is too old for v3", "absent", "absent", "config", "etcd-v2", false],
    ["etcd is too new for v2", "config", "config", "absent", "etcd-v3", false],
    ["v3 comes late, v2 is old", "broken", "config", "config", "etcd-v3", true],
  ];
  for (const [name, first, later, v2, wanted, waits] of table) {
    await t.step(name, async () => {
      let v3 = first;
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) =>
          new URL(request.url).pathname.startsWith("/v2/")
            ? answerV2(v2)
            : answerV3(v3),
      );
      const log = quietLog();
      const said = () => log.lines.some((l) => l.includes("--etcd-api=v2"));
      const turn = setInterval(() => v3 = said() ? later : first, 5);
      const etcd = {
        endpoints: [`http://127.0.0.1:${server.addr.port}`],
        prefix: "/coreos.com/network",
      };
      const { store, first: { config } } = await chooseStore(
        (kind) => createStore(kind, etcd),
        log,
        new AbortController().signal,
      );
      clearInterval(turn);
      assert.equal(store.kind, wanted);
      assert.equal(config, CONFIG);
      assert.equal(said(), waits);
      store.close();
      await server.shutdown();
    });
  }
});
