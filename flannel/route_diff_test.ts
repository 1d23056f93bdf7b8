import assert from "node:assert/strict";
import { leastCpuTime } from "../tests/support/cpu_time.ts";
import type { LocalNode, WantedRoute } from "./expected_types.ts";
import type { PolicyRule, Route } from "./kernel.ts";
import type { Lease } from "./lease.ts";
import { parseNetworkConfig } from "./network_config.ts";
import { diffRoutes, isAdoptable, isOurs } from "./route_diff.ts";
import { onLinkBy, routeLookup } from "./on_link.ts";

const CONFIG = parseNetworkConfig(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":{"Type":"host-gw"}}',
).config!;

const PEER: Lease = {
  key: "10.5.2.0-24",
  subnet: "10.5.2.0/24",
  ipv6Subnet: null,
  attributes: {
    publicIP: "192.168.1.11",
    publicIPv6: null,
    backendType: "host-gw",
    backendData: null,
    backendV6Data: null,
  },
  ttl: 86400,
};

const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.1.10",
  ipv6Address: "fd01::10",
  publicIP: "192.168.1.10",
  publicIPv6: "fd01::10",
  lease: {
    ...PEER,
    key: "10.5.1.0-24",
    subnet: "10.5.1.0/24",
    ipv6Subnet: "fd00:0:0:1::/64",
  },
};

const PROTOCOLS: Record<string, number> = {
  kernel: 2,
  boot: 3,
  static: 4,
  flandoc: 107,
};

/** A route from `ip route` words; boot protocol and main table by default. */
function route(text: string): Route {
  const words = text.split(" ");
  const types = ["blackhole", "unreachable", "local"];
  const type = types.includes(words[0]!) ? words.shift()! : "unicast";
  const dst = words.shift()!;
  const after = (name: string) => {
    const at = words.indexOf(name);
    return at < 0 ? null : words[at + 1] ?? null;
  };
  const family = dst.includes(":") ? 6 : 4;
  return {
    family,
    dst,
    type,
    table: Number(after("table") ?? 254),
    protocol: PROTOCOLS[after("proto") ?? "boot"]!,
    scope: after("scope") === "link" ? 253 : 0,
    metric: Number(after("metric") ?? (family === 4 ? 0 : 1024)),
    tos: Number(after("tos") ?? 0),
    gateway: after("via"),
    device: after("dev"),
    onlink: words.includes("onlink"),
    down: words.includes("linkdown"),
    prefsrc: after("src"),
    mtu: null,
    ...(words.includes("nexthops")
      ? {
        nexthops: [{
          gateway: "192.168.1.11",
          device: "eth0",
          weight: 1,
          onlink: false,
          down: false,
        }],
      }
      : {}),
  };
}

function wanted(text: string): WantedRoute {
  const { family, dst, gateway, device, onlink } = route(text);
  return { family, dst, gateway, device, onlink, peer: PEER };
}

function rule(priority: number, more: Partial<PolicyRule>): PolicyRule {
  return {
    family: 4,
    priority,
    from: null,
    to: null,
    iif: null,
    oif: null,
    fwmark: null,
    fwmask: null,
    table: 254,
    action: "lookup",
    not: false,
    other: [],
    ...more,
  };
}

const RULES = [
  rule(0, { table: 255 }),
  rule(32766, { table: 254 }),
  rule(32767, { table: 253 }),
];

/** The difference in words. */
function diff(
  want: readonly string[],
  have: readonly string[],
  rules: readonly PolicyRule[] = RULES,
): string[] {
  const result = diffRoutes({
    wanted: want.map(wanted),
    observed: have.map(route),
    config: CONFIG,
    node: NODE,
    rules,
  });
  return [
    ...result.missing.map((r) => `missing ${r.dst}`),
    ...result.wrong.map((w) => `wrong ${w.wanted.dst} ${w.differs.join(",")}`),
    ...result.stale.map((s) => `stale ${s.route.dst} ${s.reason}`),
    ...result.shadowed.map((s) =>
      `shadowed ${s.wanted.dst} ${s.kind} ${
        s.kind === "policy-rule" ? s.by.priority : s.by.dst
      }`
    ),
    ...result.ownSubnet.map((r) => `own ${r.dst}`),
    ...result.linkDown.map((p) => `down ${p.wanted.dst}`),
  ];
}

