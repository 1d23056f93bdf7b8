/**
 * FD505, FD506, FD507 and FD513: the vxlan device itself.
 *
 * @module
 */
import { deepStrictEqual, equal } from "node:assert/strict";
import type { Link, VxlanDetails } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { onKubernetes, withLeases } from "../../tests/fixtures/changes.ts";
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
import { runChecks } from "../engine.ts";
import { ROUTE_LINK_DOWN } from "../routes/route_link_down.ts";
import { TUNNEL_ADDRESS } from "./tunnel_address.ts";
import { VTEP_MAC_MISMATCH } from "./vtep_mac_mismatch.ts";
import { VXLAN_DIFFERS } from "./vxlan_differs.ts";
import { VXLAN_MISSING } from "./vxlan_missing.ts";
import { VXLAN_PORT_CONFLICT } from "./vxlan_port_conflict.ts";

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

/** The healthy host whose flannel.1 is another's, or has another name. */
function instead(
  values: Partial<Link>,
  details: Partial<VxlanDetails> = {},
): Facts {
  const links = given(HEALTHY, "links").map((link) =>
    link.name === "flannel.1"
      ? {
        ...link,
        index: 9,
        name: "vxlan0",
        ...values,
        vxlan: { ...link.vxlan!, ...details },
      }
      : link
  );
  return { ...HEALTHY, links: known(links) };
}

const OTHER_MAC = "02:00:00:00:00:99";
const OWN_MAC = given(HEALTHY, "links")
  .find(({ name }) => name === "flannel.1")!.mac;
const WANTED_LINE =
  "  wanted flannel.1: vxlan id 1 dstport 8472 local 192.168.1.10 dev eth0";

Deno.test("FD505 gives a device its name back", async (t) => {
  const found = (state: string) =>
    `  found 9: vxlan0: ${state} link/ether ${OWN_MAC} vxlan id 1 local 192.168.1.10 dev eth0 dstport 8472`;
  const withKernel = (kernel: string, facts: Facts): Facts => ({
    ...facts,
    host: known({ ...given(HEALTHY, "host"), kernel }),
  });
  const back = [
    "  $ ip link set dev vxlan0 name flannel.1",
    "  $ ip link set dev flannel.1 up",
    "  $ systemctl restart flanneld",
  ];
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["Linux 6.2", withKernel("6.2.0-rc1+", instead({})), [
      found("UP"),
      WANTED_LINE,
      "  $ ip link set dev vxlan0 name flannel.1",
    ]],
    ["before it", withKernel("6.1.0-26-amd64", instead({})), [
      found("UP"),
      WANTED_LINE,
      "  $ ip link set dev vxlan0 down",
      ...back,
    ]],
    ["down", withKernel("6.12.1", instead({ up: false })), [
      found("DOWN"),
      WANTED_LINE,
      ...back,
    ]],
  ];
  for (const [name, facts, lines] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(VXLAN_MISSING, facts).lines, [
        "error renamed: flannel.1",
        ...lines,
      ]);
      equal(judged(VXLAN_PORT_CONFLICT, facts).verdict, "ok");
    });
  }
  deepStrictEqual(sentences(VXLAN_MISSING, instead({})), [
    "flannel.1, flannel's vxlan device, is called vxlan0 now. An agent that looks for flannel.1 finds none, and the kernel makes no second one with its VNI and port.",
  ]);
});

/** Codes that fail, each cause before what follows. */
function failing(facts: Facts): string[] {
  return runChecks(OVERLAY_CHECKS, facts, { now: () => 0 })
    .filter(({ verdict }) => verdict === "failed")
    .map(({ check }) => check.code);
}

