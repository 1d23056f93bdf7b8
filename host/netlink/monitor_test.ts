import assert from "node:assert/strict";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import "../../tests/support/load_libc.ts";
import type { NetlinkChange } from "./changes.ts";
import { type Monitor, type MonitorEvent, openMonitor } from "./monitor.ts";
import { Netlink } from "./netlink.ts";

const BRIDGE = [
  "link set lo up",
  "link add br0 type bridge",
  "address add 10.0.0.1/24 dev br0",
  "link set br0 up",
];

/** Reads until an event passes the test; fails when it has not in a minute. */
async function seek(
  monitor: Monitor,
  wanted: (event: MonitorEvent) => boolean,
): Promise<MonitorEvent> {
  const limit = setTimeout(() => void monitor.close(), 60_000);
  try {
    for (;;) {
      const events = await monitor.read();
      assert.ok(events !== null, "the event did not come within a minute");
      const event = events.find(wanted);
      if (event !== undefined) return event;
    }
  } finally {
    clearTimeout(limit);
  }
}

function route(op: "add" | "delete", dst: string): NetlinkChange {
  const route = { family: 4, dst, gateway: "10.0.0.2", protocol: 107 } as const;
  return { kind: "route", op, route };
}

Deno.test({
  name: "openMonitor() tells of every kind of object, with its maker's port",
  ...needs({ netns: true, programs: ["bridge"] }),
  async fn(t) {
    using netns = new TestNetns(...BRIDGE);
    using netlink = new Netlink({ netns: netns.name });
    await using monitor = openMonitor({
      netns: netns.name,
      links: true,
      addresses: true,
      routes: true,
      neighbours: true,
      rules: true,
    });
    const steps: readonly {
      readonly name: string;
      readonly changes: readonly NetlinkChange[];
      readonly wanted: (event: MonitorEvent) => boolean;
    }[] = [
      {
        name: "a new link",
        changes: [{
          kind: "link",
          op: "add",
          name: "vx",
          type: "vxlan",
          vxlan: { vni: 9, port: 4789, local: "10.0.0.1" },
        }],
        wanted: (event) =>
          event.type === "link" && event.change === "new" &&
          event.link.name === "vx" && event.link.vxlan?.vni === 9,
      },
      {
        name: "a link that goes up",
        changes: [{ kind: "link", op: "set", name: "vx", up: true }],
        wanted: (event) =>
          event.type === "link" && event.link.name === "vx" && event.link.up,
      },
      {
        name: "an address on a device that came later",
        changes: [{
          kind: "address",
          op: "add",
          address: { device: "vx", address: "10.5.9.0", prefixLength: 32 },
        }],
        wanted: (event) =>
          event.type === "address" && event.address.device === "vx" &&
          event.address.address === "10.5.9.0",
      },
      {
        name: "a new route",
        changes: [route("add", "10.5.1.0/24")],
        wanted: (event) =>
          event.type === "route" && event.change === "new" &&
          event.route.dst === "10.5.1.0/24" && event.route.device === "br0" &&
          event.port === netlink.port,
      },
      {
        name: "a deleted route",
        changes: [route("delete", "10.5.1.0/24")],
        wanted: (event) =>
          event.type === "route" && event.change === "delete" &&
          event.route.dst === "10.5.1.0/24" && event.route.protocol === 107,
      },
      {
        name: "an IPv6 route",
        changes: [{
          kind: "route",
          op: "add",
          route: { family: 6, dst: "fd05::/64", device: "br0" },
        }],
        wanted: (event) =>
          event.type === "route" && event.route.dst === "fd05::/64",
      },
      {
        name: "a neighbour",
        changes: [{
          kind: "neighbour",
          op: "add",
          neighbour: {
            device: "br0",
            address: "10.0.0.7",
            mac: "02:00:00:00:00:07",
          },
        }],
        wanted: (event) =>
          event.type === "neighbour" && event.change === "new" &&
          event.neighbour.address === "10.0.0.7" &&
          event.neighbour.state === "PERMANENT",
      },
      {
        name: "a forwarding entry",
        changes: [{
          kind: "fdb",
          op: "add",
          entry: { device: "vx", mac: "02:00:00:00:00:08", dst: "10.0.0.8" },
        }],
        wanted: (event) =>
          event.type === "fdb" && event.entry.device === "vx" &&
          event.entry.dst === "10.0.0.8",
      },
      {
        name: "a rule",
        changes: [{
          kind: "rule",
          op: "add",
          rule: { family: 6, priority: 77, table: 77 },
        }],
        wanted: (event) =>
          event.type === "rule" && event.rule.priority === 77 &&
          event.rule.family === 6,
      },
      {
        name: "a link that goes",
        changes: [{ kind: "link", op: "delete", name: "vx" }],
        wanted: (event) =>
          event.type === "link" && event.change === "delete" &&
          event.link.name === "vx",
      },
    ];
    for (const { name, changes, wanted } of steps) {
      await t.step(name, async () => {
        const results = await netlink.apply(changes);
        assert.deepEqual(results.map(({ error }) => error), [null]);
        await seek(monitor, wanted);
      });
    }
  },
});

