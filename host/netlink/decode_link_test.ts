import assert from "node:assert/strict";
import { messageOf, testNames } from "../../tests/support/netlink_message.ts";
import { decodeLink, nameLink } from "./decode_link.ts";

const NEWLINK = 16;

/** IFLA_IFNAME, IFLA_MTU 1500, IFLA_ADDRESS and IFLA_OPERSTATE up. */
const ETH0 = `
  0900 0300 65746830 00 000000
  0800 0400 dc050000
  0a00 0100 0a580a050101 0000
  0500 1000 06 000000
`;

Deno.test("decodeLink() reads a device with its flags", () => {
  const raw = decodeLink(messageOf(
    NEWLINK,
    `00 00 0100 02000000 43100100 00000000 ${ETH0}`,
  ));
  assert.deepEqual(nameLink(raw, testNames()), {
    index: 2,
    name: "eth0",
    kind: null,
    up: true,
    carrier: true,
    loopback: false,
    pointToPoint: false,
    noArp: false,
    operState: "UP",
    mtu: 1500,
    mac: "0a:58:0a:05:01:01",
    master: null,
    lower: null,
  });
});

Deno.test("decodeLink() reads a tunnel without MAC", () => {
  const raw = decodeLink(messageOf(
    NEWLINK,
    `
      00 00 feff 09000000 91000000 00000000
      0d00 0300 666c616e 6e656c30 00 000000
      0800 0400 c0050000
      1000 1200 0800 0100 74756e00 0400 0200
    `,
  ));
  assert.equal(raw.name, "flannel0");
  assert.equal(raw.kind, "tun");
  assert.equal(raw.mac, null);
  assert.equal(raw.pointToPoint, true);
  assert.equal(raw.noArp, true);
  assert.equal(raw.carrier, false);
  assert.equal(raw.operState, "UNKNOWN");
  assert.equal(raw.vxlan, undefined);
});

Deno.test("decodeLink() names master and lower device", () => {
  const body = `
    00 00 0100 06000000 03100100 00000000
    0900 0300 76657468 00 000000
    0800 0a00 05000000  0800 0500 02000000
  `;
  const link = nameLink(decodeLink(messageOf(NEWLINK, body)), testNames());
  assert.equal(link.master, "docker0");
  assert.equal(link.lower, "eth0");
});

Deno.test("decodeLink() leaves out a lower device of another namespace", () => {
  const body = `
    00 00 0100 06000000 03100100 00000000
    0900 0300 76657468 00 000000
    0800 0500 02000000  0800 2500 00000000
  `;
  const link = nameLink(decodeLink(messageOf(NEWLINK, body)), testNames());
  assert.equal(link.lower, null);
});

Deno.test("decodeLink() reads vxlan details", () => {
  const body = `
    00 00 0100 04000000 43100100 00000000
    0e00 0300 666c616e 6e656c2e 3100 0000
    a000 1200
      0a00 0100 7678 6c61 6e00 0000
      9000 0200
        0800 0100 01000000   # VNI
        0800 0300 02000000   # lower eth0
        0800 0400 c0a80009   # local
        0500 0500 40 000000  # TTL
        0500 0700 01 000000  # learning
        0800 0800 2c010000   # ageing
        0500 0b00 00 000000  # proxy
        0500 0d00 01 000000  # l2miss
        0500 0e00 00 000000  # l3miss
        0600 0f00 2118 0000  # port 8472, network order
        0500 1200 01 000000  # UDP checksum
        0500 1300 00 000000
        0500 1400 01 000000
        0400 1700            # GBP, a flag
        0500 1900 01 000000  # VNI by packet
        0800 1000 00040005   # port range: of no interest
        0500 2000 00 000000  # unknown to flandoc
        0800 0200 00000000   # no group
  `;
  const link = nameLink(decodeLink(messageOf(NEWLINK, body)), testNames());
  assert.equal(link.kind, "vxlan");
  assert.deepEqual(link.vxlan, {
    vni: 1,
    port: 8472,
    local: "192.168.0.9",
    group: null,
    lower: "eth0",
    learning: true,
    gbp: true,
    l2miss: true,
    l3miss: false,
    proxy: false,
    udpCsum: true,
    udp6ZeroCsumTx: false,
    udp6ZeroCsumRx: true,
    ageing: 300,
    ttl: 64,
    external: true,
  });
});

Deno.test("decodeLink() reads an IPv6 vxlan without lower device", () => {
  const body = `
    00 00 0100 04000000 43100100 00000000
    3400 1200
      0a00 0100 7678 6c61 6e00 0000
      2400 0200
        0800 0100 ffffff00
        1400 1100 fd000000 00000000 00000000 00000009
        0400 2500
  `;
  const link = nameLink(decodeLink(messageOf(NEWLINK, body)), testNames());
  assert.equal(link.vxlan?.vni, 16777215);
  assert.equal(link.vxlan?.local, "fd00::9");
  assert.equal(link.vxlan?.lower, null);
  assert.equal(link.vxlan?.gbp, false);
});

Deno.test("decodeLink() refuses malformed messages", async (t) => {
  const cases = {
    "a short header": "00 00 0100 06000000 03100100",
    "an MTU of two bytes":
      "00 00 0100 06000000 03100100 00000000 0600 0400 dc05 0000",
    "details cut off":
      "00 00 0100 06000000 03100100 00000000 0c00 1200 0900 0100 7678",
  };
  for (const [name, body] of Object.entries(cases)) {
    await t.step(name, () => {
      assert.throws(() => decodeLink(messageOf(NEWLINK, body)), RangeError);
    });
  }
});
