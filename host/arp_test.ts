import assert from "node:assert/strict";
import process from "node:process";
import { hex } from "../tests/support/hex.ts";
import { needs } from "../tests/support/needs.ts";
import type { TestNetns } from "../tests/support/netns.ts";
import { macOf, TestSwitch } from "../tests/support/switch.ts";
import { type ArpSweepOptions, sweepArp } from "./arp.ts";
import { deviceNumber } from "./device_number.ts";
import { libc } from "./libc.ts";
import { inNetns } from "./netns.ts";

/** A sweep from the first host of a switch, 192.168.0.1. */
function sweepFrom(
  netns: TestNetns,
  targets: readonly string[],
  more: Partial<ArpSweepOptions> = {},
) {
  return sweepArp({
    netns: netns.name,
    device: "eth0",
    sourceAddress: "192.168.0.1",
    sourceMac: macOf(0),
    targets,
    timeoutMs: 100,
    retries: 1,
    ...more,
  });
}

function host(network: TestSwitch, index: number): TestNetns {
  const found = network.hosts[index];
  assert.ok(found);
  return found;
}

Deno.test({
  name: "sweepArp() tells who answers and who is silent, in the order asked",
  ...needs({ netns: true }),
  async fn() {
    using network = new TestSwitch(
      "192.168.0.1/24",
      "192.168.0.2/24",
      "192.168.0.3/24",
    );
    const { answers, elapsedMs } = await sweepFrom(host(network, 0), [
      "192.168.0.3",
      "192.168.0.9",
      "192.168.0.2",
      "192.168.0.3",
    ]);
    assert.deepEqual(answers, [
      { address: "192.168.0.3", macs: [macOf(2)], replies: 1 },
      { address: "192.168.0.9", macs: [], replies: 0 },
      { address: "192.168.0.2", macs: [macOf(1)], replies: 1 },
    ]);
    assert.ok(elapsedMs >= 200 && elapsedMs < 30_000, `${elapsedMs} ms`);
    // The kernel's own table learns nothing of addresses it did not ask for.
    const neighbours = host(network, 0).exec("ip", "neigh");
    assert.equal(neighbours.includes("192.168.0.9"), false);
  },
});

Deno.test({
  name: "sweepArp() keeps both MACs of a duplicate address",
  ...needs({ netns: true }),
  async fn() {
    using network = new TestSwitch(
      "192.168.0.1/24",
      "192.168.0.2/24",
      "192.168.0.2/24",
    );
    const { answers } = await sweepFrom(host(network, 0), ["192.168.0.2"]);
    assert.deepEqual(answers[0]?.macs.toSorted(), [macOf(1), macOf(2)]);
    assert.equal(answers[0]?.replies, 2);
  },
});

Deno.test({
  name: "sweepArp() sees one MAC answer for everybody where ARP is proxied",
  ...needs({ netns: true }),
  async fn() {
    using network = new TestSwitch("192.168.0.1/24", "192.168.0.2/24");
    const gateway = host(network, 1);
    gateway.ip("link add other type bridge", "link set other up");
    gateway.ip("route add 192.168.0.128/25 dev other");
    for (
      const setting of [
        "net.ipv4.conf.eth0.proxy_arp=1",
        "net.ipv4.ip_forward=1",
        "net.ipv4.neigh.eth0.proxy_delay=0",
      ]
    ) gateway.exec("sysctl", "-q", "-w", setting);
    const targets = ["192.168.0.2", "192.168.0.130", "192.168.0.131"];
    const { answers } = await sweepFrom(host(network, 0), targets);
    assert.deepEqual(
      answers.map(({ macs }) => macs),
      [[macOf(1)], [macOf(1)], [macOf(1)]],
    );
  },
});

/** An ARP reply for 192.168.0.7 as a whole frame, with a tag or without. */
function replyFrame(options: {
  readonly tag?: string;
  readonly mac?: string;
  readonly receiver?: string;
}): Uint8Array<ArrayBuffer> {
  const mac = options.mac ?? "020000000007";
  return hex(`
    ${macOf(0).replaceAll(":", "")} ${mac} ${options.tag ?? ""} 0806
    0001 0800 06 04 0002
    ${mac} c0a80007
    ${macOf(0).replaceAll(":", "")} ${options.receiver ?? "c0a80001"}
    ${"00".repeat(18)}
  `);
}

