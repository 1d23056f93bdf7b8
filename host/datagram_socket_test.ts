import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { PlainSocket } from "../tests/support/plain_socket.ts";
import { openDatagramSocket, socketAddress } from "./datagram_socket.ts";
import { libc } from "./libc.ts";

Deno.test("socketAddress() is in network order behind the family", () => {
  assert.deepEqual(
    [...socketAddress("192.168.1.10", 8285)],
    [2, 0, 0x20, 0x5d, 192, 168, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0],
  );
});

Deno.test("socketAddress() refuses what is not IPv4", () => {
  assert.throws(() => socketAddress("fd00::1", 1), {
    name: "SyntaxError",
    message: 'Cannot parse address: expected IPv4, got "fd00::1"',
  });
});

Deno.test({
  name: "openDatagramSocket() listens in a namespace, with room and offloads",
  ...needs({ netns: true, programs: ["ss"] }),
  fn() {
    using netns = new TestNetns("link set lo up");
    const options = {
      address: "127.0.0.1",
      port: 8285,
      buffer: 3_000_000,
      netns: netns.name,
    };
    const socket = openDatagramSocket(options);
    try {
      assert.equal(socket.segments, true);
      assert.equal(socket.coalesces, true);
      // The kernel doubles what is asked for.
      const listed = netns.exec("ss", "-Hlunm", "sport = :8285");
      assert.match(listed, /127\.0\.0\.1:8285/);
      assert.match(listed, /rb6000000,.*tb6000000/);
      const buffer = new Uint8Array(10);
      assert.ok(libc().recv(socket.fd, buffer, 10n, 0) < 0, "does not block");
      assert.throws(() => openDatagramSocket(options), {
        name: "SystemError",
        code: "EADDRINUSE",
        operation: "listen on 127.0.0.1:8285",
      });
      using _other = new PlainSocket(netns.name, "127.0.0.2", 8285);
    } finally {
      libc().close(socket.fd);
    }
  },
});
