/**
 * Servers that are no etcd, for tests that give them as endpoints. Run as a
 * program with an address to listen on; says so with a line when it does.
 *
 * @module
 */

/** Ports by what answers there. */
export const ODD_PORTS = {
  html: 9001,
  json: 9002,
  likeEtcd: 9003,
  forbidden: 9004,
  silent: 9010,
  slow: 9011,
  endless: 9012,
  ssh: 9013,
  closing: 9014,
} as const;

const encoder = new TextEncoder();

function http(
  hostname: string,
  port: number,
  status: number,
  type: string,
  body: string,
): void {
  const headers = { "content-type": type };
  Deno.serve(
    { hostname, port, onListen() {} },
    () => new Response(body, { status, headers }),
  );
}

async function raw(
  hostname: string,
  port: number,
  talk: (connection: Deno.Conn) => Promise<void>,
): Promise<void> {
  for await (const connection of Deno.listen({ hostname, port })) {
    talk(connection).catch(() => {}).finally(() => {
      try {
        connection.close();
      } catch {
        // The other side was first.
      }
    });
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function say(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(encoder.encode(text));
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

if (import.meta.main) {
  const [host = "127.0.0.1"] = Deno.args;
  const { html, json, likeEtcd, forbidden } = ODD_PORTS;
  http(host, html, 200, "text/html", "<html><body>nginx</body></html>");
  http(host, json, 200, "application/json", '{"hello": [1, 2, 3]}');
  http(
    host,
    likeEtcd,
    200,
    "application/json",
    '{"etcdserver": 5, "node": 7, "kvs": "x", "health": []}',
  );
  http(host, forbidden, 403, "text/html", "<h1>Forbidden</h1>");
  raw(host, ODD_PORTS.silent, () => pause(600_000));
  raw(host, ODD_PORTS.slow, async (connection) => {
    await say(connection, `${HEAD}content-length: 1000000\r\n\r\n{`);
    for (;;) {
      await pause(200);
      await say(connection, " ");
    }
  });
  raw(host, ODD_PORTS.endless, async (connection) => {
    await say(connection, `${HEAD}\r\n"`);
    for (;;) await say(connection, "a".repeat(65536));
  });
  raw(host, ODD_PORTS.ssh, (c) => say(c, "SSH-2.0-OpenSSH_9.6\r\n"));
  raw(host, ODD_PORTS.closing, () => Promise.resolve());
  console.log("listening");
}