Deno.test({
  name: "openMonitor() keeps quiet about what was not asked for",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(...BRIDGE);
    using netlink = new Netlink({ netns: netns.name });
    await using monitor = openMonitor({ netns: netns.name, routes: true });
    await netlink.apply([
      { kind: "link", op: "add", name: "br1", type: "bridge" },
      { kind: "link", op: "set", name: "br1", rename: "br2" },
      {
        kind: "address",
        op: "add",
        address: { device: "br0", address: "10.1.0.1", prefixLength: 32 },
      },
      {
        kind: "route",
        op: "add",
        route: { family: 4, dst: "10.5.1.0/24", gateway: "10.0.0.2" },
      },
    ]);
    const events = await monitor.read() ?? [];
    assert.ok(events.every(({ type }) => type === "route"));
    assert.ok(
      events.some((event) =>
        event.type === "route" && event.route.dst === "10.5.1.0/24"
      ),
    );
  },
});

Deno.test({
  name:
    "openMonitor() does not take a port that left its bridge for a deletion",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(
      ...BRIDGE,
      "link add v0 type veth peer name v1",
      "link set v0 master br0 up",
    );
    await using monitor = openMonitor({ netns: netns.name, links: true });
    netns.ip("link set v0 nomaster", "link add end type bridge");
    const seen: MonitorEvent[] = [];
    await seek(monitor, (event) => {
      seen.push(event);
      return event.type === "link" && event.link.name === "end";
    });
    const ofPort = seen.flatMap((event) =>
      event.type === "link" && event.link.name === "v0" ? [event] : []
    );
    assert.equal(ofPort.at(-1)?.link.master, null);
    assert.ok(ofPort.every(({ change }) => change === "new"));
  },
});

Deno.test({
  name: "openMonitor() tells who commits to nftables",
  ...needs({ netns: true, programs: ["nft"] }),
  async fn() {
    using netns = new TestNetns();
    await using monitor = openMonitor({ netns: netns.name, netfilter: true });
    netns.exec("nft", "add", "table", "inet", "fd-test");
    const event = await seek(monitor, ({ type }) => type === "netfilter");
    assert.ok(event.type === "netfilter");
    assert.equal(event.process, "nft");
    assert.ok(event.generation > 0);
    assert.ok(event.pid !== null && event.pid > 0);
  },
});

Deno.test({
  name: "openMonitor() reports an overrun, then goes on",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(...BRIDGE);
    using netlink = new Netlink({ netns: netns.name });
    await using monitor = openMonitor({
      netns: netns.name,
      routes: true,
      receiveBuffer: 4096,
    });
    const changes = Array.from(
      { length: 200 },
      (_, index) => route("add", `10.5.${index}.0/24`),
    );
    await netlink.apply(changes);
    await seek(monitor, ({ type }) => type === "overrun");
    await netlink.apply([route("add", "10.6.0.0/24")]);
    await seek(
      monitor,
      (event) => event.type === "route" && event.route.dst === "10.6.0.0/24",
    );
  },
});

