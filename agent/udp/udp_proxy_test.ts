import assert from "node:assert/strict";
import { eventually } from "../../tests/support/agents.ts";
import { pattern } from "../../tests/support/ip_packets.ts";
import { needs } from "../../tests/support/needs.ts";
import type { TestNetns } from "../../tests/support/netns.ts";
import { PlainProxy } from "../../tests/support/plain_proxy.ts";
import { PlainSocket } from "../../tests/support/plain_socket.ts";
import { tcpTransfer } from "../../tests/support/tcp_transfer.ts";
import { peerOf, TunnelPair } from "../../tests/support/tunnel_pair.ts";
import { startUdpProxy, type UdpProxyEvent } from "./udp_proxy.ts";

const NEEDS = needs({ netns: true, programs: ["busybox", "ss"] });

const SOL_IP = 0;
const IP_RECVERR = 11;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/**
 * Sends one echo request; the answer's time to live, or null without one.
 *
 * @param seconds to wait for the answer: many where one is sure to come
 */
function ping(
  from: TestNetns,
  to: string,
  seconds: number,
  ...more: string[]
): number | null {
  const { stdout } = new Deno.Command("ip", {
    args: [
      ...["netns", "exec", from.name, "busybox", "ping", "-c1", `-W${seconds}`],
      ...more,
      to,
    ],
  }).outputSync();
  const found = /ttl=(\d+)/.exec(new TextDecoder().decode(stdout));
  return found === null ? null : Number(found[1]);
}

/** Seconds within which an answer comes on any machine. */
const SURE = 30;

async function until(condition: () => boolean): Promise<void> {
  await eventually(condition, (holds) => holds);
}

Deno.test({
  name: "startUdpProxy() makes the device flannel makes, close() takes it away",
  ...NEEDS,
  async fn() {
    await using pair = new TunnelPair();
    const { netns } = pair.one;
    const proxy = await pair.start(pair.one);
    assert.equal(proxy.device, "flannel0");
    const [link] = netns.ipJson<Record<string, unknown>>(
      "link show dev flannel0",
    );
    assert.equal(link?.mtu, 1472);
    assert.ok((link?.flags as string[]).includes("UP"));
    assert.deepEqual(link?.linkinfo, {
      info_kind: "tun",
      info_data: {
        type: "tun",
        pi: false,
        vnet_hdr: true,
        multi_queue: false,
        persist: false,
      },
    });
    assert.match(
      netns.exec("ip", "-o", "-4", "address", "show", "dev", "flannel0"),
      /inet 10\.77\.1\.0\/32 scope global flannel0/,
    );
    assert.equal(
      netns.exec("ip", "route", "show", "10.77.0.0/16").trim(),
      "10.77.0.0/16 dev flannel0 proto 107",
    );
    assert.match(
      netns.exec("ss", "-Hlun", "sport = :8285"),
      /192\.168\.77\.1:8285/,
    );
    await proxy.close();
    await proxy.done;
    assert.equal(netns.exec("ip", "route", "show", "10.77.0.0/16"), "");
    assert.equal(netns.exec("ss", "-Hlun", "sport = :8285"), "");
    assert.ok(!netns.exec("ip", "-o", "link").includes("flannel0"));
  },
});

Deno.test({
  name: "startUdpProxy() carries packets between hosts and between containers",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one, two } = pair;
    const [here] = await pair.connect();
    await t.step("time to live is less by one on both sides", () => {
      assert.equal(ping(one.netns, two.inside, SURE, "-I", one.inside), 62);
      assert.equal(ping(two.netns, one.inside, SURE, "-I", two.inside), 62);
    });
    await t.step("a container's by one more at each host", () => {
      assert.equal(ping(one.container, two.containerAddress, SURE), 60);
      assert.equal(ping(two.container, one.containerAddress, SURE), 60);
    });
    await t.step("packets of exactly the MTU", () => {
      assert.equal(
        ping(one.container, two.containerAddress, SURE, "-s", "1444"),
        60,
      );
    });
    await t.step("fragments", () => {
      for (const size of ["1445", "4000", "20001"]) {
        assert.equal(
          ping(one.container, two.inside, SURE, "-s", size),
          61,
          size,
        );
      }
    });
    await t.step("a time to live that is used up is dropped silently", () => {
      const before = here.counters().dropped.ttl;
      assert.equal(ping(one.netns, two.inside, 1, "-t", "1"), null);
      assert.equal(here.counters().dropped.ttl, before + 1);
      assert.equal(ping(one.netns, two.inside, 1, "-t", "2"), null);
      assert.equal(here.counters().dropped.ttl, before + 1);
      assert.equal(ping(one.netns, two.inside, SURE, "-t", "3"), 62);
    });
  },
});

