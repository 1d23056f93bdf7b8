import assert from "node:assert/strict";
import { CAPTURES, readCapture } from "../tests/support/captures.ts";
import { type ExpectationInput, expectedState } from "./expected.ts";
import type { ExpectedState, LocalNode } from "./expected_types.ts";
import { parseFlags } from "./flags.ts";
import { chooseInterface } from "./interface_choice.ts";
import { parseNetworkConfig } from "./network_config.ts";
import { onLinkBy } from "./on_link.ts";
import { diffDevice, diffFdb, diffNeighbours } from "./overlay_diff.ts";
import { findOwnLease } from "./own_lease.ts";
import { parseLease, parseLeases } from "./parse_lease.ts";
import { diffRoutes } from "./route_diff.ts";
import { parseSubnetEnv } from "./subnet_env.ts";
import type { Lease } from "./lease.ts";

/** Expected state as an administrator would type it. */
function lines(state: ExpectedState): string[] {
  return [
    ...state.devices.map((d) =>
      `${d.name} ${d.kind} mtu ${d.mtu} mac ${d.mac} addr ${d.address}` +
      (d.vxlan === undefined
        ? ""
        : ` id ${d.vxlan.vni} dstport ${d.vxlan.port}`)
    ),
    ...state.routes.map((r) =>
      `${r.dst}${
        r.gateway === null ? "" : ` via ${r.gateway}`
      } dev ${r.device}${r.onlink ? " onlink" : ""}`
    ),
    ...state.neighbours.map((n) =>
      `${n.address} dev ${n.device} lladdr ${n.mac} PERMANENT`
    ),
    ...state.fdb.map((e) => `${e.mac} dev ${e.device} dst ${e.dst} self`),
    ...state.ignored.map((i) => `ignored ${i.peer.key} ${i.reason}`),
    `mtu ${state.mtu}`,
  ];
}

const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.1.10",
  ipv6Address: null,
  publicIP: "192.168.1.10",
  publicIPv6: null,
  lease: null,
};

function lease(key: string, value: unknown): Lease {
  return parseLease({
    key,
    value: JSON.stringify(value),
    ttl: 86400,
  }) as Lease;
}

function expect(
  config: Record<string, unknown>,
  leases: readonly Lease[],
  node: Partial<LocalNode> = {},
  onLinkBy?: ExpectationInput["onLinkBy"],
): string[] {
  const parsed = parseNetworkConfig(JSON.stringify(config));
  const full = { ...NODE, ...node };
  const own = findOwnLease(leases, full);
  const result = expectedState({
    config: parsed.config!,
    leases,
    node: { ...full, lease: own },
    ...(onLinkBy === undefined ? {} : { onLinkBy }),
  });
  return "state" in result ? lines(result.state) : [result.unmodelled];
}

const MAC1 = "c6:d2:32:6f:8f:01";
const MAC2 = "c6:d2:32:6f:8f:02";
const MAC3 = "c6:d2:32:6f:8f:03";
const NET4 = { Network: "10.244.0.0/16" };
const NET6 = { EnableIPv6: true, IPv6Network: "fc00::/48" };
const vx = (ip: string, mac: string) => ({
  PublicIP: ip,
  BackendType: "vxlan",
  BackendData: { VNI: 1, VtepMAC: mac },
});

Deno.test("expectedState() host-gw: a route a peer", () => {
  const gw = (ip: string) => ({ PublicIP: ip, BackendType: "host-gw" });
  assert.deepEqual(
    expect({ ...NET4, Backend: { Type: "host-gw" } }, [
      lease("10.244.1.0-24", gw("192.168.1.10")),
      lease("10.244.2.0-24", gw("192.168.1.11")),
      lease("10.244.3.0-24", vx("192.168.1.12", MAC3)),
      lease("10.244.4.0-24", { PublicIP: "192.168.1.13" }),
      lease("10.244.5.0-24", gw("192.168.1.10")),
      lease("10.244.6.0-24", gw("0.0.0.0")),
    ]),
    [
      "10.244.2.0/24 via 192.168.1.11 dev eth0",
      "ignored 10.244.1.0-24 own",
      "ignored 10.244.3.0-24 backend-type",
      "ignored 10.244.4.0-24 backend-type",
      "ignored 10.244.5.0-24 own",
      "ignored 10.244.6.0-24 no-subnet",
      "mtu 1500",
    ],
  );
});