const VIA = "10.5.2.0/24 via 192.168.1.11 dev eth0";
const VX = "10.5.2.0/24 via 10.5.2.0 dev flannel.1 onlink";
const SIX = "fd00:0:0:2::/64 via fd01::11 dev eth0";

Deno.test("diffRoutes() compares gateway, device and onlink", async (t) => {
  const table: [string, string[], string[], string[]][] = [
    ["equal", [VIA], [VIA], []],
    ["flandoc's own", [VIA], [`${VIA} proto flandoc`], []],
    ["an administrator's", [VIA], [`${VIA} proto static metric 50`], []],
    ["IPv6", [SIX], [SIX], []],
    ["IPv6 spelt otherwise", [SIX], [
      "fd00:0:0:2::/64 via FD01:0::11 dev eth0",
    ], []],
    ["none", [VIA], [], ["missing 10.5.2.0/24"]],
    ["in another table", [VIA], [`${VIA} table 100`], ["missing 10.5.2.0/24"]],
    ["for another TOS", [VIA], [`${VIA} tos 16`], ["missing 10.5.2.0/24"]],
    [
      "other gateway",
      [VIA],
      ["10.5.2.0/24 via 192.168.1.12 dev eth0"],
      ["wrong 10.5.2.0/24 gateway"],
    ],
    [
      "other device",
      [VIA],
      ["10.5.2.0/24 via 192.168.1.11 dev eth1"],
      ["wrong 10.5.2.0/24 device"],
    ],
    ["onlink where none is wanted", [VIA], [`${VIA} onlink`], [
      "wrong 10.5.2.0/24 onlink",
    ]],
    ["blackhole", [VIA], ["blackhole 10.5.2.0/24"], [
      "wrong 10.5.2.0/24 type,gateway,device",
    ]],
    ["multipath", [VIA], ["10.5.2.0/24 nexthops"], [
      "wrong 10.5.2.0/24 nexthops",
    ]],
    ["a bridge with a peer's subnet", [VIA], [
      "10.5.2.0/24 dev docker0 proto kernel scope link src 10.5.2.1",
    ], ["wrong 10.5.2.0/24 gateway,device"]],
    ["host-gw's route after a change to vxlan", [VX], [VIA], [
      "wrong 10.5.2.0/24 gateway,device,onlink",
    ]],
    ["link down", [VIA], [`${VIA} linkdown`], ["down 10.5.2.0/24"]],
    [
      "a worse one beside it",
      [VIA],
      [VIA, "10.5.2.0/24 via 192.168.1.99 dev eth0 metric 100"],
      [],
    ],
    [
      "a better one beside it",
      [VIA],
      [`${VIA} metric 100`, "10.5.2.0/24 via 192.168.1.99 dev eth0"],
      ["shadowed 10.5.2.0/24 lower-metric 10.5.2.0/24"],
    ],
  ];
  for (const [name, want, have, result] of table) {
    await t.step(name, () => assert.deepEqual(diff(want, have), result));
  }
});

Deno.test("diffRoutes() tells stale routes from others' routes", async (t) => {
  const table: [string, string, string[]][] = [
    ["flandoc's", "10.5.9.0/24 via 192.168.1.19 dev eth0 proto flandoc", [
      "stale 10.5.9.0/24 ours",
    ]],
    [
      "flandoc's of a former network",
      "10.9.9.0/24 via 192.168.1.19 dev eth0 proto flandoc",
      ["stale 10.9.9.0/24 ours"],
    ],
    ["flanneld's", "10.5.9.0/24 via 192.168.1.19 dev eth0", [
      "stale 10.5.9.0/24 flannel",
    ]],
    [
      "flanneld's of vxlan",
      "10.5.9.0/24 via 10.5.9.0 dev flannel.1 onlink",
      ["stale 10.5.9.0/24 flannel"],
    ],
    ["IPv6", "fd00:0:0:9::/64 via fd01::19 dev eth0", [
      "stale fd00:0:0:9::/64 flannel",
    ]],
    ["static", "10.5.9.0/24 via 192.168.1.19 dev eth0 proto static", []],
    ["with a metric", "10.5.9.0/24 via 192.168.1.19 dev eth0 metric 9", []],
    ["with a source", "10.5.9.0/24 via 192.168.1.1 dev eth0 src 1.2.3.4", []],
    ["of another length", "10.5.8.0/23 via 192.168.1.19 dev eth0", []],
    ["over another device", "10.5.9.0/24 via 10.9.0.1 dev tun0", []],
    ["of a bridge", "10.5.9.0/24 dev br0 proto kernel scope link", []],
    ["outside the network", "10.6.9.0/24 via 192.168.1.19 dev eth0", []],
    ["the default route", "0.0.0.0/0 via 192.168.1.1 dev eth0", []],
  ];
  for (const [name, have, result] of table) {
    await t.step(name, () => assert.deepEqual(diff([], [have]), result));
  }
});

