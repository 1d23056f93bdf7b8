import assert from "node:assert/strict";
import type { Route } from "../../flannel/kernel.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import type { NetlinkChange } from "./changes.ts";
import { Netlink } from "./netlink.ts";

/** Error codes of the changes in order, null for those that were taken. */
async function codesOf(
  netlink: Netlink,
  changes: readonly NetlinkChange[],
): Promise<(string | null)[]> {
  const results = await netlink.apply(changes);
  assert.deepEqual(results.map(({ change }) => change), changes);
  return results.map(({ error }) => error?.code ?? null);
}

function route(dst: string, more: Partial<Route> = {}): NetlinkChange {
  return { kind: "route", op: "add", route: { family: 4, dst, ...more } };
}

/** Lines of `ip route` for prefixes of 10/8, without trailing blanks. */
function printed(netns: TestNetns, ...args: readonly string[]): string[] {
  return netns.exec("ip", ...args, "route", "show", "root", "10.0.0.0/8")
    .split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

Deno.test({
  name: "Netlink.apply() makes a flannel host out of nothing, in one call",
  ...needs({ netns: true, programs: ["bridge"] }),
  async fn() {
    using netns = new TestNetns();
    using netlink = new Netlink({ netns: netns.name });
    const codes = await codesOf(netlink, [
      { kind: "link", op: "set", name: "lo", up: true },
      {
        kind: "link",
        op: "add",
        name: "eth0",
        type: "veth",
        up: true,
        mac: "02:00:00:00:00:01",
        peer: { name: "peer0", mac: "02:00:00:00:00:02" },
      },
      { kind: "link", op: "add", name: "docker0", type: "bridge", up: true },
      {
        kind: "link",
        op: "set",
        name: "peer0",
        up: true,
        mtu: 1400,
        master: "docker0",
      },
      {
        kind: "address",
        op: "add",
        address: { device: "eth0", address: "192.168.0.9", prefixLength: 24 },
      },
      {
        kind: "link",
        op: "add",
        name: "flannel.1",
        type: "vxlan",
        up: true,
        mtu: 1450,
        mac: "02:00:00:00:01:01",
        vxlan: {
          vni: 1,
          port: 8472,
          local: "192.168.0.9",
          lower: "eth0",
          learning: false,
        },
      },
      {
        kind: "address",
        op: "add",
        address: { device: "flannel.1", address: "10.5.9.0", prefixLength: 32 },
      },
      {
        kind: "neighbour",
        op: "replace",
        neighbour: {
          device: "flannel.1",
          address: "10.5.1.0",
          mac: "02:00:00:00:01:02",
        },
      },
      {
        kind: "fdb",
        op: "replace",
        entry: {
          device: "flannel.1",
          mac: "02:00:00:00:01:02",
          dst: "192.168.0.2",
        },
      },
      route("10.5.1.0/24", {
        gateway: "10.5.1.0",
        device: "flannel.1",
        onlink: true,
      }),
      {
        kind: "rule",
        op: "add",
        rule: { family: 4, from: "10.5.0.0/16", table: 1000, priority: 100 },
      },
    ]);
    assert.deepEqual(codes, Array(11).fill(null));
    assert.deepEqual(printed(netns), [
      "10.5.1.0/24 via 10.5.1.0 dev flannel.1 onlink",
    ]);
    const rules = netns.exec("ip", "rule").split("\n")[1]?.trim();
    assert.equal(rules, "100:\tfrom 10.5.0.0/16 lookup 1000");
    const neighbour = netns.exec("ip", "neigh", "show", "10.5.1.0").trim();
    assert.equal(
      neighbour,
      "10.5.1.0 dev flannel.1 lladdr 02:00:00:00:01:02 PERMANENT",
    );
    const fdb = netns.exec("bridge", "fdb", "show", "dev", "flannel.1").trim();
    assert.equal(fdb, "02:00:00:00:01:02 dst 192.168.0.2 self permanent");
    const link = netlink.links().find(({ name }) => name === "peer0");
    assert.equal(link?.master, "docker0");
    assert.equal(link?.mtu, 1400);
  },
});

Deno.test({
  name: "Netlink.apply() reports each refusal and goes on",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.0.0.1/24 dev br0",
      "link set br0 up",
    );
    using netlink = new Netlink({ netns: netns.name });
    const same = route("10.5.1.0/24", { gateway: "10.0.0.2" });
    const results = await netlink.apply([
      same,
      same,
      route("10.5.2.0/24", { gateway: "172.16.0.1" }),
      route("10.5.3.0/24", { gateway: "10.0.0.2", device: "eth7" }),
      route("10.5.4.0/33", { gateway: "10.0.0.2" }),
      route("10.5.5.1/24", { gateway: "10.0.0.2" }),
      { kind: "link", op: "delete", name: "gone" },
      {
        kind: "route",
        op: "delete",
        route: { family: 4, dst: "10.9.0.0/24" },
      },
      route("10.5.6.0/24", { gateway: "10.0.0.2" }),
    ]);
    assert.deepEqual(
      results.map(({ error }) => error?.code ?? null),
      [
        null,
        "EEXIST",
        "ENETUNREACH",
        "ENODEV",
        "EINVAL",
        "EINVAL",
        "ENODEV",
        "ESRCH",
        null,
      ],
    );
    assert.equal(results[1]?.error?.message, "File exists");
    assert.equal(
      results[2]?.error?.message,
      "Network is unreachable: Nexthop has invalid gateway",
    );
    assert.equal(results[3]?.error?.message, 'Cannot find device "eth7"');
    assert.deepEqual(printed(netns), [
      "10.0.0.0/24 dev br0 proto kernel scope link src 10.0.0.1",
      "10.5.1.0/24 via 10.0.0.2 dev br0",
      "10.5.6.0/24 via 10.0.0.2 dev br0",
    ]);
  },
});