Deno.test("expectedState() host-gw: both families of a dual network", () => {
  assert.deepEqual(
    expect(
      { ...NET4, ...NET6, Backend: { Type: "host-gw" } },
      [
        lease("10.244.2.0-24&fc00:0:0:2::-64", {
          PublicIP: "192.168.1.11",
          PublicIPv6: "fd01::11",
          BackendType: "host-gw",
        }),
        lease("10.244.3.0-24", {
          PublicIP: "192.168.1.12",
          BackendType: "host-gw",
        }),
      ],
      { ipv6Address: "fd01::10", publicIPv6: "fd01::10" },
    ),
    [
      "10.244.2.0/24 via 192.168.1.11 dev eth0",
      "fc00:0:0:2::/64 via fd01::11 dev eth0",
      "10.244.3.0/24 via 192.168.1.12 dev eth0",
      "mtu 1500",
    ],
  );
});

Deno.test("expectedState() vxlan: device, neighbour, FDB entry, route", () => {
  assert.deepEqual(
    expect({ ...NET4, Backend: { Type: "vxlan" } }, [
      lease("10.244.1.0-24", vx("192.168.1.10", MAC1)),
      lease("10.244.2.0-24", vx("192.168.1.11", MAC2)),
      lease("10.244.3.0-24", vx("192.168.1.12", "broken")),
      lease("10.244.5.0-24", vx("192.168.1.15", "ff:ff:ff:ff:ff:ff")),
      lease("10.244.6.0-24", vx("0.0.0.0", MAC3)),
      lease("10.244.7.0-24", vx("255.255.255.255", MAC3)),
      lease("10.244.4.0-24", {
        PublicIP: "192.168.1.13",
        BackendType: "host-gw",
      }),
    ]),
    [
      `flannel.1 vxlan mtu 1450 mac ${MAC1} addr 10.244.1.0/32 id 1 dstport 8472`,
      "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
      `10.244.2.0 dev flannel.1 lladdr ${MAC2} PERMANENT`,
      `${MAC2} dev flannel.1 dst 192.168.1.11 self`,
      "ignored 10.244.1.0-24 own",
      "ignored 10.244.4.0-24 backend-type",
      "ignored 10.244.3.0-24 backend-data",
      "ignored 10.244.5.0-24 backend-data",
      "ignored 10.244.6.0-24 backend-data",
      "ignored 10.244.7.0-24 backend-data",
      "mtu 1450",
    ],
  );
});

Deno.test("expectedState() vxlan: VNI, Port and MTU", () => {
  assert.deepEqual(
    expect(
      { ...NET4, Backend: { Type: "vxlan", VNI: 42, Port: 4790, MTU: 1400 } },
      [
        lease("10.244.1.0-24", vx("192.168.1.10", MAC1)),
        lease("10.244.2.0-24", vx("192.168.1.11", MAC2)),
      ],
    ).slice(0, 2),
    [
      `flannel.42 vxlan mtu 1350 mac ${MAC1} addr 10.244.1.0/32 id 42 dstport 4790`,
      "10.244.2.0/24 via 10.244.2.0 dev flannel.42 onlink",
    ],
  );
});

