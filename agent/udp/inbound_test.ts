import assert from "node:assert/strict";
import { openDatagramSocket } from "../../host/datagram_socket.ts";
import { libc } from "../../host/libc.ts";
import { openTun } from "../../host/tun.ts";
import {
  pattern,
  tcpPacket,
  udpPacket,
} from "../../tests/support/ip_packets.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { PlainSocket } from "../../tests/support/plain_socket.ts";
import { COUNTER, newCounters } from "./counters.ts";
import { Inbound } from "./inbound.ts";

const TO = { source: "10.77.2.1", destination: "10.77.1.0" };

for (const merges of [true, false]) {
  Deno.test({
    name: `Inbound writes what is a packet and counts what is none, ${
      merges ? "merging" : "one by one"
    }`,
    ...needs({ netns: true }),
    async fn() {
      using netns = new TestNetns("link set lo up");
      const tun = openTun({ name: "t0", netns: netns.name });
      const socket = openDatagramSocket({
        address: "127.0.0.1",
        port: 8285,
        buffer: 1_000_000,
        netns: netns.name,
      });
      try {
        netns.ip(
          "address add 10.77.1.0/32 dev t0",
          "link set t0 up",
          "route add 10.77.0.0/16 dev t0",
        );
        using sender = new PlainSocket(netns.name, "127.0.0.2", 8285);
        using receiver = new PlainSocket(netns.name, "10.77.1.0", 5201);
        const datagrams = [
          udpPacket(pattern(5), TO),
          Uint8Array.of(...udpPacket(pattern(6), TO), 9, 9, 9),
          pattern(100),
          new Uint8Array(),
          udpPacket(pattern(7), { ...TO, ttl: 1 }),
          tcpPacket(pattern(500), { ...TO, sequence: 1 }),
          tcpPacket(pattern(500), { ...TO, sequence: 501 }),
          tcpPacket(pattern(9), { ...TO, sequence: 1001 }),
          udpPacket(pattern(8), TO),
        ];
        for (const datagram of datagrams) {
          sender.send(datagram, "127.0.0.1", 8285);
        }
        const counters = newCounters();
        const inbound = new Inbound({
          tun: tun.fd,
          socket: socket.fd,
          merges,
          counters,
        });
        inbound.pump();
        for (const size of [5, 6, 8]) {
          assert.deepEqual(await receiver.receive(), pattern(size));
        }
        assert.equal(receiver.take(), null);
        assert.equal(counters[COUNTER.receivedPackets], 6);
        assert.equal(counters[COUNTER.writeCalls], merges ? 4 : 6);
        assert.equal(counters[COUNTER.ttl], 1);
        assert.equal(counters[COUNTER.malformed], 1);
        assert.equal(counters[COUNTER.writeErrors], 0);
        assert.deepEqual(tcpFigures(netns), {
          segments: merges ? 1 : 3,
          errors: 0,
        });
      } finally {
        libc().close(socket.fd);
        libc().close(tun.fd);
      }
    },
  });
}

/** What the kernel counted of TCP that came in, and of what was wrong. */
function tcpFigures(netns: TestNetns) {
  const text = netns.exec("cat", "/proc/net/snmp");
  const [, names = "", values = ""] = /^Tcp: (.*)\nTcp: (.*)$/m.exec(text) ??
    [];
  const figure = (name: string) =>
    Number(values.split(" ")[names.split(" ").indexOf(name)]);
  return { segments: figure("InSegs"), errors: figure("InErrs") };
}