Deno.test({
  name: "startUdpProxy() carries TCP whole, in few system calls",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one, two } = pair;
    const [here, there] = await pair.connect();
    const bytes = new Uint8Array(8 * 1024 * 1024 + 1);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    const directions = [
      ["from host to host", one.netns, two.netns, two.inside],
      [
        "from container to container",
        one.container,
        two.container,
        two.containerAddress,
      ],
      [
        "and back",
        two.container,
        one.container,
        one.containerAddress,
      ],
    ] as const;
    for (const [name, from, to, address] of directions) {
      await t.step(name, async () => {
        const before = [here.counters(), there.counters()];
        const received = await tcpTransfer(from, to, address, bytes);
        assert.equal(received.length, bytes.length);
        assert.deepEqual(await digest(received), await digest(bytes));
        const [a, b] = name === "and back" ? [1, 0] as const : [0, 1] as const;
        const after = [here.counters(), there.counters()];
        const packets = after[a]!.sent.packets - before[a]!.sent.packets;
        const sends = after[a]!.sent.calls - before[a]!.sent.calls;
        const writes = after[b]!.received.calls - before[b]!.received.calls;
        assert.ok(packets > 5800, `${packets} packets`);
        // One by one it would be as many. How large the batches get depends on
        // the sender's window and on who gets the processor: 3.9 were seen.
        assert.ok(sends < packets / 2, `${packets} packets in ${sends} sends`);
        assert.ok(
          writes < packets / 2,
          `${packets} packets in ${writes} writes`,
        );
        assert.deepEqual(after[a]!.dropped.send, 0);
        assert.deepEqual(after[b]!.dropped.write, 0);
      });
    }
  },
});

Deno.test({
  name:
    "startUdpProxy() carries TCP whole with an MTU that is odd, and a smaller one on the way",
  ...NEEDS,
  async fn(t) {
    const bytes = pattern(3_000_001);
    await t.step("odd MTU", async () => {
      await using pair = new TunnelPair();
      const { one, two } = pair;
      await pair.connect({ mtu: 1399 });
      const received = await tcpTransfer(
        one.netns,
        two.container,
        two.containerAddress,
        bytes,
      );
      assert.deepEqual(await digest(received), await digest(bytes));
    });
    await t.step("an interface of less than the tunnel needs", async () => {
      await using pair = new TunnelPair();
      const { one, two } = pair;
      const [here] = await pair.connect();
      for (const host of [one, two]) host.netns.ip("link set eth0 mtu 1300");
      const received = await tcpTransfer(
        one.container,
        two.container,
        two.containerAddress,
        bytes,
      );
      assert.deepEqual(await digest(received), await digest(bytes));
      assert.equal(here.counters().dropped.send, 0);
    });
  },
});

Deno.test({
  name: "startUdpProxy() works with a peer that knows plain datagrams only",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one, two } = pair;
    const here = await pair.start(one);
    here.setPeers([peerOf(two)]);
    await using peer = new PlainProxy(two, one);
    const bytes = pattern(2_000_001);
    await t.step("TCP to it", async () => {
      const received = await tcpTransfer(
        one.container,
        two.container,
        two.containerAddress,
        bytes,
      );
      assert.deepEqual(await digest(received), await digest(bytes));
    });
    await t.step("TCP from it", async () => {
      const received = await tcpTransfer(
        two.container,
        one.container,
        one.containerAddress,
        bytes,
      );
      assert.deepEqual(await digest(received), await digest(bytes));
    });
    await t.step("datagrams and fragments to it", async () => {
      using sender = new PlainSocket(one.netns.name, one.inside, 0);
      using receiver = new PlainSocket(two.netns.name, two.inside, 9000);
      for (const size of [0, 1, 1444, 5001]) {
        sender.send(pattern(size), two.inside, 9000);
        assert.deepEqual(await receiver.receive(), pattern(size));
      }
      sender.set(SOL_UDP, UDP_SEGMENT, 501);
      sender.send(pattern(5500), two.inside, 9000);
      for (let at = 0; at < 5500; at += 501) {
        const datagram = await receiver.receive();
        assert.deepEqual(datagram, pattern(5500).slice(at, at + 501));
      }
    });
    await t.step("each datagram was one right packet", () => {
      assert.deepEqual([...peer.faults], []);
      assert.ok(peer.received > 1400, `${peer.received} datagrams`);
    });
  },
});

