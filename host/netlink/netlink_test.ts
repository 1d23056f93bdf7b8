import assert from "node:assert/strict";
import type {
  FdbEntry,
  Link,
  Neighbour,
  PolicyRule,
  Route,
} from "../../flannel/kernel.ts";
import * as iproute2 from "../../tests/support/iproute2.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { Netlink } from "./netlink.ts";

/** A namespace with one of everything a flannel host may have. */
function furnishedNetns(...rules: readonly string[]): TestNetns {
  const netns = new TestNetns(
    "link set lo up",
    "link add eth0 address 02:00:00:00:00:01 type veth peer name peer0",
    "link add br0 type bridge",
    "link set peer0 mtu 1400 master br0 up",
    "link set br0 up",
    "address add 192.168.0.9/24 brd + dev eth0 label eth0:1",
    "address add 192.168.0.10/24 dev eth0",
    "address add 10.9.0.1 peer 10.9.0.2/32 dev eth0 scope link",
    "address add fd00::9/64 dev eth0 nodad",
    "link set eth0 up",
    "link add flannel.1 address 02:00:00:00:01:01 mtu 1450 type vxlan id 1 dstport 8472 local 192.168.0.9 dev eth0 nolearning gbp noudpcsum ttl 5 ageing 77",
    "link add vx6 type vxlan id 77 dstport 4789 local fd00::9 learning l2miss l3miss proxy udp6zerocsumrx",
    "address add 10.5.9.0/32 dev flannel.1",
    "link set flannel.1 up",
    "route add 10.5.1.0/24 via 192.168.0.2 dev eth0",
    "route add 10.5.2.0/24 via 10.5.2.0 dev flannel.1 onlink proto 107",
    "route add 10.5.3.0/24 via 192.168.0.3 dev eth0 metric 50 mtu 1300 src 192.168.0.10 table 1000",
    "route add 10.5.4.0/24 nexthop via 192.168.0.2 dev eth0 nexthop via 192.168.0.3 dev eth0 weight 5 onlink",
    "route add 10.5.5.0/24 via inet6 fd00::5 dev eth0",
    "route add 10.5.6.0/24 via 192.168.0.6 tos 0x10",
    "route add blackhole 10.5.0.0/16",
    "route add unreachable 10.6.0.0/16 metric 9",
    "route add prohibit 10.7.0.0/16",
    "route add throw 10.8.0.0/16 table 1000",
    "route add default via 192.168.0.1",
    "route add fd05::/64 via fd00::2 dev eth0",
    "route add fd06::/64 nexthop via fd00::2 dev eth0 nexthop via fd00::3 dev eth0 weight 3",
    "route add blackhole fd07::/48",
    "route add fd08::/64 via fd00::4 mtu 1280 table 1000",
    "neigh add 192.168.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent",
    "neigh add 192.168.0.3 lladdr 02:00:00:00:00:03 dev eth0 nud stale",
    "neigh add 10.5.2.0 lladdr 02:00:00:00:01:02 dev flannel.1 nud permanent",
    "neigh add fd00::2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent",
    ...rules,
  );
  using cleanup = new DisposableStack();
  cleanup.use(netns);
  const fdb = (...args: string[]) => netns.exec("bridge", "fdb", ...args);
  const [dev, mac] = ["flannel.1", "02:00:00:00:01:02"];
  fdb("add", mac, "dev", dev, "dst", "192.168.0.2", "self", "permanent");
  for (const dst of ["192.168.0.2", "192.168.0.3"]) {
    fdb("append", "00:00:00:00:00:00", "dev", dev, "dst", dst, "self");
  }
  fdb("add", "02:00:00:00:00:77", "dev", "peer0", "master", "static");
  cleanup.move();
  return netns;
}

/** To the table that holds 10.5.3.0/24. */
const MARK_RULE =
  "rule add from 10.5.0.0/16 fwmark 0x10/0xff iif eth0 lookup 1000 priority 100";

