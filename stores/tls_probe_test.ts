import assert from "node:assert/strict";
import { parseFlight, probeTls } from "./tls_probe.ts";

function record(type: number, body: readonly number[]): number[] {
  return [type, 3, 3, body.length >> 8, body.length & 255, ...body];
}

function message(type: number, body: readonly number[]): number[] {
  return [type, 0, body.length >> 8, body.length & 255, ...body];
}

/** A Certificate message with certificates of these bytes. */
function certificates(...list: readonly (readonly number[])[]): number[] {
  const entries = list.flatMap((one) => [0, 0, one.length, ...one]);
  return message(11, [0, 0, entries.length, ...entries]);
}

const HELLO = message(2, [3, 3, 9, 9]);
const REQUEST = message(13, [1, 1, 0, 0]);
const DONE = message(14, []);

function parse(bytes: readonly number[]) {
  const flight = parseFlight(Uint8Array.from(bytes));
  return {
    ...flight,
    certificates: flight.certificates.map((one) => [...one]),
  };
}

Deno.test("parseFlight() reads messages, a record each or all in one", () => {
  const messages = [HELLO, certificates([1, 2, 3], [4]), REQUEST, DONE];
  const wanted = {
    tls: true,
    certificates: [[1, 2, 3], [4]],
    asksClientCertificate: true,
    alert: null,
    complete: true,
  };
  assert.deepEqual(parse(messages.flatMap((one) => record(22, one))), wanted);
  assert.deepEqual(parse(record(22, messages.flat())), wanted);
  const all = messages.flat();
  assert.deepEqual(
    parse(all.flatMap((byte) => record(22, [byte]))),
    wanted,
    "a record for each byte",
  );
});

Deno.test("parseFlight() waits for the rest, and never throws", () => {
  const all = record(22, [HELLO, certificates([1, 2, 3]), DONE].flat());
  for (let length = 0; length < all.length; length++) {
    assert.equal(parse(all.slice(0, length)).complete, false, `${length}`);
  }
  const lying = record(22, message(11, [0, 0, 200, 0, 0, 99, 1]));
  assert.deepEqual(parse(lying).certificates, []);
});

Deno.test("parseFlight() knows what is no TLS, and alerts", () => {
  const bytes = (text: string) => [...new TextEncoder().encode(text)];
  for (
    const text of ["HTTP/1.0 400 Bad Request\r\n", "SSH-2.0-OpenSSH_9.2\r\n"]
  ) {
    const { tls, complete } = parse(bytes(text));
    assert.deepEqual({ tls, complete }, { tls: false, complete: true });
  }
  const { tls, alert, complete } = parse(record(21, [2, 70]));
  assert.deepEqual([tls, alert, complete], [true, 70, true]);
});

Deno.test("probeTls() bounds how much it reads", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const flood = (async () => {
    const connection = await listener.accept();
    const chunk = Uint8Array.from(record(22, Array<number>(16_000).fill(0)));
    let sent = 0;
    try {
      while (sent < 50e6) sent += await connection.write(chunk);
    } catch {
      // Hung up on, as it should be.
    }
    connection.close();
    return sent;
  })();
  const { certificates } = await probeTls("127.0.0.1", listener.addr.port);
  listener.close();
  assert.deepEqual(certificates, []);
  assert.ok(await flood < 50e6);
});

Deno.test("probeTls() throws what the connection throws", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(
    probeTls("127.0.0.1", port),
    Deno.errors.ConnectionRefused,
  );
});
