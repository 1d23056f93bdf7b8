/**
 * FD505, FD506, FD507 and FD513: the vxlan device itself.
 *
 * @module
 */
import { deepStrictEqual, equal } from "node:assert/strict";
import type { Link, VxlanDetails } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  fixtureAddress,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { OVERLAY_CHECKS } from "./mod.ts";
import { TUNNEL_ADDRESS } from "./tunnel_address.ts";
import { VTEP_MAC_MISMATCH } from "./vtep_mac_mismatch.ts";
import { VXLAN_DIFFERS } from "./vxlan_differs.ts";
import { VXLAN_MISSING } from "./vxlan_missing.ts";

const HEALTHY = healthyVxlanFacts();

/** The healthy host with another flannel.1. */
function device(values: Partial<Link>): Facts {
  const links = given(HEALTHY, "links").map((link) =>
    link.name === "flannel.1" ? { ...link, ...values } : link
  );
  return { ...HEALTHY, links: known(links) };
}

/** The same with other details of vxlan. */
function vxlan(values: Partial<VxlanDetails>): Facts {
  const link = given(HEALTHY, "links").find(({ name }) => name === "flannel.1");
  return device({ vxlan: { ...link!.vxlan!, ...values } });
}

function withoutDevice(): Facts {
  const links = given(HEALTHY, "links")
    .filter(({ name }) => name !== "flannel.1");
  return { ...HEALTHY, links: known(links) };
}

Deno.test("FD505 to FD513 are ok on a healthy vxlan host", () => {
  for (const check of OVERLAY_CHECKS) {
    equal(
      `${check.code} ${judged(check, HEALTHY).verdict}`,
      `${check.code} ok`,
    );
  }
});

Deno.test("FD505 to FD513 do not apply without a tunnel", () => {
  for (const check of OVERLAY_CHECKS) {
    const { verdict } = judged(check, healthyFacts());
    equal(verdict.startsWith("skipped: no-"), true, `${check.code} ${verdict}`);
  }
});

Deno.test("FD505 to FD513 are unknown without what they look at", () => {
  const blind = { links: HEALTHY, neighbours: HEALTHY, fdb: HEALTHY };
  for (const check of OVERLAY_CHECKS) {
    const name = check.needs.find((need) => need in blind)!;
    const { verdict } = judged(check, without(HEALTHY, name));
    equal(`${check.code} ${verdict}`, `${check.code} unknown: not looked at`);
  }
});

Deno.test("FD505 finds the device gone, and nothing else of it", () => {
  deepStrictEqual(judged(VXLAN_MISSING, withoutDevice()).lines, [
    "error: flannel.1",
    "  wanted flannel.1: vxlan id 1 dstport 8472 local 192.168.1.10 dev eth0",
    "  $ systemctl restart flanneld",
  ]);
  deepStrictEqual(sentences(VXLAN_MISSING, withoutDevice()), [
    "flannel.1, flannel's vxlan device, does not exist: routes, neighbours and FDB entries of every peer reached through it (2) went with it.",
  ]);
  equal(judged(VXLAN_DIFFERS, withoutDevice()).verdict, "ok");
});

Deno.test("FD506 finds what keeps packets from being taken", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["port", vxlan({ port: 4789 }), [
      "error default: flannel.1",
      "  found flannel.1: dstport 4789",
      "  wanted flannel.1: dstport 8472",
      "  $ systemctl restart flanneld",
    ]],
    ["VNI and lower device", vxlan({ vni: 7, lower: "eth1" }), [
      "error default: flannel.1",
      "  found flannel.1: id 7 dev eth1",
      "  wanted flannel.1: id 1 dev eth0",
      "  $ systemctl restart flanneld",
    ]],
    ["another address", vxlan({ local: "10.0.0.9" }), [
      "error default: flannel.1",
      "  found flannel.1: local 10.0.0.9",
      "  wanted flannel.1: local 192.168.1.10",
      "  $ systemctl restart flanneld",
    ]],
    ["too large an MTU", device({ mtu: 1500 }), [
      "error default: flannel.1",
      "  found flannel.1: mtu 1500",
      "  wanted flannel.1: mtu 1450",
      "  $ ip link set dev flannel.1 mtu 1450",
    ]],
    ["learning", vxlan({ learning: true }), [
      "warning harmless: flannel.1",
      "  found flannel.1: learning true",
      "  wanted flannel.1: learning false",
      "  $ ip link set dev flannel.1 type vxlan nolearning",
    ]],
    ["a smaller MTU", device({ mtu: 1400 }), []],
    ["a port of a bridge", device({ master: "br0" }), [
      "error port: flannel.1",
      "  found flannel.1: master br0",
      "  wanted flannel.1: nomaster",
      "  $ ip link set dev flannel.1 nomaster",
    ]],
    ["a port, and too large an MTU", device({ master: "br0", mtu: 1500 }), [
      "error default: flannel.1",
      "  found flannel.1: mtu 1500 master br0",
      "  wanted flannel.1: mtu 1450 nomaster",
      "  $ ip link set dev flannel.1 mtu 1450",
      "  $ ip link set dev flannel.1 nomaster",
    ]],
  ];
  for (const [name, facts, lines] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(VXLAN_DIFFERS, facts).lines, lines);
    });
  }
  deepStrictEqual(sentences(VXLAN_DIFFERS, device({ master: "br0" })), [
    "flannel.1 has been made a port of br0: what arrives from other hosts comes in by br0, and is lost where br0 is down, where reverse paths are checked, or where rules name flannel.1.",
  ]);
});

Deno.test("FD507 finds another MAC than the lease publishes", () => {
  const mac = given(HEALTHY, "links")
    .find(({ name }) => name === "flannel.1")!.mac;
  const facts = device({ mac: "02:00:00:00:00:99" });
  deepStrictEqual(judged(VTEP_MAC_MISMATCH, facts).lines, [
    "error: flannel.1",
    "  device flannel.1 02:00:00:00:00:99",
    `  lease 172.7.21.0-24 VtepMAC ${mac}`,
    "  $ systemctl restart flanneld",
  ]);
});

Deno.test("FD507 leaves a device of another kind to FD506", () => {
  const facts = device({ kind: "dummy", mac: "02:00:00:00:00:99" });
  equal(judged(VTEP_MAC_MISMATCH, facts).verdict, "ok");
  equal(judged(VXLAN_DIFFERS, facts).verdict, "failed");
});

Deno.test("FD513 finds the device without its address, or with a former one", () => {
  const others = given(HEALTHY, "addresses")
    .filter(({ device }) => device !== "flannel.1");
  const none = { ...HEALTHY, addresses: known(others) };
  deepStrictEqual(judged(TUNNEL_ADDRESS, none).lines, [
    "error default: flannel.1",
    "  wanted 172.7.21.0/32 dev flannel.1",
    "  $ ip address replace 172.7.21.0/32 dev flannel.1",
    "  $ systemctl restart flanneld",
  ]);
  const former = fixtureAddress("flannel.1", "172.7.60.0", 32);
  const other = { ...HEALTHY, addresses: known([...others, former]) };
  deepStrictEqual(
    judged(TUNNEL_ADDRESS, other).lines[0],
    "error other: flannel.1",
  );
  deepStrictEqual(sentences(TUNNEL_ADDRESS, other), [
    "flannel.1 has 172.7.60.0/32 instead of 172.7.21.0/32: what this host itself sends into the overlay carries an address that belongs to another subnet.",
  ]);
});