Deno.test({
  name: "startUdpProxy() carries datagrams of every size, in order",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one, two } = pair;
    await pair.connect();
    using sender = new PlainSocket(one.container.name, "0.0.0.0", 0);
    using receiver = new PlainSocket(two.container.name, "0.0.0.0", 9000);
    const send = (bytes: Uint8Array<ArrayBuffer>) =>
      sender.send(bytes, two.containerAddress, 9000);
    for (const size of [0, 1, 2, 3, 499, 1444, 1445, 9001]) {
      await t.step(`${size} octets`, async () => {
        send(pattern(size));
        assert.deepEqual(await receiver.receive(), pattern(size));
      });
    }
    await t.step("400 in a row", async () => {
      for (let i = 0; i < 400; i++) send(pattern(700 + i % 3, i));
      for (let i = 0; i < 400; i++) {
        assert.deepEqual(await receiver.receive(), pattern(700 + i % 3, i));
      }
    });
    await t.step("that the container's kernel is to cut", async () => {
      sender.set(SOL_UDP, UDP_SEGMENT, 501);
      send(pattern(5500));
      for (let at = 0; at < 5500; at += 501) {
        assert.deepEqual(
          await receiver.receive(),
          pattern(5500).slice(at, at + 501),
        );
      }
    });
  },
});

Deno.test({
  name: "setPeers() takes effect while packets move",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one, two } = pair;
    const [here] = await pair.connect();
    const reached = (seconds = SURE) =>
      ping(one.netns, two.inside, seconds) !== null;
    await t.step("a peer that is gone is unreachable", async () => {
      here.setPeers([]);
      using socket = new PlainSocket(one.container.name, "0.0.0.0", 0);
      socket.set(SOL_IP, IP_RECVERR, 1);
      const before = here.counters();
      await assert.rejects(async () => {
        for (let attempt = 0; attempt < 100; attempt++) {
          socket.send(pattern(100), two.inside, 9);
          await socket.receive(20);
        }
      }, { code: "ENETUNREACH" });
      assert.ok(here.counters().unreachables > before.unreachables);
      assert.ok(here.counters().dropped.noPeer > before.dropped.noPeer);
    });
    await t.step("an echo request gets no answer at all", () => {
      const { unreachables } = here.counters();
      assert.equal(ping(one.netns, two.inside, 1), null);
      assert.equal(here.counters().unreachables, unreachables);
    });
    await t.step("a peer that moved is followed", () => {
      here.setPeers([{ subnet: two.subnet, publicIP: "192.168.77.9" }]);
      assert.ok(!reached(1));
      two.netns.ip("address add 192.168.77.9/24 dev eth0");
      here.setPeers([{ subnet: "10.77.0.0/16", publicIP: "192.168.77.8" }, {
        subnet: two.subnet,
        publicIP: two.address,
      }]);
      assert.ok(reached());
    });
    await t.step("invalid peers change nothing", () => {
      assert.throws(() => here.setPeers([{ subnet: "x", publicIP: "y" }]));
      assert.ok(reached());
    });
    await t.step("5,000 peers, one hundred times", () => {
      const many = Array.from({ length: 5000 }, (_, index) => ({
        subnet: `10.${80 + (index >> 8)}.${index & 255}.0/24`,
        publicIP: `172.16.${index >> 8}.${index & 255}`,
      }));
      for (let i = 0; i < 100; i++) here.setPeers([...many, peerOf(two)]);
      assert.ok(reached());
    });
  },
});