const RULES = [
  MARK_RULE,
  "rule add not to 10.6.0.0/16 ipproto tcp dport 53-54 oif eth0 prohibit priority 101",
  "rule add from all tos 0x10 lookup main suppress_prefixlength 0 priority 102",
  "rule add from all uidrange 5-9 goto 32766 priority 103",
  "-6 rule add to fd05::/64 blackhole priority 100",
];

/** As a set: the order of a dump says nothing. */
function textOf<T>(items: readonly T[]): string[] {
  return items.map(iproute2.sorted).sort();
}

/**
 * Compares what is read with what is printed. The kernel adds to its state in
 * its own time, IPv6's multicast neighbours for instance: what is compared is
 * the first that was the same before and after it was printed.
 */
function assertSame<T>(
  read: () => readonly T[],
  print: () => readonly T[],
): void {
  for (let round = 1;; round++) {
    const before = textOf(read());
    const printed = textOf(print());
    assert.ok(printed.length > 0);
    const isSteady = textOf(read()).join("\n") === before.join("\n");
    if (isSteady || round === 20) return assert.deepEqual(before, printed);
  }
}

Deno.test({
  name: "Netlink reads what ip and bridge print",
  ...needs({ netns: true, programs: ["bridge"] }),
  async fn(t) {
    using netns = furnishedNetns(...RULES);
    using netlink = new Netlink({ netns: netns.name });
    await t.step("links()", () => {
      assertSame<Link>(() => netlink.links(), () => {
        const links = netns.ipJson<iproute2.IpLink>("link show");
        return links.map(iproute2.link);
      });
    });
    await t.step("addresses()", () => {
      assertSame(() => netlink.addresses(), () => {
        const links = netns.ipJson<iproute2.IpAddresses>("address show");
        return links.flatMap(iproute2.addresses);
      });
    });
    await t.step("routes()", () => {
      assertSame<Route>(
        () => netlink.routes(),
        () =>
          [4, 6].flatMap((family) =>
            netns.ipJson<iproute2.IpRoute>(
              `-${family} -N route show table all`,
            ).map((route) => iproute2.route(route, family))
          ),
      );
    });
    await t.step("rules()", () => {
      const read = () =>
        netlink.rules().map((rule) => ({
          ...rule,
          other: rule.other.toSorted(),
        }));
      assertSame<PolicyRule>(
        read,
        () =>
          [4, 6].flatMap((family) =>
            netns.ipJson<iproute2.IpRule>(`-${family} -N rule show`)
              .map((rule) => iproute2.rule(rule, family))
          ),
      );
    });
    await t.step("neighbours()", () => {
      assertSame<Neighbour>(() => netlink.neighbours(), () => {
        const show = "neigh show nud all";
        return netns.ipJson<iproute2.IpNeighbour>(show).map(iproute2.neighbour);
      });
    });
    await t.step("fdb()", () => {
      assertSame<FdbEntry>(() => netlink.fdb(), () => {
        const entries = JSON.parse(netns.exec("bridge", "-j", "fdb", "show"));
        return entries.map(iproute2.fdb);
      });
    });
  },
});