Deno.test({
  name: "Netlink.apply() puts back every route it has read and deleted",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.0.0.1/24 dev br0",
      "address add fd00::1/64 dev br0 nodad",
      "link set br0 up",
      "route add 10.5.1.0/24 via 10.0.0.2 proto 107 metric 7 mtu 1300 src 10.0.0.1",
      "route add 10.5.1.0/24 via 10.0.0.3 table 1000",
      "route add 10.5.2.0/24 via 172.16.0.9 dev br0 onlink",
      "route add 10.5.3.0/24 nexthop via 10.0.0.2 nexthop via 10.0.0.3 weight 4",
      "route add 10.5.4.0/24 via inet6 fd00::2 dev br0",
      "route add 10.5.5.0/24 dev br0 scope link tos 0x10",
      "route add blackhole 10.5.0.0/16",
      "route add prohibit 10.6.0.0/16",
      "route add unreachable 10.7.0.0/16",
      "route add throw 10.8.0.0/16 table 1000",
      "route add local 10.9.0.0/16 dev lo table local",
      "route add fd05::/64 via fd00::2 mtu 1280",
      "route add fd06::/64 nexthop via fd00::2 nexthop via fd00::3 weight 3",
      "route add unreachable fd07::/48 metric 3",
    );
    using netlink = new Netlink({ netns: netns.name });
    const ours = netlink.routes().filter(({ protocol }) => protocol !== 2);
    const lines = () =>
      netns.exec("ip", "-d", "route", "show", "table", "all") +
      netns.exec("ip", "-d", "-6", "route", "show", "table", "all");
    const before = lines();
    assert.equal(ours.length, 14);
    for (const op of ["delete", "add"] as const) {
      const codes = await codesOf(
        netlink,
        ours.map((route) => ({ kind: "route", op, route })),
      );
      assert.deepEqual(codes, Array(14).fill(null), op);
      if (op === "delete") {
        const left = netlink.routes().filter(({ protocol }) => protocol !== 2);
        assert.deepEqual(left, []);
      }
    }
    assert.equal(lines(), before);
  },
});

