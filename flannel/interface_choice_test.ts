import assert from "node:assert/strict";
import {
  chooseInterface,
  type InterfaceFacts,
  type InterfaceOptions,
  preferredAddresses,
} from "./interface_choice.ts";
import type { Address, Link, Route } from "./kernel.ts";

function link(index: number, name: string, mtu = 1500): Link {
  return {
    index,
    name,
    kind: null,
    up: true,
    carrier: true,
    loopback: name === "lo",
    pointToPoint: false,
    noArp: false,
    operState: "UP",
    mtu,
    mac: null,
    master: null,
    lower: null,
  };
}

function address(
  device: string,
  text: string,
  flags: readonly string[] = [],
): Address {
  return {
    device,
    family: text.includes(":") ? 6 : 4,
    address: text,
    prefixLength: 24,
    peer: null,
    scope: "global",
    broadcast: null,
    label: null,
    flags,
  };
}

function defaultRoute(device: string, family: 4 | 6 = 4): Route {
  return {
    family,
    dst: family === 4 ? "0.0.0.0/0" : "::/0",
    type: "unicast",
    table: 254,
    protocol: 3,
    scope: 0,
    metric: 0,
    tos: 0,
    gateway: "192.168.1.1",
    device,
    onlink: false,
    down: false,
    prefsrc: null,
    mtu: null,
  };
}

/** `lo`, eth0 with the default route, eth1 and tun9. */
const FACTS: InterfaceFacts = {
  links: [
    link(4, "tun9", 1400),
    link(3, "eth1", 9000),
    link(2, "eth0"),
    link(1, "lo", 65536),
  ],
  addresses: [
    address("lo", "127.0.0.1"),
    address("eth0", "169.254.7.7"),
    address("eth0", "192.168.1.10"),
    address("eth0", "192.168.1.20"),
    address("eth0", "fe80::10"),
    address("eth0", "fd01::10"),
    address("eth1", "10.9.0.10"),
    address("eth1", "fd09::10"),
    address("tun9", "169.254.9.9"),
  ],
  routes: [defaultRoute("eth0"), defaultRoute("eth1"), defaultRoute("eth0", 6)],
  lookup: (a) =>
    a === "10.9.0.1"
      ? { device: "eth1", source: "10.9.0.10", gateway: null }
      : null,
};

function choose(options: InterfaceOptions, facts: InterfaceFacts = FACTS) {
  const choice = chooseInterface(options, facts);
  if ("problem" in choice) return choice.problem;
  const { node, reason } = choice;
  return [
    node.device,
    node.deviceMtu,
    node.address,
    node.publicIP,
    node.ipv6Address,
    node.publicIPv6,
    reason,
  ].join(" ");
}

const NONE =
  "Failed to find interface to use that matches the interfaces and/or regexes provided";