Deno.test({
  name: "Netlink.routeGet() answers as ip route get does",
  ...needs({ netns: true, programs: ["bridge"] }),
  async fn(t) {
    using netns = furnishedNetns(MARK_RULE);
    netns.exec("sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
    using netlink = new Netlink({ netns: netns.name });
    await t.step("by the main table", () => {
      const route = netlink.routeGet({ dst: "10.5.1.7" });
      assert.equal(route.gateway, "192.168.0.2");
      assert.equal(route.device, "eth0");
      assert.equal(route.prefsrc, "192.168.0.9");
      assert.equal(route.table, 254);
      assert.equal(route.dst, "10.5.1.7/32");
    });
    await t.step("by a mark and a source", () => {
      const route = netlink.routeGet({
        dst: "10.5.3.7",
        from: "10.5.1.9",
        iif: "eth0",
        mark: 0x10,
      });
      assert.equal(route.table, 1000);
      assert.equal(route.gateway, "192.168.0.3");
    });
    await t.step("out of a device", () => {
      const route = netlink.routeGet({ dst: "10.5.2.1", oif: "flannel.1" });
      assert.equal(route.device, "flannel.1");
    });
    await t.step("IPv6", () => {
      const route = netlink.routeGet({ dst: "fd05::1" });
      assert.equal(route.family, 6);
      assert.equal(route.gateway, "fd00::2");
    });
    await t.step("with the kernel's error where there is no way", () => {
      const code = (dst: string) => {
        try {
          netlink.routeGet({ dst });
        } catch (error) {
          return (error as { code?: string }).code;
        }
      };
      assert.equal(code("10.6.0.1"), "EHOSTUNREACH");
      assert.equal(code("10.7.0.1"), "EACCES");
      assert.equal(code("10.5.77.1"), "EINVAL");
      assert.equal(code("fdff::1"), "ENETUNREACH");
    });
  },
});

Deno.test({
  name: "Netlink answers again after a request the kernel refused",
  ...needs({ netns: true }),
  fn() {
    using netns = new TestNetns("link set lo up");
    using netlink = new Netlink({ netns: netns.name });
    assert.throws(() => netlink.routeGet({ dst: "10.0.0.1" }), {
      name: "SystemError",
      code: "ENETUNREACH",
    });
    assert.deepEqual(netlink.links().map((link) => link.name), ["lo"]);
  },
});

Deno.test({
  name: "Netlink reads thousands of routes and links over many datagrams",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.0.0.1/16 dev br0",
      "link set br0 up",
    );
    using netlink = new Netlink({ netns: netns.name });
    const routes = Array.from({ length: 3000 }, (_, index) => ({
      family: 4 as const,
      dst: `10.${100 + (index >> 8)}.${index & 255}.0/24`,
      gateway: `10.0.${index >> 8}.${(index & 255) || 1}`,
      device: "br0",
    })).filter(({ gateway }) => gateway !== "10.0.0.1");
    const results = await netlink.apply(
      routes.map((route) => ({ kind: "route", op: "add", route })),
    );
    assert.deepEqual(results.filter(({ error }) => error !== null), []);
    const read = new Map(netlink.routes().map((route) => [route.dst, route]));
    for (const route of routes) {
      assert.equal(read.get(route.dst)?.gateway, route.gateway);
    }
    const links = await netlink.apply(
      Array.from({ length: 60 }, (_, index) => ({
        kind: "link",
        op: "add",
        name: `v${index}`,
        type: "bridge",
      })),
    );
    assert.deepEqual(links.filter(({ error }) => error !== null), []);
    assert.equal(netlink.links().length, 62);
  },
});

Deno.test({
  name: "Netlink reads whole dumps while the routes change",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns(
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.0.0.1/16 dev br0",
      "link set br0 up",
    );
    using writer = new Netlink({ netns: netns.name });
    using reader = new Netlink({ netns: netns.name });
    const route = (index: number) => ({
      family: 4 as const,
      dst: `10.${100 + (index >> 8)}.${index & 255}.0/24`,
      device: "br0",
    });
    const steady = Array.from({ length: 1500 }, (_, index) => route(index));
    await writer.apply(
      steady.map((route) => ({ kind: "route", op: "add", route })),
    );
    const flapping = Array.from({ length: 640 }, (_, i) => ({
      kind: "route" as const,
      op: i % 2 === 0 ? "add" as const : "delete" as const,
      route: route(5000),
    }));
    const wanted = new Set(steady.map(({ dst }) => dst));
    let done = false;
    const writing = writer.apply(flapping).finally(() => done = true);
    let dumps = 0;
    while (!done) {
      const seen = reader.routes().filter(({ dst }) => wanted.has(dst));
      assert.equal(seen.length, steady.length);
      dumps++;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await writing;
    assert.ok(dumps > 0);
  },
});

Deno.test("Netlink says which namespace is missing", () => {
  assert.throws(() => new Netlink({ netns: "fd-none" }), {
    name: "SystemError",
    message: /^Cannot open network namespace "fd-none": ENOENT/,
  });
});

Deno.test("Netlink cannot be used after it was disposed", () => {
  const netlink = new Netlink();
  netlink[Symbol.dispose]();
  netlink[Symbol.dispose]();
  assert.throws(() => netlink.links(), /socket is closed/);
});