Deno.test({
  name: "Netlink.apply() replaces, appends and deletes",
  ...needs({ netns: true, programs: ["bridge"] }),
  async fn(t) {
    using netns = new TestNetns(
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.0.0.1/24 dev br0",
      "link set br0 up",
      "link add vx type vxlan id 7 dstport 4789 local 10.0.0.1",
    );
    using netlink = new Netlink({ netns: netns.name });
    await t.step("a route's gateway", async () => {
      const change = (gateway: string): NetlinkChange => ({
        kind: "route",
        op: "replace",
        route: { family: 4, dst: "10.5.1.0/24", gateway, protocol: 107 },
      });
      await netlink.apply([change("10.0.0.2"), change("10.0.0.3")]);
      assert.deepEqual(printed(netns).slice(1), [
        "10.5.1.0/24 via 10.0.0.3 dev br0 proto 107",
      ]);
    });
    await t.step("only the route of that gateway", async () => {
      await netlink.apply([{
        kind: "route",
        op: "append",
        route: { family: 4, dst: "10.5.1.0/24", gateway: "10.0.0.4" },
      }, {
        kind: "route",
        op: "delete",
        route: { family: 4, dst: "10.5.1.0/24", gateway: "10.0.0.3" },
      }]);
      assert.deepEqual(printed(netns).slice(1), [
        "10.5.1.0/24 via 10.0.0.4 dev br0",
      ]);
    });
    await t.step("a neighbour's MAC", async () => {
      const change = (mac: string): NetlinkChange => ({
        kind: "neighbour",
        op: "replace",
        neighbour: { device: "br0", address: "10.0.0.2", mac },
      });
      await netlink.apply([
        change("02:00:00:00:00:02"),
        change("02:00:00:00:00:03"),
      ]);
      const read = () =>
        netlink.neighbours().filter(({ address }) => address === "10.0.0.2");
      assert.equal(read()[0]?.mac, "02:00:00:00:00:03");
      const codes = await codesOf(netlink, [{
        kind: "neighbour",
        op: "delete",
        neighbour: { device: "br0", address: "10.0.0.2" },
      }]);
      assert.deepEqual(codes, [null]);
      assert.deepEqual(read(), []);
    });
    await t.step("forwarding entries", async () => {
      const mac = "00:00:00:00:00:00";
      const remotes = ["10.0.0.2", "10.0.0.3"];
      await netlink.apply(remotes.map((dst) => ({
        kind: "fdb",
        op: "append",
        entry: { device: "vx", mac, dst },
      })));
      const read = () =>
        netlink.fdb().filter((entry) => entry.device === "vx")
          .map(({ dst }) => dst);
      assert.deepEqual(read().sort(), remotes);
      await netlink.apply([{
        kind: "fdb",
        op: "delete",
        entry: { device: "vx", mac, dst: "10.0.0.2" },
      }]);
      assert.deepEqual(read(), ["10.0.0.3"]);
    });
    await t.step("an address", async () => {
      const address = { device: "br0", address: "10.1.0.1", prefixLength: 24 };
      const change = (op: "add" | "replace" | "delete"): NetlinkChange => ({
        kind: "address",
        op,
        address,
      });
      const codes = await codesOf(netlink, [
        change("add"),
        change("add"),
        change("replace"),
        change("delete"),
        change("delete"),
      ]);
      assert.deepEqual(codes, [null, "EEXIST", null, null, "EADDRNOTAVAIL"]);
    });
    await t.step("a rule as it was read", async () => {
      const rule = {
        family: 6,
        to: "fd00::/64",
        fwmark: 1,
        fwmask: 3,
        oif: "br0",
        not: true,
        action: "unreachable",
        priority: 50,
      } as const;
      const add = await codesOf(netlink, [{ kind: "rule", op: "add", rule }]);
      assert.deepEqual(add, [null]);
      const read = netlink.rules().filter(({ priority }) => priority === 50);
      assert.equal(read.length, 1);
      const codes = await codesOf(
        netlink,
        read.map((rule) => ({ kind: "rule", op: "delete", rule })),
      );
      assert.deepEqual(codes, [null]);
    });
    await t.step("a device's name, then the device", async () => {
      const codes = await codesOf(netlink, [
        { kind: "link", op: "set", name: "vx", rename: "vx7", mtu: 1400 },
        { kind: "link", op: "set", name: "vx7", up: true },
        { kind: "link", op: "delete", name: "vx7" },
        { kind: "link", op: "set", name: "vx7", up: true },
      ]);
      assert.deepEqual(codes, [null, null, null, "ENODEV"]);
    });
  },
});