Deno.test("expectedState() vxlan: DirectRouting for peers on-link", () => {
  assert.deepEqual(
    expect(
      { ...NET4, Backend: { Type: "vxlan", DirectRouting: true } },
      [
        lease("10.244.1.0-24", vx("192.168.1.10", MAC1)),
        lease("10.244.2.0-24", vx("192.168.1.11", MAC2)),
        lease("10.244.3.0-24", vx("192.168.9.12", MAC3)),
        lease("10.244.4.0-24", vx("192.168.2.13", MAC3)),
      ],
      {},
      // This host has a leg on another segment, too.
      (address) =>
        address.startsWith("192.168.1.")
          ? "eth0"
          : address.startsWith("192.168.2.")
          ? "eth1"
          : null,
    ),
    [
      `flannel.1 vxlan mtu 1450 mac ${MAC1} addr 10.244.1.0/32 id 1 dstport 8472`,
      "10.244.2.0/24 via 192.168.1.11 dev eth0",
      "10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink",
      "10.244.4.0/24 via 192.168.2.13 dev eth1",
      `10.244.3.0 dev flannel.1 lladdr ${MAC3} PERMANENT`,
      `${MAC3} dev flannel.1 dst 192.168.9.12 self`,
      "ignored 10.244.1.0-24 own",
      "mtu 1450",
    ],
  );
});

Deno.test("expectedState() vxlan: dual stack has two devices", () => {
  const dual = (n: number, mac: string, mac6: string) =>
    lease(`10.244.${n}.0-24&fc00:0:0:${n}::-64`, {
      ...vx(`192.168.1.1${n}`, mac),
      PublicIPv6: `fd01::${n}`,
      BackendV6Data: { VNI: 1, VtepMAC: mac6 },
    });
  assert.deepEqual(
    expect(
      { ...NET4, ...NET6, Backend: { Type: "vxlan" } },
      [dual(1, MAC1, "c6:d2:32:6f:8f:a1"), dual(2, MAC2, "c6:d2:32:6f:8f:a2")],
      {
        address: "192.168.1.11",
        publicIP: "192.168.1.11",
        ipv6Address: "fd01::1",
        publicIPv6: "fd01::1",
      },
    ),
    [
      `flannel.1 vxlan mtu 1450 mac ${MAC1} addr 10.244.1.0/32 id 1 dstport 8472`,
      "flannel-v6.1 vxlan mtu 1430 mac c6:d2:32:6f:8f:a1 addr fc00:0:0:1::/128 id 1 dstport 8472",
      "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
      "fc00:0:0:2::/64 via fc00:0:0:2:: dev flannel-v6.1 onlink",
      `10.244.2.0 dev flannel.1 lladdr ${MAC2} PERMANENT`,
      "fc00:0:0:2:: dev flannel-v6.1 lladdr c6:d2:32:6f:8f:a2 PERMANENT",
      `${MAC2} dev flannel.1 dst 192.168.1.12 self`,
      "c6:d2:32:6f:8f:a2 dev flannel-v6.1 dst fd01::2 self",
      "ignored 10.244.1.0-24&fc00:0:0:1::-64 own",
      "mtu 1450",
    ],
  );
});

Deno.test("expectedState() vxlan: a peer of one family is a peer", () => {
  const dual = (n: number, more: Record<string, unknown>) =>
    lease(`10.244.${n}.0-24&fc00:0:0:${n}::-64`, {
      ...vx(`192.168.1.1${n}`, MAC2),
      ...more,
    });
  const dst = (leases: readonly Lease[]) =>
    expect({ ...NET4, ...NET6, Backend: { Type: "vxlan" } }, leases)
      .filter((line) => / via |^ignored/.test(line));
  const route = "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink";
  const route6 = "fc00:0:0:2::/64 via fc00:0:0:2:: dev flannel-v6.1 onlink";
  // No IPv6 subnet: it lacks nothing.
  assert.deepEqual(dst([lease("10.244.2.0-24", vx("192.168.1.12", MAC2))]), [
    route,
  ]);
  // A subnet of each family, and no way to one of them.
  assert.deepEqual(dst([dual(2, {})]), [
    route,
    "ignored 10.244.2.0-24&fc00:0:0:2::-64 one-family",
  ]);
  const six = {
    BackendData: null,
    PublicIPv6: "fd01::2",
    BackendV6Data: { VNI: 1, VtepMAC: MAC3 },
  };
  assert.deepEqual(dst([dual(2, six)]), [
    route6,
    "ignored 10.244.2.0-24&fc00:0:0:2::-64 one-family",
  ]);
  assert.deepEqual(dst([dual(2, { BackendData: null })]), [
    "ignored 10.244.2.0-24&fc00:0:0:2::-64 backend-data",
  ]);
});