Deno.test("diffRoutes() finds the own subnet led away", async (t) => {
  const table: [string, string, string[]][] = [
    ["to a peer", "10.5.1.0/24 via 192.168.1.12 dev eth0", ["own 10.5.1.0/24"]],
    ["into the overlay", "10.5.1.0/24 dev flannel.1 scope link", [
      "own 10.5.1.0/24",
    ]],
    [
      "IPv6",
      "fd00:0:0:1::/64 via fd01::11 dev eth0",
      ["own fd00:0:0:1::/64"],
    ],
    [
      "its bridge",
      "10.5.1.0/24 dev docker0 proto kernel scope link src 10.5.1.1",
      [],
    ],
    ["--ip-blackhole-route", "blackhole 10.5.1.0/24", []],
  ];
  for (const [name, have, result] of table) {
    await t.step(name, () => assert.deepEqual(diff([], [have]), result));
  }
});

Deno.test("diffRoutes() finds more specific routes", async (t) => {
  const table: [string, string, string[]][] = [
    ["a VPN's", "10.5.2.128/25 dev tun0 scope link", [
      "shadowed 10.5.2.0/24 more-specific 10.5.2.128/25",
    ]],
    ["a blackhole", "blackhole 10.5.2.7/32", [
      "shadowed 10.5.2.0/24 more-specific 10.5.2.7/32",
    ]],
    ["one that goes the same way", "10.5.2.7/32 via 192.168.1.11 dev eth0", []],
    ["of the local table", "local 10.5.2.1/32 dev lo table 255", []],
    ["a wider one", "10.5.0.0/16 via 192.168.1.1 dev eth0", []],
    ["another subnet's", "10.5.3.128/25 dev tun0", []],
  ];
  for (const [name, have, result] of table) {
    await t.step(
      name,
      () => assert.deepEqual(diff([VIA], [VIA, have]), result),
    );
  }
  await t.step("the own bridge inside udp's route is none", () => {
    assert.deepEqual(
      diff(["10.5.0.0/16 dev flannel0"], [
        "10.5.0.0/16 dev flannel0",
        "10.5.1.0/24 dev docker0 proto kernel scope link",
      ]),
      [],
    );
  });
});