Deno.test({
  name: "Netlink.apply() moves a device into another namespace",
  ...needs({ netns: true }),
  async fn() {
    using here = new TestNetns();
    using there = new TestNetns();
    using netlink = new Netlink({ netns: here.name });
    const codes = await codesOf(netlink, [
      {
        kind: "link",
        op: "add",
        name: "a",
        type: "veth",
        peer: { name: "b", netns: there.name },
      },
      { kind: "link", op: "add", name: "br0", type: "bridge" },
      { kind: "link", op: "add", name: "c", type: "veth", peer: { name: "d" } },
      { kind: "link", op: "set", name: "d", netns: there.name },
      { kind: "link", op: "set", name: "c", netns: "fd-none" },
      { kind: "link", op: "set", name: "c", master: "br0" },
      { kind: "link", op: "set", name: "c", master: null },
    ]);
    assert.deepEqual(codes, [null, null, null, null, "ENOENT", null, null]);
    using other = new Netlink({ netns: there.name });
    const names = (of: Netlink) => of.links().map(({ name }) => name).sort();
    assert.deepEqual(names(netlink), ["a", "br0", "c", "lo"]);
    assert.deepEqual(names(other), ["b", "d", "lo"]);
    // The other end is in another namespace: its index says nothing here.
    const lower = netlink.links().find(({ name }) => name === "a")?.lower;
    assert.equal(lower, null);
  },
});

Deno.test({
  name: "Netlink.apply() lets other work of the process run between batches",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.0.0.1/24 dev br0",
      "link set br0 up",
    );
    using netlink = new Netlink({ netns: netns.name });
    // Twenty batches, each of which takes longer than the timer waits.
    const changes = Array.from(
      { length: 5120 },
      (_, i) =>
        route(`10.${100 + (i >> 8)}.${i & 255}.0/24`, { gateway: "10.0.0.2" }),
    );
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const codes = await codesOf(netlink, changes);
    clearInterval(timer);
    assert.deepEqual(codes, Array(5120).fill(null));
    assert.ok(turns >= 3, `${turns} turns`);
  },
});

Deno.test({
  name: "Netlink.apply() loses no answer to reads that go on beside it",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns();
    netns.ip("link set lo up");
    using netlink = new Netlink({ netns: netns.name });
    const changes = Array.from({ length: 2_000 }, (_, index) => {
      const dst = `10.${index >> 8}.${index & 255}.0/24`;
      return route(dst, { device: "lo" });
    });
    let isDone = false;
    const first = codesOf(netlink, changes).finally(() => isDone = true);
    const again = codesOf(netlink, changes.slice(0, 300));
    let reads = 0;
    while (!isDone) {
      netlink.routes();
      netlink.routeGet({ dst: "127.0.0.1" });
      reads++;
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.ok(reads > 1, `${reads} reads`);
    // Each route was added once, by whichever came first.
    const [ours, theirs] = await Promise.all([first, again]);
    for (const [index, code] of ours.entries()) {
      const other = index < 300 ? theirs[index] : "EEXIST";
      assert.deepEqual([code, other].sort(), ["EEXIST", null].sort());
    }
    assert.equal(printed(netns).length, 2_000);
  },
});

Deno.test({
  name: "Netlink.apply() of nothing does nothing",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns();
    using netlink = new Netlink({ netns: netns.name });
    assert.deepEqual(await netlink.apply([]), []);
  },
});

Deno.test({
  name: "Netlink.apply() gives a device an alias, which links() reads",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns();
    using netlink = new Netlink({ netns: netns.name });
    const alias = () => netlink.links().find((l) => l.name === "br7")?.alias;
    const name = "br7";
    assert.deepEqual(
      await codesOf(netlink, [
        { kind: "link", op: "add", name, type: "bridge" },
      ]),
      [null],
    );
    assert.equal(alias(), undefined);
    const set = (text: string): NetlinkChange => ({
      kind: "link",
      op: "set",
      name,
      alias: text,
    });
    assert.deepEqual(await codesOf(netlink, [set("flandoc")]), [null]);
    assert.equal(alias(), "flandoc");
    assert.match(
      netns.exec("ip", "link", "show", name),
      /^ {4}alias flandoc$/m,
    );
  },
});