Deno.test("FD512 finds another's device in the place of flannel's", async (t) => {
  const commands = [
    "  $ ip -d link show dev vxlan0",
    "  $ ip link delete dev vxlan0",
    "  $ systemctl restart flanneld",
  ];
  await t.step("with its VNI and port", () => {
    const facts = instead({ mac: OTHER_MAC }, { local: null });
    deepStrictEqual(judged(VXLAN_PORT_CONFLICT, facts).lines, [
      "error default: vxlan0",
      `  found 9: vxlan0: UP link/ether ${OTHER_MAC} vxlan id 1 dev eth0 dstport 8472`,
      WANTED_LINE,
      ...commands,
    ]);
    deepStrictEqual(sentences(VXLAN_PORT_CONFLICT, facts), [
      "vxlan0 has the VNI 1 and the UDP port 8472 of flannel.1. The kernel makes no second such device, and without flannel.1 no container on another host is reached. See whose vxlan0 is before it is deleted.",
    ]);
    deepStrictEqual(failing(facts), ["FD512"]);
  });
  await t.step("with its port, by packets' VNI", () => {
    const facts = instead(
      { mac: OTHER_MAC },
      { vni: 0, local: null, lower: null, external: true },
    );
    deepStrictEqual(judged(VXLAN_PORT_CONFLICT, facts).lines, [
      "error port: vxlan0",
      `  found 9: vxlan0: UP link/ether ${OTHER_MAC} vxlan external dstport 8472`,
      WANTED_LINE,
      ...commands,
    ]);
    deepStrictEqual(failing(facts), ["FD512"]);
  });
  await t.step("beside ours, which is down", () => {
    const other = given(
      instead({ mac: OTHER_MAC }, { vni: 7, gbp: true }),
      "links",
    ).find(({ name }) => name === "vxlan0")!;
    const beside = (ours: Facts): Facts => ({
      ...ours,
      links: known([...given(ours, "links"), other]),
    });
    deepStrictEqual(failing(beside(device({ up: false }))), ["FD512"]);
    // The other one is down then: ours came first.
    deepStrictEqual(failing(beside(HEALTHY)), []);
    deepStrictEqual(
      judged(ROUTE_LINK_DOWN, beside(device({ up: false }))).verdict,
      "ok",
    );
  });
  await t.step("of one family: the other's is judged", () => {
    const expected = given(HEALTHY, "expected");
    const [four] = expected.devices;
    const six = { ...four!, name: "flannel-v6.1", family: 6 as const };
    const facts: Facts = {
      ...instead({ mac: OTHER_MAC }, { local: null }),
      expected: known({ ...expected, devices: [four!, six] }),
    };
    deepStrictEqual(
      judged(VXLAN_MISSING, facts).findings.map(({ subject }) => subject),
      ["flannel-v6.1"],
    );
    deepStrictEqual(failing(facts), ["FD505", "FD512"]);
  });
});

Deno.test("FD505 to FD513 say that the own lease is not known", () => {
  const expected = given(HEALTHY, "expected");
  const facts: Facts = {
    ...HEALTHY,
    expected: known({ ...expected, devices: [], neighbours: [] }),
    node: known({ ...given(HEALTHY, "node"), lease: null }),
  };
  for (const check of OVERLAY_CHECKS) {
    equal(judged(check, facts).verdict, "skipped: no-own-lease", check.code);
  }
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
    ["a short life", vxlan({ ttl: 1 }), [
      "error default: flannel.1",
      "  found flannel.1: ttl 1",
      "  wanted flannel.1: ttl auto",
      "  $ ip link set dev flannel.1 type vxlan ttl auto",
    ]],
    ["a default destination", vxlan({ group: "192.168.1.99", ttl: 64 }), [
      "warning harmless: flannel.1",
      "  found flannel.1: remote 192.168.1.99",
      "  wanted flannel.1: remote none",
      "  $ ip link set dev flannel.1 type vxlan remote 0.0.0.0",
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

Deno.test("FD507 cannot tell which of two nodes behind NAT is this one", () => {
  const own = (publicIP: string, mac: string) => ({
    key: "172.7.21.0-24",
    value:
      `{"PublicIP":"${publicIP}","BackendType":"vxlan","BackendData":{"VtepMAC":"${mac}"}}`,
    ttl: null,
  });
  const mac = given(HEALTHY, "links")
    .find(({ name }) => name === "flannel.1")!.mac!;
  const base = onKubernetes(HEALTHY);
  const one = withLeases([own("203.0.113.13", mac)], base);
  equal(judged(VTEP_MAC_MISMATCH, one).verdict, "ok");
  const other = own("203.0.113.12", "02:00:00:00:00:99");
  equal(
    judged(VTEP_MAC_MISMATCH, withLeases([other], base)).verdict,
    "failed",
  );
  const two = withLeases([other, own("203.0.113.13", mac)], base);
  equal(
    judged(VTEP_MAC_MISMATCH, two).verdict,
    "unknown: cannot tell which lease of 172.7.21.0-24 is this host's: 203.0.113.12, 203.0.113.13 have one",
  );
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