Deno.test("expectedState() vxlan: a peer without a family of the network is none", () => {
  const leases = [lease("10.244.2.0-24", vx("192.168.1.12", MAC2))];
  assert.deepEqual(
    expect(
      {
        ...NET6,
        EnableIPv4: false,
        Backend: { Type: "vxlan" },
      },
      leases,
      { address: null, publicIP: null, ipv6Address: "fd01::10" },
    )
      .filter((line) => line.startsWith("ignored")),
    ["ignored 10.244.2.0-24 no-subnet"],
  );
});

Deno.test("expectedState() udp: one route for the network", () => {
  const leases = [
    lease("10.244.1.0-24", { PublicIP: "192.168.1.10" }),
    lease("10.244.2.0-24", { PublicIP: "192.168.1.11" }),
  ];
  assert.deepEqual(expect({ ...NET4 }, leases), [
    "flannel0 tun mtu 1472 mac null addr 10.244.1.0/32",
    "10.244.0.0/16 dev flannel0",
    "ignored 10.244.1.0-24 own",
    "mtu 1472",
  ]);
  assert.deepEqual(expect({ ...NET4 }, leases.slice(1)), ["mtu 1472"]);
});

Deno.test("expectedState() alloc: nothing but an MTU", () => {
  const leases = [lease("10.244.2.0-24", { PublicIP: "192.168.1.11" })];
  assert.deepEqual(expect({ ...NET4, Backend: { Type: "alloc" } }, leases), [
    "mtu 1500",
  ]);
});

Deno.test("expectedState() names a backend it does not model", async (t) => {
  for (const type of ["ipip", "wireguard", "extension", "geneve"]) {
    await t.step(type, () => {
      assert.deepEqual(expect({ ...NET4, Backend: { Type: type } }, []), [
        type,
      ]);
    });
  }
});

Deno.test("expectedState() is what flanneld v0.11.0 made", async (t) => {
  for (const name of CAPTURES) {
    for (const host of ["ha", "hb"] as const) {
      await t.step(`${name}/${host}`, () => {
        const capture = readCapture(name, host);
        const { config } = parseNetworkConfig(capture.config, {
          flannelVersion: "0.11.0",
        });
        const flags = parseFlags(capture.args, "0.11.0");
        const choice = chooseInterface({
          iface: flags.values.get("iface") ?? [],
          flannelVersion: "0.11.0",
        }, capture);
        assert.ok("node" in choice);
        const { leases } = parseLeases(capture.leases);
        const env = parseSubnetEnv(capture.subnetEnv).env!;
        const own = findOwnLease(leases, choice.node, env);
        const node = { ...choice.node, lease: own };
        const result = expectedState({
          config: config!,
          leases,
          node,
          onLinkBy: onLinkBy(capture.routes),
        });
        assert.ok("state" in result);
        const { state } = result;
        assert.equal(state.mtu, env.mtu);
        assert.equal(state.routes.length, 1);
        const routes = diffRoutes({
          wanted: state.routes,
          observed: capture.routes,
          config: config!,
          node,
          rules: capture.rules,
        });
        assert.deepEqual(
          { ...routes, present: routes.present.length },
          {
            present: 1,
            missing: [],
            wrong: [],
            stale: [],
            shadowed: [],
            ownSubnet: [],
            linkDown: [],
          },
        );
        const devices = new Set(state.devices.map((d) => d.name));
        assert.deepEqual(
          diffNeighbours(state.neighbours, capture.neighbours, devices),
          { missing: [], wrong: [], stale: [] },
        );
        assert.deepEqual(diffFdb(state.fdb, capture.fdb, devices), {
          missing: [],
          wrong: [],
          stale: [],
        });
        for (const wanted of state.devices) {
          const diff = diffDevice(
            wanted,
            capture.links,
            capture.addresses,
            node,
          );
          assert.deepEqual(diff.differences, []);
          assert.deepEqual(diff.extraAddresses, []);
        }
      });
    }
  }
});