Deno.test("diffRoutes() finds policy rules before main", async (t) => {
  const other = "0.0.0.0/0 via 192.168.1.1 dev eth0 table 100";
  const hit = ["shadowed 10.5.2.0/24 policy-rule 100"];
  const table: [string, Partial<PolicyRule>, string, string[]][] = [
    ["to a table with a default route", { table: 100 }, other, hit],
    [
      "from the own address",
      { table: 100, from: "192.168.1.10/32" },
      other,
      hit,
    ],
    ["from the own subnet", { table: 100, from: "10.5.0.0/16" }, other, hit],
    ["from elsewhere", { table: 100, from: "10.77.0.0/16" }, other, []],
    ["to the peers", { table: 100, to: "10.5.0.0/16" }, other, hit],
    ["to elsewhere", { table: 100, to: "10.77.0.0/16" }, other, []],
    ["to an empty table", { table: 101 }, other, []],
    [
      "to a table that knows the way",
      { table: 100 },
      `${VIA} table 100`,
      [],
    ],
    ["on a mark", { table: 100, fwmark: 1 }, other, []],
    ["on an interface", { table: 100, iif: "tun0" }, other, []],
    ["of another family", { table: 100, family: 6 }, other, []],
    ["that refuses", { action: "prohibit", table: 0 }, other, hit],
  ];
  for (const [name, more, have, result] of table) {
    await t.step(name, () => {
      const rules = [...RULES, rule(100, more)];
      assert.deepEqual(diff([VIA], [VIA, have], rules), result);
    });
  }
  await t.step("a rule that asks main first settles it", () => {
    const rules = [
      ...RULES,
      rule(90, { to: "10.5.0.0/16" }),
      rule(100, { table: 100 }),
    ];
    assert.deepEqual(diff([VIA], [VIA, other], rules), []);
  });
  await t.step("WireGuard's suppressed main settles it", () => {
    const rules = [
      ...RULES,
      rule(90, { other: ["suppress_prefixlength 0"] }),
      rule(100, { table: 100 }),
    ];
    assert.deepEqual(diff([VIA], [VIA, other], rules), []);
  });
});

Deno.test("isOurs() and isAdoptable() go by protocol and metric", () => {
  assert.ok(isAdoptable(route(VIA)));
  assert.ok(isAdoptable(route(SIX)));
  assert.ok(!isAdoptable(route(`${VIA} metric 5`)));
  assert.ok(!isAdoptable(route(`${VIA} proto static`)));
  assert.ok(isOurs(route(`${VIA} proto flandoc`)));
  assert.ok(!isOurs(route(VIA)));
});

/** Least time of several runs: what the machine does besides only adds. */
function leastTime(peers: number): number {
  const subnet = (i: number) => `10.${64 + (i >> 8)}.${i & 255}.0/24`;
  const text = (i: number) => `${subnet(i)} via 192.168.1.11 dev eth0`;
  const input = {
    wanted: Array.from({ length: peers }, (_, i) => wanted(text(i + 10))),
    observed: Array.from({ length: peers }, (_, i) => route(text(i))),
    config: parseNetworkConfig(
      '{"Network":"10.0.0.0/8","Backend":{"Type":"host-gw"}}',
    ).config!,
    node: NODE,
    rules: RULES,
  };
  return leastCpuTime(() => {
    const result = diffRoutes(input);
    assert.equal(result.missing.length, 10);
    assert.equal(result.stale.length, 10);
    assert.equal(result.present.length, peers - 10);
  }, 7);
}

Deno.test("diffRoutes() grows with the peers, not with their square", () => {
  const ratio = leastTime(8000) / leastTime(1000);
  // Eight times the peers; work that grows with the square takes 64 times.
  assert.ok(ratio < 30, `8 times the peers take ${ratio.toFixed(1)} times`);
});

Deno.test("onLinkBy() decides as a kernel lookup", async (t) => {
  const routes = [
    "0.0.0.0/0 via 192.168.1.1 dev eth0",
    "192.168.1.0/24 dev eth0 proto kernel scope link",
    "192.168.1.128/25 via 192.168.1.2 dev eth0",
    "blackhole 192.168.1.99/32",
    "192.168.3.0/24 dev eth1 metric 100",
    "192.168.3.0/24 via 192.168.1.3 dev eth0 metric 50",
    "192.168.4.0/24 dev eth1 table 100",
    "192.168.5.0/24 nexthops",
    "192.168.6.0/24 dev eth1",
    "fd01::/64 dev eth0",
  ].map(route);
  const deviceOf = onLinkBy(routes);
  const table: [string, string | null][] = [
    ["192.168.1.11", "eth0"],
    ["192.168.1.200", null],
    ["192.168.1.99", null],
    ["192.168.2.1", null],
    ["192.168.3.1", null],
    ["192.168.4.1", null],
    ["192.168.6.1", "eth1"],
    ["192.168.5.1", null],
    ["fd01::5", "eth0"],
    ["fd02::5", null],
    ["nonsense", null],
  ];
  for (const [address, answer] of table) {
    await t.step(address, () => assert.equal(deviceOf(address), answer));
  }
  assert.equal(routeLookup(routes)("192.168.3.1")?.metric, 50);
});