/** Sends frames out of a namespace's device again and again until disposed. */
function sendFrames(
  netns: TestNetns,
  frames: readonly Uint8Array<ArrayBuffer>[],
): Disposable {
  const AF_PACKET = 17;
  const SOCK_RAW = 3;
  const [fd, index] = inNetns(netns.name, () => {
    const fd = libc().socket(AF_PACKET, SOCK_RAW, 0);
    return [fd, deviceNumber(fd, "eth0")] as const;
  });
  const address = new Uint8Array(20);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setInt32(4, index, true);
  const timer = setInterval(() => {
    for (const frame of frames) {
      libc().sendto(fd, frame, BigInt(frame.length), 0, address, 20);
    }
  }, 10);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      libc().close(fd);
    },
  };
}

Deno.test({
  name: "sweepArp() hears an answer with a priority tag, not one of a VLAN",
  ...needs({ netns: true }),
  async fn(t) {
    using network = new TestSwitch("192.168.0.1/24", "192.168.0.2/24");
    const cases = [
      { name: "without a tag", frame: replyFrame({}), heard: true },
      {
        name: "tag of VLAN 0, priority 5",
        frame: replyFrame({ tag: "8100 a000" }),
        heard: true,
      },
      {
        name: "tag of VLAN 100",
        frame: replyFrame({ tag: "8100 0064" }),
        heard: false,
      },
      {
        name: "told to another address",
        frame: replyFrame({ receiver: "c0a80063" }),
        heard: false,
      },
    ];
    for (const { name, frame, heard } of cases) {
      await t.step(name, async () => {
        using _sender = sendFrames(host(network, 1), [frame]);
        const { answers } = await sweepFrom(host(network, 0), ["192.168.0.7"]);
        assert.deepEqual(
          answers[0]?.macs,
          heard ? ["02:00:00:00:00:07"] : [],
        );
      });
    }
  },
});

Deno.test({
  name: "sweepArp() keeps MACs in the order they came and counts replies",
  ...needs({ netns: true }),
  async fn() {
    using network = new TestSwitch("192.168.0.1/24", "192.168.0.2/24");
    using _sender = sendFrames(host(network, 1), [
      replyFrame({ mac: "0200000000bb" }),
      replyFrame({ mac: "0200000000aa" }),
    ]);
    const { answers } = await sweepFrom(host(network, 0), ["192.168.0.7"]);
    const macs = answers[0]?.macs.toSorted();
    assert.deepEqual(macs, ["02:00:00:00:00:aa", "02:00:00:00:00:bb"]);
    assert.ok((answers[0]?.replies ?? 0) >= 2);
  },
});

Deno.test({
  name: "sweepArp() asks thousands within two seconds, others' turns between",
  ...needs({ netns: true }),
  async fn() {
    using network = new TestSwitch("192.168.0.1/16", "192.168.0.2/16");
    host(network, 1).ip("route add local 192.168.64.0/18 dev lo");
    const targets = Array.from(
      { length: 5000 },
      (_, index) => `192.168.${64 + (index >> 8)}.${index & 255}`,
    );
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const started = process.cpuUsage();
    const { answers } = await sweepFrom(host(network, 0), targets);
    const { user, system } = process.cpuUsage(started);
    clearInterval(timer);
    const heard = answers.filter(({ macs }) => macs[0] === macOf(1));
    assert.equal(heard.length, 5000);
    // Of the processor: how long others had it is not the sweep's doing.
    const took = (user + system) / 1000;
    assert.ok(took < 2000, `${took} ms`);
    assert.ok(turns > 10, `${turns} turns`);
  },
});

Deno.test({
  name: "sweepArp() says what is wrong with what it was given",
  ...needs({ netns: true }),
  async fn(t) {
    using network = new TestSwitch("192.168.0.1/24");
    const netns = host(network, 0);
    const cases: readonly (readonly [
      string,
      Partial<ArpSweepOptions>,
      RegExp,
    ])[] = [
      ["no such device", { device: "eth9" }, /find device "eth9": ENODEV/],
      ["an IPv6 target", { targets: ["fd00::1"] }, /IPv4 address, got "fd00/],
      ["a source that is no address", { sourceAddress: "x" }, /got "x"/],
      ["a MAC that is none", { sourceMac: "02:00" }, /got "02:00"/],
      ["no such namespace", { netns: "fd-none" }, /namespace "fd-none"/],
    ];
    for (const [name, options, message] of cases) {
      await t.step(name, async () => {
        await assert.rejects(
          sweepFrom(netns, ["192.168.0.2"], options),
          { message },
        );
      });
    }
    await t.step("a device that is down", async () => {
      netns.ip("link set eth0 down");
      await assert.rejects(sweepFrom(netns, ["192.168.0.2"]), {
        code: "ENETDOWN",
      });
    });
  },
});