Deno.test({
  name:
    "startUdpProxy() makes a deleted device anew, and bears one that is down",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one, two } = pair;
    const events: UdpProxyEvent[] = [];
    const here = await pair.start(one, {
      onEvent: (event) => events.push(event),
    });
    const there = await pair.start(two);
    here.setPeers([peerOf(two)]);
    there.setPeers([peerOf(one)]);
    await t.step("down", () => {
      one.netns.ip("link set flannel0 down");
      // Its routes went with it, the other side still sends.
      assert.equal(ping(two.netns, one.inside, 1), null);
      assert.equal(here.counters().dropped.write, 1);
      one.netns.ip(
        "link set flannel0 up",
        "route add 10.77.0.0/16 dev flannel0",
      );
      assert.equal(ping(two.netns, one.inside, SURE), 62);
    });
    await t.step("deleted", async () => {
      one.netns.ip("link del flannel0");
      await until(() => events.length > 0);
      assert.deepEqual(events, [{
        type: "device-gone",
        message: "flannel0 was deleted: making it anew",
      }]);
      await until(() =>
        one.netns.exec("ip", "route", "show", "10.77.0.0/16") !== ""
      );
      await until(() => ping(one.netns, two.inside, 1) === 62);
    });
    await t.step("the host's interface is down for a moment", async () => {
      one.netns.ip("link set eth0 down");
      ping(one.netns, two.inside, 1);
      one.netns.ip("link set eth0 up");
      await until(() => ping(one.netns, two.inside, 1) === 62);
      assert.equal(events.length, 1);
    });
  },
});

Deno.test({
  name: "startUdpProxy() says what it cannot do, and leaves nothing behind",
  ...NEEDS,
  async fn(t) {
    await using pair = new TunnelPair();
    const { one } = pair;
    const clean = () => !one.netns.exec("ip", "-o", "link").includes("flannel");
    await t.step("the port is taken", async () => {
      using _socket = new PlainSocket(one.netns.name, one.address, 8285);
      await assert.rejects(pair.start(one), {
        code: "EADDRINUSE",
        message:
          "Cannot listen on 192.168.77.1:8285: EADDRINUSE (Address already in use)",
      });
      assert.ok(clean());
    });
    await t.step("the address is another host's", async () => {
      await assert.rejects(
        pair.start(one, { interfaceAddress: "192.168.77.2" }),
        { code: "EADDRNOTAVAIL" },
      );
    });
    await t.step("the MTU is none", async () => {
      await assert.rejects(pair.start(one, { mtu: 10 }), {
        message: /^Cannot set link of flannel0: EINVAL/,
      });
      assert.ok(clean());
      assert.equal(one.netns.exec("ss", "-Hlun", "sport = :8285"), "");
    });
    await t.step("the subnet is IPv6", async () => {
      await assert.rejects(
        startUdpProxy({
          network: "fd00::/48",
          subnet: "fd00::/64",
          interfaceAddress: one.address,
          mtu: 1472,
        }),
        { name: "SyntaxError" },
      );
    });
  },
});

Deno.test({
  name:
    "startUdpProxy() starts a worker that crashed again, and gives up in the end",
  ...NEEDS,
  async fn(t) {
    const worker = (name: string) =>
      new URL(`testdata/${name}.ts`, import.meta.url);
    await t.step("once", async () => {
      await using pair = new TunnelPair();
      const { one, two } = pair;
      const events: UdpProxyEvent[] = [];
      const here = await pair.start(one, {
        worker: worker("crashes_once"),
        onEvent: (event) => events.push(event),
      });
      const there = await pair.start(two);
      here.setPeers([peerOf(two)]);
      there.setPeers([peerOf(one)]);
      await until(() => events.length > 0);
      assert.deepEqual(events.map(({ type }) => type), ["failure"]);
      assert.match(
        events[0]?.message ?? "",
        /Packet path crashed: .*on purpose/,
      );
      await until(() => ping(one.netns, two.inside, 1) === 62);
    });
    await t.step("at the start", async () => {
      await using pair = new TunnelPair();
      await assert.rejects(
        pair.start(pair.one, { worker: worker("crashes_at_once") }),
        { message: /^Packet path crashed: .*at once/ },
      );
      assert.ok(!pair.one.netns.exec("ip", "-o", "link").includes("flannel"));
    });
    await t.step("again and again", async () => {
      await using pair = new TunnelPair();
      const events: UdpProxyEvent[] = [];
      const proxy = await pair.start(pair.one, {
        worker: worker("crashes_always"),
        onEvent: (event) => events.push(event),
      });
      await assert.rejects(proxy.done, { message: /Packet path crashed/ });
      assert.equal(events.length, 4);
      assert.ok(!pair.one.netns.exec("ip", "-o", "link").includes("flannel"));
      await proxy.close();
    });
  },
});

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
