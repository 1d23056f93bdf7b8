import assert from "node:assert/strict";
import process from "node:process";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { TestSwitch } from "../tests/support/switch.ts";
import { probeEcho } from "./icmp_probe.ts";

const QUICK = { timeoutMs: 100, retries: 1 };

/** Two hosts with a container subnet each, and routes to one another's. */
function flannelPair(): TestSwitch {
  const network = new TestSwitch("192.168.0.1/24", "192.168.0.2/24");
  for (const [index, host] of network.hosts.entries()) {
    const [own, other] = index === 0 ? [1, 2] : [2, 1];
    host.ip(
      "link add docker0 type bridge",
      `address add 10.5.${own}.1/24 dev docker0`,
      `address add fd05:${own}::1/64 dev docker0 nodad`,
      "link set docker0 up",
      `address add fd00::${own}/64 dev eth0 nodad`,
      `route add 10.5.${other}.0/24 via 192.168.0.${other}`,
      `route add fd05:${other}::/64 via fd00::${other}`,
    );
    host.exec("sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
  }
  return network;
}

Deno.test({
  name: "probeEcho() goes from bridge address to bridge address",
  ...needs({ netns: true }),
  async fn(t) {
    using network = flannelPair();
    const [here, there] = network.hosts;
    assert.ok(here && there);
    const probe = (source: string, ...targets: string[]) =>
      probeEcho({ netns: here.name, source, targets, ...QUICK });
    await t.step("IPv4", async () => {
      const { reached } = await probe("10.5.1.1", "10.5.2.1", "10.5.2.77");
      assert.deepEqual([...reached], [["10.5.2.1", true], [
        "10.5.2.77",
        false,
      ]]);
    });
    await t.step("IPv6", async () => {
      // Neighbour discovery is deaf for a second after a device came up.
      await probeEcho({
        netns: here.name,
        source: "fd05:1::1",
        targets: ["fd05:2::1"],
        timeoutMs: 100,
        retries: 600,
      });
      const { reached } = await probe("fd05:1::1", "fd05:2::1", "fd05:2::77");
      assert.deepEqual([...reached], [
        ["fd05:2::1", true],
        ["fd05:2::77", false],
      ]);
    });
    await t.step("a target named twice is asked once", async () => {
      const { reached } = await probe("10.5.1.1", "10.5.2.1", "10.5.2.1");
      assert.deepEqual([...reached], [["10.5.2.1", true]]);
    });
    await t.step("no way back is no answer", async () => {
      there.ip("route delete 10.5.1.0/24");
      const { reached } = await probe("10.5.1.1", "10.5.2.1");
      assert.deepEqual([...reached], [["10.5.2.1", false]]);
      const host = await probe("192.168.0.1", "192.168.0.2");
      assert.deepEqual([...host.reached], [["192.168.0.2", true]]);
    });
    await t.step(
      "no route is no answer, and others are still asked",
      async () => {
        here.ip("route add blackhole 10.5.3.0/24");
        const { reached } = await probe(
          "192.168.0.1",
          "172.16.0.1",
          "10.5.3.1",
          "192.168.0.2",
        );
        assert.deepEqual([...reached.values()], [false, false, true]);
      },
    );
  },
});

Deno.test({
  name: "probeEcho() leaves by the device it is told to",
  ...needs({ netns: true }),
  async fn() {
    using network = flannelPair();
    const netns = network.hosts[0]?.name ?? "";
    const target = "192.168.0.2";
    for (
      const [device, answer] of [["eth0", true], ["docker0", false]] as const
    ) {
      const { reached } = await probeEcho({
        netns,
        source: "192.168.0.1",
        targets: [target],
        device,
        ...QUICK,
      });
      assert.equal(reached.get(target), answer, device);
    }
  },
});

Deno.test({
  name: "probeEcho() asks more targets than one system call takes",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns("link set lo up");
    const targets = Array.from(
      { length: 2000 },
      (_, index) => `127.1.${index >> 8}.${index & 255}`,
    );
    const started = process.cpuUsage();
    const { reached } = await probeEcho({
      netns: netns.name,
      source: "127.0.0.1",
      targets,
      ...QUICK,
      ratePerSecond: 20_000,
    });
    assert.equal([...reached.values()].filter((answer) => answer).length, 2000);
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 2_000_000, `${user + system} µs of processor`);
  },
});

Deno.test({
  name: "probeEcho() says what is wrong with what it was given",
  ...needs({ netns: true }),
  async fn(t) {
    using netns = new TestNetns("link set lo up");
    const cases = [
      [
        "a foreign source",
        "10.9.9.9",
        "10.0.0.1",
        /10\.9\.9\.9: EADDRNOTAVAIL/,
      ],
      ["another family", "127.0.0.1", "::1", /expected an IPv4 address/],
      ["another family", "::1", "127.0.0.1", /expected an IPv6 address/],
      ["a target that is none", "127.0.0.1", "x", /got "x"/],
    ] as const;
    for (const [name, source, target, message] of cases) {
      await t.step(`${name}: ${source} to ${target}`, async () => {
        const probing = probeEcho({
          netns: netns.name,
          source,
          targets: [target],
        });
        await assert.rejects(probing, { message });
      });
    }
    await t.step("no such device", async () => {
      const probing = probeEcho({
        netns: netns.name,
        source: "127.0.0.1",
        targets: ["127.0.0.1"],
        device: "eth9",
      });
      await assert.rejects(probing, { message: /"eth9": ENODEV/ });
    });
  },
});
