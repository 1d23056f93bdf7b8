import assert from "node:assert/strict";
import { messageOf, testNames } from "../../tests/support/netlink_message.ts";
import { decodeFdb, decodeNeighbour } from "./decode_neighbour.ts";
import { neighbourStateBits, neighbourStateName } from "./neighbour_states.ts";

const NEWNEIGH = 28;

const PERMANENT = `
  02 00 0000 04000000 8000 00 01
  0800 0100 0a050100  0a00 0200 0a580a050100 0000
`;
const VXLAN = `
  07 00 0000 04000000 8000 02 00
  0a00 0200 0a580a050100 0000  0800 0100 c0a80002
`;
const PORT = `
  07 00 0000 03000000 0200 00 00
  0a00 0200 0a580a050102 0000  0800 0900 05000000  0600 0500 6400 0000
`;

Deno.test("decodeNeighbour() reads a permanent entry", () => {
  assert.deepEqual(
    decodeNeighbour(messageOf(NEWNEIGH, PERMANENT), testNames()),
    {
      device: "flannel.1",
      family: 4,
      address: "10.5.1.0",
      mac: "0a:58:0a:05:01:00",
      state: "PERMANENT",
    },
  );
});

Deno.test("decodeNeighbour() reads a failed entry, which has no MAC", () => {
  const body = `
    0a 00 0000 02000000 2000 00 01
    1400 0100 fe800000 00000000 00000000 00000002
  `;
  const neighbour = decodeNeighbour(messageOf(NEWNEIGH, body), testNames());
  assert.equal(neighbour?.family, 6);
  assert.equal(neighbour?.address, "fe80::2");
  assert.equal(neighbour?.mac, null);
  assert.equal(neighbour?.state, "FAILED");
});

Deno.test("decodeNeighbour() gives null without address and for AF_BRIDGE", () => {
  assert.equal(
    decodeNeighbour(
      messageOf(NEWNEIGH, "02 00 0000 02000000 2000 00 01"),
      testNames(),
    ),
    null,
  );
  assert.equal(decodeNeighbour(messageOf(NEWNEIGH, VXLAN), testNames()), null);
});

Deno.test("decodeFdb() reads a vxlan entry", () => {
  assert.deepEqual(decodeFdb(messageOf(NEWNEIGH, VXLAN), testNames()), {
    device: "flannel.1",
    mac: "0a:58:0a:05:01:00",
    dst: "192.168.0.2",
    self: true,
    master: null,
    permanent: true,
    vlan: null,
  });
});

Deno.test("decodeFdb() reads what a bridge has learned on a port", () => {
  assert.deepEqual(decodeFdb(messageOf(NEWNEIGH, PORT), testNames()), {
    device: "eth1",
    mac: "0a:58:0a:05:01:02",
    dst: null,
    self: false,
    master: "docker0",
    permanent: false,
    vlan: 100,
  });
});

Deno.test("decodeFdb() gives null without MAC and for another family", () => {
  assert.equal(
    decodeFdb(
      messageOf(NEWNEIGH, "07 00 0000 02000000 8000 02 00"),
      testNames(),
    ),
    null,
  );
  assert.equal(decodeFdb(messageOf(NEWNEIGH, PERMANENT), testNames()), null);
});

Deno.test("neighbourStateName() and neighbourStateBits() agree", () => {
  for (let bit = 1; bit <= 0x80; bit <<= 1) {
    assert.equal(neighbourStateBits(neighbourStateName(bit)), bit);
  }
  assert.equal(neighbourStateName(0), "NONE");
  assert.equal(neighbourStateName(0xc0), "NOARP,PERMANENT");
  assert.throws(() => neighbourStateBits("GONE"), RangeError);
});