Deno.test("chooseInterface() follows flanneld's order", async (t) => {
  const table: [string, InterfaceOptions, string][] = [
    [
      "default route",
      {},
      "eth0 1500 192.168.1.10 192.168.1.10   default route",
    ],
    [
      "name",
      { iface: ["eth1"] },
      "eth1 9000 10.9.0.10 10.9.0.10   --iface=eth1",
    ],
    [
      "address, and that address",
      { iface: ["192.168.1.20"] },
      "eth0 1500 192.168.1.20 192.168.1.20   --iface=192.168.1.20",
    ],
    [
      "the first that matches",
      { iface: ["eth7", "tun9", "eth0"] },
      "tun9 1400 169.254.9.9 169.254.9.9   --iface=tun9",
    ],
    [
      "regex on an address before one on a name",
      { ifaceRegex: ["^10\\.9\\."] },
      "eth1 9000 10.9.0.10 10.9.0.10   --iface-regex=^10\\.9\\.",
    ],
    [
      "regex on a name, not anchored",
      { ifaceRegex: ["un9"] },
      "tun9 1400 169.254.9.9 169.254.9.9   --iface-regex=un9",
    ],
    [
      "iface before regex",
      { iface: ["eth1"], ifaceRegex: ["eth0"] },
      "eth1 9000 10.9.0.10 10.9.0.10   --iface=eth1",
    ],
    [
      "can-reach",
      { ifaceCanReach: "10.9.0.1" },
      "eth1 9000 10.9.0.10 10.9.0.10   --iface-can-reach=10.9.0.1",
    ],
    [
      "public address on an interface",
      { publicIP: "10.9.0.10" },
      "eth1 9000 10.9.0.10 10.9.0.10   --public-ip=10.9.0.10",
    ],
    [
      "public address that an annotation sets",
      { publicIP: "10.9.0.10", publicIPFrom: "annotation a/node-public-ip" },
      "eth1 9000 10.9.0.10 10.9.0.10   annotation a/node-public-ip=10.9.0.10",
    ],
    [
      "public address behind NAT with --iface",
      { iface: ["eth0"], publicIP: "203.0.113.9" },
      "eth0 1500 192.168.1.10 203.0.113.9   --iface=eth0",
    ],
    [
      "public address on no interface",
      { publicIP: "203.0.113.9" },
      "Failed to find any valid interface to use: error looking up interface 203.0.113.9: no interface with given IP found",
    ],
    [
      "the same with v0.11: default route",
      { publicIP: "203.0.113.9", flannelVersion: "0.11.0" },
      "eth0 1500 192.168.1.10 203.0.113.9   default route",
    ],
    ["nothing matches", { iface: ["eth7"], ifaceRegex: ["^wlan"] }, NONE],
    [
      "bad regex",
      { ifaceRegex: ["("] },
      NONE + "; --iface-regex=( is no regular expression",
    ],
    ["unreachable", { ifaceCanReach: "203.0.113.1" }, NONE],
    [
      "not an address",
      { iface: ["eth0"], publicIP: "example.com" },
      "invalid public IP address: example.com",
    ],
    [
      "dual stack",
      { ipv6: true },
      "eth0 1500 192.168.1.10 192.168.1.10 fd01::10 fd01::10 default route",
    ],
    [
      "IPv6 only",
      { ipv4: false, ipv6: true, iface: ["fd09::10"] },
      "eth1 9000   fd09::10 fd09::10 --iface=fd09::10",
    ],
    [
      "dual stack on an interface without IPv6",
      { ipv6: true, iface: ["tun9"] },
      "failed to find IPv6 address for interface tun9",
    ],
  ];
  for (const [name, options, wanted] of table) {
    await t.step(name, () => assert.equal(choose(options), wanted));
  }
});

Deno.test("chooseInterface() refuses what cannot work", async (t) => {
  await t.step("no default route", () => {
    assert.equal(
      choose({}, { ...FACTS, routes: [] }),
      "Cannot choose an interface: no default route",
    );
  });
  await t.step("default routes of the families differ", () => {
    const routes = [defaultRoute("eth0"), defaultRoute("eth1", 6)];
    assert.equal(
      choose({ ipv6: true }, { ...FACTS, routes }),
      "Cannot choose an interface: default routes differ, IPv4 by eth0, IPv6 by eth1",
    );
  });
  await t.step("MTU 0", () => {
    assert.equal(
      choose({ iface: ["eth5"] }, { ...FACTS, links: [link(5, "eth5", 0)] }),
      "Failed to determine MTU for eth5 interface",
    );
  });
});

Deno.test("preferredAddresses() follows the release", () => {
  const list = [
    address("eth0", "169.254.7.7"),
    address("eth0", "10.0.0.9", ["deprecated"]),
    address("eth0", "10.0.0.1", ["dynamic"]),
    address("eth0", "10.0.0.2"),
    address("eth0", "169.254.8.8"),
    address("eth0", "127.0.0.9"),
    address("eth0", "224.0.0.1"),
    address("eth1", "10.0.0.3"),
  ];
  assert.deepEqual(preferredAddresses(list, "eth0", 4), [
    "10.0.0.2",
    "10.0.0.1",
    "169.254.7.7",
    "169.254.8.8",
  ]);
  assert.deepEqual(preferredAddresses(list, "eth0", 4, "0.11.0"), [
    "10.0.0.9",
    "10.0.0.1",
    "10.0.0.2",
    "169.254.8.8",
    "169.254.7.7",
  ]);
});
