import assert from "node:assert/strict";
import { hex, toHex } from "../../tests/support/hex.ts";
import { testNames } from "../../tests/support/netlink_message.ts";
import type { NetlinkChange } from "./changes.ts";
import { deviceIndexOf } from "./device_index.ts";
import { encodeChange, NoSuchDevice } from "./encode_change.ts";
import { MessageBuilder } from "./message_builder.ts";

/** Body and header flags of one encoded change. */
function encode(change: NetlinkChange) {
  const builder = new MessageBuilder();
  encodeChange(builder, change, 7, deviceIndexOf(testNames()), () => 9);
  const bytes = builder.bytes();
  const view = new DataView(bytes.buffer);
  assert.equal(view.getUint32(0, true), bytes.length);
  assert.equal(view.getUint32(8, true), 7);
  return {
    type: view.getUint16(4, true),
    flags: view.getUint16(6, true),
    body: toHex(bytes.subarray(16)),
  };
}

/** NLM_F_REQUEST and NLM_F_ACK, and what makes add, replace and append. */
const ADD = 0x605;
const REPLACE = 0x505;
const APPEND = 0xc05;
const DELETE = 0x5;

const CASES: readonly {
  readonly command: string;
  readonly change: NetlinkChange;
  readonly type: number;
  readonly flags: number;
  readonly body: string;
}[] = [
  {
    command: "ip route add 10.5.1.0/24 via 192.168.0.2 dev eth0",
    change: {
      kind: "route",
      op: "add",
      route: {
        family: 4,
        dst: "10.5.1.0/24",
        gateway: "192.168.0.2",
        device: "eth0",
      },
    },
    type: 24,
    flags: ADD,
    body: `
      02180000 fe030001 00000000 08000100 0a050100
      08000500 c0a80002 08000400 02000000
    `,
  },
  {
    command:
      "ip route replace 10.5.1.0/24 via 10.5.1.0 dev flannel.1 onlink proto 107 table 1000 metric 5 mtu 1450 src 10.5.9.0 tos 0x10",
    change: {
      kind: "route",
      op: "replace",
      route: {
        family: 4,
        dst: "10.5.1.0/24",
        gateway: "10.5.1.0",
        device: "flannel.1",
        onlink: true,
        protocol: 107,
        table: 1000,
        metric: 5,
        mtu: 1450,
        prefsrc: "10.5.9.0",
        tos: 16,
      },
    },
    type: 24,
    flags: REPLACE,
    body: `
      02180010 006b0001 04000000 08000100 0a050100
      08000f00 e8030000 08000600 05000000 08000700 0a050900
      08000500 0a050100 08000400 04000000
      0c000880 08000200 aa050000
    `,
  },
  {
    command: "ip route append 10.5.0.0/16 dev eth0",
    change: {
      kind: "route",
      op: "append",
      route: { family: 4, dst: "10.5.0.0/16", device: "eth0" },
    },
    type: 24,
    flags: APPEND,
    body: "02100000 fe03fd01 00000000 08000100 0a050000 08000400 02000000",
  },
  {
    command: "ip route add blackhole 10.5.0.0/16",
    change: {
      kind: "route",
      op: "add",
      route: { family: 4, dst: "10.5.0.0/16", type: "blackhole" },
    },
    type: 24,
    flags: ADD,
    body: "02100000 fe030006 00000000 08000100 0a050000",
  },
  {
    command:
      "ip -6 route add unreachable fd00::/64, which the kernel puts on lo",
    change: {
      kind: "route",
      op: "add",
      route: {
        family: 6,
        dst: "fd00::/64",
        type: "unreachable",
        device: "lo",
      },
    },
    type: 24,
    flags: ADD,
    body: `
      0a400000 fe030007 00000000
      14000100 fd000000 00000000 00000000 00000000
    `,
  },
  {
    command: "ip route add local 10.5.0.0/16 dev lo table local",
    change: {
      kind: "route",
      op: "add",
      route: {
        family: 4,
        dst: "10.5.0.0/16",
        type: "local",
        device: "lo",
        table: 255,
      },
    },
    type: 24,
    flags: ADD,
    body: "02100000 ff03fe02 00000000 08000100 0a050000 08000400 01000000",
  },
  {
    command: "ip route add 10.5.1.0/24 via inet6 fe80::1 dev eth0",
    change: {
      kind: "route",
      op: "add",
      route: {
        family: 4,
        dst: "10.5.1.0/24",
        gateway: "fe80::1",
        device: "eth0",
      },
    },
    type: 24,
    flags: ADD,
    body: `
      02180000 fe030001 00000000 08000100 0a050100
      16001200 0a00fe80 00000000 00000000 00000000 00010000
      08000400 02000000
    `,
  },
  {
    command:
      "ip route add 10.5.1.0/24 nexthop via 192.168.0.2 dev eth0 nexthop via 192.168.1.3 dev eth1 weight 5 onlink",
    change: {
      kind: "route",
      op: "add",
      route: {
        family: 4,
        dst: "10.5.1.0/24",
        nexthops: [
          {
            gateway: "192.168.0.2",
            device: "eth0",
            weight: 1,
            onlink: false,
            down: false,
          },
          {
            gateway: "192.168.1.3",
            device: "eth1",
            weight: 5,
            onlink: true,
            down: true,
          },
        ],
      },
    },
    type: 24,
    flags: ADD,
    body: `
      02180000 fe030001 00000000 08000100 0a050100
      24000980
      10000000 02000000 08000500 c0a80002
      10000404 03000000 08000500 c0a80103
    `,
  },
  {
    command: "ip route delete 10.5.1.0/24: any type, protocol and scope",
    change: {
      kind: "route",
      op: "delete",
      route: { family: 4, dst: "10.5.1.0/24" },
    },
    type: 25,
    flags: DELETE,
    body: "02180000 fe00ff00 00000000 08000100 0a050100",
  },
  {
    command: "ip -6 route delete ::/0 via fe80::1 dev eth0 metric 1024",
    change: {
      kind: "route",
      op: "delete",
      route: {
        family: 6,
        dst: "::/0",
        gateway: "fe80::1",
        device: "eth0",
        metric: 1024,
      },
    },
    type: 25,
    flags: DELETE,
    body: `
      0a000000 fe000000 00000000
      14000100 00000000 00000000 00000000 00000000
      08000600 00040000
      14000500 fe800000 00000000 00000000 00000001
      08000400 02000000
    `,
  },
  {
    command:
      "ip neigh replace 10.5.1.0 lladdr 0a:58:0a:05:01:00 dev flannel.1 nud permanent",
    change: {
      kind: "neighbour",
      op: "replace",
      neighbour: {
        device: "flannel.1",
        address: "10.5.1.0",
        mac: "0a:58:0a:05:01:00",
      },
    },
    type: 28,
    flags: REPLACE,
    body: `
      02000000 04000000 80000000 08000100 0a050100
      0a000200 0a580a05 01000000
    `,
  },
  {
    command: "ip -6 neigh delete fd00::1 dev flannel.1",
    change: {
      kind: "neighbour",
      op: "delete",
      neighbour: {
        device: "flannel.1",
        address: "fd00::1",
        mac: "0a:58:0a:05:01:00",
      },
    },
    type: 29,
    flags: DELETE,
    body: `
      0a000000 04000000 00000000
      14000100 fd000000 00000000 00000000 00000001
    `,
  },
  {
    command:
      "bridge fdb replace 0a:58:0a:05:01:00 dev flannel.1 dst 192.168.0.2 self permanent",
    change: {
      kind: "fdb",
      op: "replace",
      entry: {
        device: "flannel.1",
        mac: "0a:58:0a:05:01:00",
        dst: "192.168.0.2",
      },
    },
    type: 28,
    flags: REPLACE,
    body: `
      07000000 04000000 c0000200 0a000200 0a580a05 01000000
      08000100 c0a80002
    `,
  },
  {
    command:
      "bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst fd00::2 self permanent",
    change: {
      kind: "fdb",
      op: "append",
      entry: { device: "flannel.1", mac: "00:00:00:00:00:00", dst: "fd00::2" },
    },
    type: 28,
    flags: APPEND,
    body: `
      07000000 04000000 c0000200 0a000200 00000000 00000000
      14000100 fd000000 00000000 00000000 00000002
    `,
  },
  {
    command:
      "bridge fdb add 0a:58:0a:05:01:00 dev eth1 master dynamic vlan 100",
    change: {
      kind: "fdb",
      op: "add",
      entry: {
        device: "eth1",
        mac: "0a:58:0a:05:01:00",
        master: "docker0",
        permanent: false,
        vlan: 100,
      },
    },
    type: 28,
    flags: ADD,
    body: `
      07000000 03000000 02000400 0a000200 0a580a05 01000000
      06000500 64000000
    `,
  },
  {
    command: "bridge fdb delete 0a:58:0a:05:01:00 dev flannel.1 self",
    change: {
      kind: "fdb",
      op: "delete",
      entry: { device: "flannel.1", mac: "0a:58:0a:05:01:00" },
    },
    type: 29,
    flags: DELETE,
    body: "07000000 04000000 c0000200 0a000200 0a580a05 01000000",
  },
  {
    command: "ip address add 10.5.9.0/32 dev flannel.1",
    change: {
      kind: "address",
      op: "add",
      address: { device: "flannel.1", address: "10.5.9.0", prefixLength: 32 },
    },
    type: 20,
    flags: ADD,
    body: "02200000 04000000 08000200 0a050900 08000100 0a050900",
  },
  {
    command:
      "ip address replace 10.0.0.1 peer 10.0.0.2/32 brd 10.0.0.255 scope link label eth0:1 noprefixroute",
    change: {
      kind: "address",
      op: "replace",
      address: {
        device: "eth0",
        address: "10.0.0.1",
        prefixLength: 32,
        peer: "10.0.0.2",
        broadcast: "10.0.0.255",
        scope: "link",
        label: "eth0:1",
        flags: ["noprefixroute"],
      },
    },
    type: 20,
    flags: REPLACE,
    body: `
      022000fd 02000000 08000200 0a000001 08000100 0a000002
      08000400 0a0000ff 0b000300 65746830 3a310000 08000800 00020000
    `,
  },
  {
    command: "ip address delete fd00::9/64 dev eth0",
    change: {
      kind: "address",
      op: "delete",
      address: { device: "eth0", address: "fd00::9", prefixLength: 64 },
    },
    type: 21,
    flags: DELETE,
    body: `
      0a400000 02000000
      14000200 fd000000 00000000 00000000 00000009
      14000100 fd000000 00000000 00000000 00000009
    `,
  },
  {
    command:
      "ip rule add not from 10.5.0.0/16 to 10.6.0.0/16 fwmark 0x10/0xff iif eth0 oif eth1 lookup 1000 priority 100",
    change: {
      kind: "rule",
      op: "add",
      rule: {
        family: 4,
        not: true,
        from: "10.5.0.0/16",
        to: "10.6.0.0/16",
        fwmark: 16,
        fwmask: 255,
        iif: "eth0",
        oif: "eth1",
        table: 1000,
        priority: 100,
      },
    },
    type: 32,
    flags: ADD,
    body: `
      02101000 00000001 02000000
      08000200 0a050000 08000100 0a060000 08000600 64000000
      08000f00 e8030000 09000300 65746830 00000000 09001100 65746831 00000000
      08000a00 10000000 08001000 ff000000
    `,
  },
  {
    command: "ip -6 rule delete prohibit from all",
    change: {
      kind: "rule",
      op: "delete",
      rule: { family: 6, action: "prohibit", from: null },
    },
    type: 33,
    flags: DELETE,
    body: "0a000000 00000008 00000000",
  },
  {
    command: "ip link add br0 type bridge, up",
    change: { kind: "link", op: "add", name: "br0", type: "bridge", up: true },
    type: 16,
    flags: ADD,
    body: `
      00000000 00000000 01000000 01000000 08000300 62723000
      10001280 0b000100 62726964 67650000
    `,
  },
  {
    command: "ip link add flannel.1 address … mtu 1450 type vxlan …",
    change: {
      kind: "link",
      op: "add",
      name: "vx",
      type: "vxlan",
      mtu: 1450,
      mac: "0a:58:0a:05:09:00",
      vxlan: {
        vni: 1,
        port: 8472,
        lower: "eth0",
        local: "192.168.0.9",
        learning: false,
        gbp: true,
        ageing: 300,
      },
    },
    type: 16,
    flags: ADD,
    body: `
      00000000 00000000 00000000 00000000 07000300 76780000
      08000400 aa050000 0a000100 0a580a05 09000000
      48001280 0a000100 76786c61 6e000000
      38000280 08000100 01000000 06000f00 21180000 08000300 02000000
      08000800 2c010000 08000400 c0a80009 05000700 00000000 04001700
    `,
  },
  {
    command: "ip link add a type veth peer name b mtu 1400 netns …",
    change: {
      kind: "link",
      op: "add",
      name: "a",
      type: "veth",
      peer: { name: "b", mtu: 1400, netns: "other" },
    },
    type: 16,
    flags: ADD,
    body: `
      00000000 00000000 00000000 00000000 06000300 61000000
      40001280 09000100 76657468 00000000
      30000280 2c000180 00000000 00000000 00000000 00000000
      06000300 62000000 08000400 78050000 08001c00 09000000
    `,
  },
  {
    command: "ip link set eth1 down name lan mtu 1400 nomaster netns …",
    change: {
      kind: "link",
      op: "set",
      name: "eth1",
      rename: "lan",
      up: false,
      mtu: 1400,
      master: null,
      netns: "other",
    },
    type: 19,
    flags: DELETE,
    body: `
      00000000 03000000 00000000 01000000 08000300 6c616e00
      08000400 78050000 08000a00 00000000 08001c00 09000000
    `,
  },
  {
    command: "ip link set eth1 master docker0",
    change: { kind: "link", op: "set", name: "eth1", master: "docker0" },
    type: 19,
    flags: DELETE,
    body: "00000000 03000000 00000000 00000000 08000a00 05000000",
  },
  {
    command: "ip link set eth1 arp off",
    change: { kind: "link", op: "set", name: "eth1", arp: false },
    type: 19,
    flags: DELETE,
    body: "00000000 03000000 80000000 80000000",
  },
  {
    command: "ip link set eth1 up arp on",
    change: { kind: "link", op: "set", name: "eth1", up: true, arp: true },
    type: 19,
    flags: DELETE,
    body: "00000000 03000000 01000000 81000000",
  },
  {
    command: "ip link delete flannel.1",
    change: { kind: "link", op: "delete", name: "flannel.1" },
    type: 17,
    flags: DELETE,
    body: "00000000 04000000 00000000 00000000",
  },
];