Deno.test({
  name: "Monitor delivers a route event within five milliseconds",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(...BRIDGE);
    using netlink = new Netlink({ netns: netns.name });
    await using monitor = openMonitor({ netns: netns.name, routes: true });
    const waits: number[] = [];
    for (let i = 0; i < 40; i++) {
      const reading = seek(monitor, ({ type }) => type === "route");
      await new Promise((resolve) => setTimeout(resolve, 2));
      const start = performance.now();
      await netlink.apply([
        route(i % 2 === 0 ? "add" : "delete", "10.5.1.0/24"),
      ]);
      await reading;
      waits.push(performance.now() - start);
    }
    // The quickest quarter: other work of a shared machine holds up the rest.
    // A monitor that looked now and then would be late by a part of its period.
    const quarter = waits.toSorted((a, b) => a - b)[10] ?? Infinity;
    assert.ok(quarter < 5, `${quarter} ms`);
  },
});

Deno.test("Monitor ends at once when its signal aborts", async (t) => {
  await t.step("while a read waits", async () => {
    const controller = new AbortController();
    const monitor = openMonitor({ signal: controller.signal });
    const reading = monitor.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const start = performance.now();
    controller.abort();
    assert.equal(await reading, null);
    assert.ok(performance.now() - start < 30_000);
    await monitor.close();
  });
  await t.step("before the first read", async () => {
    const monitor = openMonitor({ signal: AbortSignal.abort() });
    assert.equal(await monitor.read(), null);
    assert.equal(await monitor.read(), null);
  });
  await t.step("in the middle of an iteration", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    for await (const _ of openMonitor({ signal: controller.signal })) continue;
  });
});

Deno.test("Monitor.close() ends a waiting read, and may be called again", async () => {
  const monitor = openMonitor({ rules: true });
  const reading = monitor.read();
  await monitor.close();
  assert.equal(await reading, null);
  await monitor.close();
  assert.equal(await monitor.read(), null);
});

Deno.test("Monitor.read() refuses a second read beside a waiting one", async () => {
  await using monitor = openMonitor({ rules: true });
  const reading = monitor.read();
  assert.throws(() => monitor.read(), /another read is waiting/);
  await monitor.close();
  assert.equal(await reading, null);
});

Deno.test("a process with a waiting monitor exits when told to", () => {
  const url = new URL("./monitor.ts", import.meta.url).href;
  const { code } = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { openMonitor } from "${url}";
       setTimeout(() => Deno.exit(7), 50);
       for await (const _ of openMonitor({ rules: true })) continue;`,
    ],
    stderr: "inherit",
  }).outputSync();
  assert.equal(code, 7);
});

Deno.test("a process ends by itself once its monitor is closed", () => {
  const url = new URL("./monitor.ts", import.meta.url).href;
  const { code } = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { openMonitor } from "${url}";
       const monitor = openMonitor({ rules: true });
       const reading = monitor.read();
       setTimeout(() => monitor.close(), 50);
       await reading;`,
    ],
    stderr: "inherit",
  }).outputSync();
  assert.equal(code, 0);
});

Deno.test({
  name: "openMonitor() ignores a port's changes, but not its links",
  ...needs({ netns: true, programs: ["bridge"] }),
  async fn() {
    using netns = new TestNetns(...BRIDGE);
    using own = new Netlink({ netns: netns.name });
    using other = new Netlink({ netns: netns.name });
    await using monitor = openMonitor({
      netns: netns.name,
      links: true,
      routes: true,
      ignorePort: own.port,
    });
    await own.apply([route("add", "10.7.1.0/24")]);
    await own.apply([{ kind: "link", op: "set", name: "br0", mtu: 1400 }]);
    await other.apply([route("add", "10.7.2.0/24")]);
    await own.apply([route("delete", "10.7.2.0/24")]);
    await other.apply([route("delete", "10.7.1.0/24")]);
    const last = "delete 10.7.1.0/24";
    const told: string[] = [];
    const limit = setTimeout(() => void monitor.close(), 5000);
    for await (const event of monitor) {
      if (event.type === "link") told.push(`mtu ${event.link.mtu}`);
      if (event.type !== "route") continue;
      const { change, route } = event;
      if (route.dst.startsWith("10.7.")) told.push(`${change} ${route.dst}`);
      if (told.at(-1) === last) break;
    }
    clearTimeout(limit);
    assert.deepEqual(
      told.filter((line) => line !== "mtu 1500"),
      ["mtu 1400", "new 10.7.2.0/24", last],
    );
  },
});
