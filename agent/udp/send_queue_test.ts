import assert from "node:assert/strict";
import { libc } from "../../host/libc.ts";
import { inNetns } from "../../host/netns.ts";
import { cpuTime } from "../../tests/support/cpu_time.ts";
import { pattern } from "../../tests/support/ip_packets.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { PlainSocket } from "../../tests/support/plain_socket.ts";
import { COUNTER, newCounters } from "./counters.ts";
import { SendQueue } from "./send_queue.ts";

const NEEDS = needs({ netns: true });
const PORT = 8285;
const SOL_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DO = 2;

const ADDRESSES = { "127.0.0.1": 0x7f000001, "127.0.0.2": 0x7f000002 } as const;
type Address = keyof typeof ADDRESSES;

/** A queue between sockets of one namespace. */
class Bench implements Disposable {
  readonly #stack = new DisposableStack();
  readonly counters = newCounters();
  readonly netns = this.#stack.use(new TestNetns("link set lo up"));
  readonly sender = this.#stack.use(
    new PlainSocket(this.netns.name, "127.0.0.9", PORT),
  );
  readonly queue: SendQueue;
  readonly #receivers: Record<Address, PlainSocket>;
  #used = 0;

  constructor(segments: boolean) {
    const receiver = (address: Address) =>
      this.#stack.use(new PlainSocket(this.netns.name, address, PORT));
    this.#receivers = {
      "127.0.0.1": receiver("127.0.0.1"),
      "127.0.0.2": receiver("127.0.0.2"),
    };
    this.queue = new SendQueue({
      fd: this.sender.fd,
      port: PORT,
      segments,
      room: 4 * 1024 * 1024,
      counters: this.counters,
    });
  }

  /** Puts octets into the queue, the first ten as their own part. */
  put(bytes: Uint8Array, to: Address = "127.0.0.1"): void {
    const head = this.queue.reserve();
    const { u8 } = this.queue.memory;
    const split = Math.min(10, bytes.length);
    u8.set(bytes.subarray(0, split), head);
    u8.set(bytes.subarray(split), this.#used);
    this.queue.append(
      ADDRESSES[to],
      head,
      split,
      this.#used,
      bytes.length - split,
    );
    this.#used += bytes.length - split;
  }

  async expect(
    datagrams: readonly Uint8Array[],
    at: Address = "127.0.0.1",
  ): Promise<void> {
    for (const datagram of datagrams) {
      assert.deepEqual(await this.#receivers[at].receive(), datagram);
    }
    assert.equal(this.#receivers[at].take(), null);
  }

  count(name: keyof typeof COUNTER): number {
    return this.counters[COUNTER[name]] ?? NaN;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

Deno.test({
  name: "SendQueue sends datagrams of one size in one message",
  ...NEEDS,
  async fn() {
    using bench = new Bench(true);
    const datagrams = [700, 700, 700, 333].map((size, n) => pattern(size, n));
    for (const datagram of datagrams) bench.put(datagram);
    assert.equal(bench.count("sendCalls"), 0);
    bench.queue.flush();
    await bench.expect(datagrams);
    assert.equal(bench.count("sendCalls"), 1);
    assert.equal(bench.count("sentPackets"), 4);
    assert.equal(bench.count("sentOctets"), 2433);
    bench.queue.flush();
    assert.equal(bench.count("sendCalls"), 1);
  },
});

Deno.test({
  name: "SendQueue keeps order and boundaries whatever the sizes and peers",
  ...NEEDS,
  async fn(t) {
    for (const segments of [true, false]) {
      await t.step(segments ? "with segmentation" : "without", async () => {
        using bench = new Bench(segments);
        const sizes = [
          ...[1, 1, 1, 5, 5, 4, 4, 9, 3, 1400, 1400, 1400, 1400, 20, 20],
          ...new Array(70).fill(1200),
          ...[1199, 1, 2, 2],
        ];
        const sent = sizes.map((size, n) => ({
          bytes: pattern(size, n),
          to: (n % 7 < 5 ? "127.0.0.1" : "127.0.0.2") as Address,
        }));
        for (const { bytes, to } of sent) bench.put(bytes, to);
        bench.queue.flush();
        for (const address of ["127.0.0.1", "127.0.0.2"] as const) {
          await bench.expect(
            sent.filter(({ to }) => to === address).map(({ bytes }) => bytes),
            address,
          );
        }
        assert.equal(bench.count("sendCalls"), 1);
        assert.equal(bench.count("sentPackets"), sizes.length);
        assert.equal(bench.count("sendErrors"), 0);
      });
    }
  },
});

Deno.test({
  name: "SendQueue sends by itself when it is full",
  ...NEEDS,
  async fn() {
    using bench = new Bench(true);
    const datagrams = Array.from({ length: 1100 }, (_, n) => pattern(100, n));
    for (const datagram of datagrams) bench.put(datagram);
    assert.equal(bench.count("sendCalls"), 2);
    bench.queue.flush();
    assert.equal(bench.count("sendCalls"), 3);
    await bench.expect(datagrams);
  },
});

Deno.test({
  name: "SendQueue sends singly what does not fit the way as a whole",
  ...NEEDS,
  async fn() {
    using bench = new Bench(true);
    // Messages of segments must fit the MTU; single datagrams are fragmented.
    bench.netns.ip("link set lo mtu 1000");
    const datagrams = [
      ...[0, 1, 2].map((n) => pattern(1400, n)),
      pattern(10),
      pattern(900),
    ];
    for (const datagram of datagrams) bench.put(datagram);
    bench.queue.flush();
    await bench.expect(datagrams);
    assert.equal(bench.count("sentPackets"), 5);
    assert.equal(bench.count("sendErrors"), 0);
  },
});

Deno.test({
  name: "SendQueue drops and counts what the socket refuses, and goes on",
  ...NEEDS,
  async fn(t) {
    await t.step("nowhere to send to", async () => {
      using bench = new Bench(true);
      const first = bench.queue.reserve();
      bench.queue.append(0x0a000001, first, 10, 0, 0);
      bench.put(pattern(10));
      bench.queue.flush();
      await bench.expect([pattern(10)]);
      assert.equal(bench.count("sendErrors"), 1);
      assert.equal(bench.count("sentPackets"), 1);
    });
    await t.step("too large, one by one", async () => {
      using bench = new Bench(true);
      bench.netns.ip("link set lo mtu 1000");
      bench.sender.set(SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
      for (const size of [1400, 1400, 1400, 900]) bench.put(pattern(size));
      bench.queue.flush();
      await bench.expect([pattern(900)]);
      assert.equal(bench.count("sendErrors"), 3);
      assert.equal(bench.count("sentPackets"), 1);
    });
    await t.step("no socket", () => {
      using bench = new Bench(true);
      const queue = new SendQueue({
        fd: -1,
        port: PORT,
        segments: true,
        room: 64,
        counters: bench.counters,
      });
      queue.append(1, queue.reserve(), 4, 0, 0);
      queue.flush();
      assert.equal(bench.count("sendErrors"), 1);
    });
  },
});

Deno.test({
  name: "SendQueue waits a little for room in the socket's buffer",
  ...NEEDS,
  fn() {
    using bench = new Bench(true);
    // Nobody answers for the address, so that the kernel keeps what it has.
    bench.netns.ip(
      "link add eth0 type veth peer name peer0",
      "address add 10.0.0.1/24 dev eth0",
      "link set eth0 up",
      "link set peer0 up",
    );
    const buffer = new Uint8Array(new Int32Array([4608]).buffer);
    inNetns(bench.netns.name, () => {
      libc().setsockopt(bench.sender.fd, 1, 7, buffer, 4);
    });
    for (let n = 0; n < 20; n++) {
      const head = bench.queue.reserve();
      bench.queue.append(0x0a000002 + n, head, 10, 0, 1000);
    }
    const took = cpuTime(() => bench.queue.flush());
    assert.ok(took < 1000, `${took} ms`);
    assert.ok(bench.count("sendErrors") > 0);
    assert.equal(bench.count("sendErrors") + bench.count("sentPackets"), 20);
  },
});