Deno.test("encodeChange() writes what ip and bridge send", async (t) => {
  for (const { command, change, type, flags, body } of CASES) {
    await t.step(command, () => {
      assert.deepEqual(encode(change), { type, flags, body: toHex(hex(body)) });
    });
  }
});

Deno.test("encodeChange() refuses what it cannot write", async (t) => {
  const route = { family: 4, dst: "10.5.1.0/24" } as const;
  const cases: readonly (readonly [
    string,
    NetlinkChange,
    new (text: string) => Error,
  ])[] = [
    ["an unknown device", {
      kind: "route",
      op: "add",
      route: { ...route, device: "eth9" },
    }, NoSuchDevice],
    ["a gateway that is no address", {
      kind: "route",
      op: "add",
      route: { ...route, gateway: "10.5.1" },
    }, SyntaxError],
    ["an unknown route type", {
      kind: "route",
      op: "add",
      route: { ...route, type: "lost" },
    }, RangeError],
    ["a rule with selectors of its own", {
      kind: "rule",
      op: "add",
      rule: { family: 4, other: ["ipproto tcp"] },
    }, RangeError],
    ["a vxlan device without details", {
      kind: "link",
      op: "add",
      name: "vx",
      type: "vxlan",
    }, TypeError],
    ["a MAC cut short", {
      kind: "fdb",
      op: "add",
      entry: { device: "eth0", mac: "0a:58" },
    }, SyntaxError],
  ];
  for (const [name, change, error] of cases) {
    await t.step(name, () => {
      assert.throws(() => encode(change), error);
    });
  }
});
