import assert from "node:assert/strict";
import type { LocalNode, WantedDevice } from "./expected_types.ts";
import type { Link, VxlanDetails } from "./kernel.ts";
import { isRenamed, portRival, vxlanHolder } from "./vxlan_holder.ts";

const MAC = "02:00:00:00:00:0a";

const WANTED: WantedDevice = {
  name: "flannel.1",
  kind: "vxlan",
  mtu: 1450,
  mac: MAC,
  address: "10.5.1.0/32",
  family: 4,
  vxlan: { vni: 1, port: 8472, local: "192.168.1.10", gbp: false },
};

const SIX: WantedDevice = {
  ...WANTED,
  name: "flannel-v6.1",
  family: 6,
  vxlan: { ...WANTED.vxlan, local: "fd01::10" },
};

const NODE = {
  address: "192.168.1.10",
  publicIP: "203.0.113.10",
  publicIPv6: null,
} as LocalNode;

function device(
  details: Partial<VxlanDetails> = {},
  more: Partial<Link> = {},
): Link {
  const vxlan = {
    vni: 1,
    port: 8472,
    local: "192.168.1.10",
    group: null,
    gbp: false,
    udp6ZeroCsumRx: false,
    ...details,
  };
  const name = "other";
  return { name, kind: "vxlan", up: true, mac: MAC, vxlan, ...more } as Link;
}

/** What Linux 6.18 answered, device by device. */
Deno.test("vxlanHolder() and portRival() tell what the kernel refuses", async (t) => {
  const down = { up: false };
  const table: [string, Link, "EEXIST" | "EADDRINUSE" | null][] = [
    ["the same", device(), "EEXIST"],
    ["the same, down", device({}, down), "EEXIST"],
    ["another source", device({ local: "192.168.1.99" }), "EEXIST"],
    ["no source", device({ local: null }), "EEXIST"],
    ["its own name", device({}, { name: "flannel.1" }), null],
    ["another VNI", device({ vni: 7 }), null],
    ["another port", device({ port: 4789 }), null],
    ["IPv6", device({ local: "fd01::10" }), null],
    ["an IPv6 group", device({ local: null, group: "ff05::1" }), null],
    ["GBP", device({ vni: 7, gbp: true }), "EADDRINUSE"],
    ["GBP, down", device({ vni: 7, gbp: true }, down), null],
    ["GBP and the VNI, down", device({ gbp: true }, down), null],
    ["VNI by packet", device({ vni: 0, external: true }), "EADDRINUSE"],
    ["zero checksums", device({ vni: 7, udp6ZeroCsumRx: true }), "EADDRINUSE"],
    ["no vxlan", { ...device(), vxlan: undefined } as unknown as Link, null],
  ];
  for (const [name, link, answer] of table) {
    await t.step(name, () => {
      const found = vxlanHolder(WANTED, [link]) !== null
        ? "EEXIST"
        : portRival(WANTED, [link]) !== null
        ? "EADDRINUSE"
        : null;
      assert.equal(found, answer);
    });
  }
  await t.step("for IPv6", () => {
    const six = device({ local: "fd01::99" });
    assert.equal(vxlanHolder(SIX, [device(), six]), six);
    const external = device({ vni: 0, external: true });
    assert.equal(portRival(SIX, [device({ gbp: true }), external]), external);
  });
});

Deno.test("isRenamed() goes by the mark, or by address and MAC", async (t) => {
  const table: [string, Link, boolean][] = [
    ["address and MAC", device(), true],
    ["the public address", device({ local: "203.0.113.10" }), true],
    ["another address", device({ local: "192.168.1.99" }), false],
    ["no address", device({ local: null }), false],
    ["another MAC", device({}, { mac: "02:00:00:00:00:99" }), false],
    ["flandoc's mark", device({ local: null }, { alias: "flandoc" }), true],
  ];
  for (const [name, link, answer] of table) {
    await t.step(name, () => {
      assert.equal(isRenamed(WANTED, link, NODE), answer);
    });
  }
  await t.step("without a lease's MAC", () => {
    const wanted = { ...WANTED, mac: null };
    assert.equal(isRenamed(wanted, device({}, { mac: null }), NODE), false);
  });
});
