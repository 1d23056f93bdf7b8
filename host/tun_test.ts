import assert from "node:assert/strict";
import { udpPacket } from "../tests/support/ip_packets.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { PlainSocket } from "../tests/support/plain_socket.ts";
import { libc } from "./libc.ts";
import { openTun, VNET_HEADER } from "./tun.ts";

const NEEDS = needs({ netns: true });

Deno.test({
  name: "openTun() makes a device that goes with its descriptor",
  ...NEEDS,
  fn() {
    using netns = new TestNetns();
    const links = () => netns.exec("ip", "-o", "link");
    const first = openTun({ name: "flannel%d", netns: netns.name });
    const second = openTun({ name: "flannel%d", netns: netns.name });
    assert.equal(first.name, "flannel0");
    assert.equal(second.name, "flannel1");
    assert.equal(first.offloads.checksum, true);
    assert.equal(first.offloads.tcp, true);
    assert.match(links(), /flannel0: <POINTOPOINT,MULTICAST,NOARP> mtu 1500/);
    libc().close(first.fd);
    assert.doesNotMatch(links(), /flannel0/);
    assert.match(links(), /flannel1/);
    libc().close(second.fd);
    assert.doesNotMatch(links(), /flannel/);
  },
});

Deno.test({
  name: "openTun() reads and writes packets behind a header of twelve octets",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns("link set lo up");
    const tun = openTun({ name: "t0", netns: netns.name });
    try {
      netns.ip("address add 10.77.1.0/32 dev t0", "link set t0 up");
      netns.ip("route add 10.77.0.0/16 dev t0");
      using socket = new PlainSocket(netns.name, "10.77.1.0", 5201);
      const arrived = udpPacket(Uint8Array.of(1, 2, 3), {
        source: "10.77.2.1",
        destination: "10.77.1.0",
      });
      const framed = new Uint8Array(VNET_HEADER + arrived.length);
      framed.set(arrived, VNET_HEADER);
      const size = BigInt(framed.length);
      assert.equal(libc().write(tun.fd, framed, size), framed.length);
      assert.deepEqual(await socket.receive(), Uint8Array.of(1, 2, 3));

      socket.send(Uint8Array.of(7, 8), "10.77.2.1", 9);
      const buffer = new Uint8Array(2048);
      // The kernel's own IPv6 packets may come first.
      let length = 0;
      do length = libc().read(tun.fd, buffer, 2048n); while (
        length > 0 && buffer[VNET_HEADER] !== 0x45
      );
      assert.equal(length, VNET_HEADER + 30);
      assert.deepEqual([...buffer.subarray(VNET_HEADER + 28, length)], [7, 8]);
      // VIRTIO_NET_HDR_F_NEEDS_CSUM: the sum is begun, as was asked for.
      assert.equal(buffer[0], 1);
      assert.ok(libc().read(tun.fd, buffer, 2048n) < 0, "reads do not block");
    } finally {
      libc().close(tun.fd);
    }
  },
});

Deno.test({
  name: "openTun() refuses names that are taken, too long or elsewhere",
  ...NEEDS,
  fn() {
    using netns = new TestNetns("link add taken type bridge");
    assert.throws(() => openTun({ name: "taken", netns: netns.name }), {
      name: "SystemError",
      code: "EINVAL",
      operation: 'make TUN device "taken"',
    });
    const tun = openTun({ name: "mine", netns: netns.name });
    assert.throws(() => openTun({ name: "mine", netns: netns.name }), {
      code: "EBUSY",
    });
    libc().close(tun.fd);
    assert.throws(() => openTun({ name: "sixteen-letters-", netns: "x" }), {
      name: "RangeError",
      message:
        'Cannot make TUN device: a name has at most 15 characters, got "sixteen-letters-"',
    });
    assert.throws(() => openTun({ name: "t0", netns: "fd-none" }), {
      code: "ENOENT",
    });
  },
});
