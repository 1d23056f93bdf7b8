import assert from "node:assert/strict";
import { pattern, udpPacket } from "../tests/support/ip_packets.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { PlainSocket } from "../tests/support/plain_socket.ts";
import { socketAddress } from "./datagram_socket.ts";
import { libc } from "./libc.ts";
import { openRawSocket } from "./raw_socket.ts";

Deno.test({
  name: "openRawSocket() sends a packet with the header it has",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns("link set lo up");
    using receiver = new PlainSocket(netns.name, "127.0.0.1", 5201);
    const fd = openRawSocket(netns.name);
    assert.ok(fd !== null);
    try {
      const packet = udpPacket(pattern(9), {
        source: "127.0.0.5",
        destination: "127.0.0.1",
      });
      const to = socketAddress("127.0.0.1", 0);
      const size = BigInt(packet.length);
      libc().sendto(fd, packet, size, 0, to, to.length);
      assert.deepEqual(await receiver.receive(), pattern(9));
    } finally {
      libc().close(fd);
    }
  },
});
