import { deepStrictEqual, equal } from "node:assert/strict";
import type { Neighbour } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { record, withLeases } from "../../tests/fixtures/changes.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withRoutes } from "../../tests/fixtures/routes.ts";
import { withArp } from "../../tests/fixtures/segment.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { NEIGHBOUR_PINNED } from "./neighbour_pinned.ts";

const PEER = "192.168.1.11";
const GATEWAY = "192.168.1.254";
const WRONG = "02:00:00:00:de:ad";
const MAC = "52:54:00:aa:01:11";

/** A host that has this entry for an address of its segment besides. */
function withEntry(
  values: Partial<Neighbour>,
  base: Facts = healthyFacts(),
): Facts {
  const entry: Neighbour = {
    device: "eth0",
    family: 4,
    address: PEER,
    mac: WRONG,
    state: "PERMANENT",
    ...values,
  };
  const others = given(base, "neighbours").filter((each) =>
    each.device !== entry.device || each.address !== entry.address
  );
  const facts = { ...base, neighbours: known([...others, entry]) };
  return withArp(facts, {
    [GATEWAY]: ["52:54:00:aa:01:fe"],
    [PEER]: [MAC],
    "192.168.1.12": ["52:54:00:aa:01:12"],
  });
}

Deno.test("FD518 is ok on healthy hosts", () => {
  equal(judged(NEIGHBOUR_PINNED, healthyFacts()).verdict, "ok");
  equal(judged(NEIGHBOUR_PINNED, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD518 finds a peer's permanent entry with another MAC", async (t) => {
  for (const base of [healthyFacts(), healthyVxlanFacts()]) {
    await t.step(given(base, "config").backendType, () => {
      const facts = withEntry({}, base);
      deepStrictEqual(judged(NEIGHBOUR_PINNED, facts).lines, [
        `error default: ${PEER} dev eth0`,
        `  neighbour ${PEER} dev eth0 lladdr ${WRONG} PERMANENT`,
        `  answer ARP, Reply ${PEER} is-at ${MAC}`,
        `  $ ip neigh del ${PEER} dev eth0`,
      ]);
      deepStrictEqual(sentences(NEIGHBOUR_PINNED, facts), [
        `By a permanent neighbour entry eth0 sends everything for ${PEER} to ${WRONG}, but it is ${MAC} that answers ARP for ${PEER}: what goes there, to 172.7.22.0/24 too, is lost.`,
      ]);
    });
  }
});

Deno.test("FD518 goes by whether the kernel asks again", async (t) => {
  const cases: readonly [string, Partial<Neighbour>, string][] = [
    ["never asked", { state: "NOARP" }, "failed"],
    ["the right MAC", { mac: MAC }, "ok"],
    ["learned just now", { state: "REACHABLE" }, "ok"],
    ["learned and old", { state: "STALE" }, "ok"],
    ["about to be asked", { state: "DELAY" }, "ok"],
    ["being asked", { state: "PROBE" }, "ok"],
    ["asked in vain", { state: "FAILED", mac: null }, "ok"],
    ["of a device that leads to nobody", { device: "eth1" }, "ok"],
    ["of nobody's", { address: "192.168.1.77" }, "ok"],
  ];
  for (const [name, values, verdict] of cases) {
    await t.step(name, () => {
      equal(judged(NEIGHBOUR_PINNED, withEntry(values)).verdict, verdict);
    });
  }
});

Deno.test("FD518 names the peers behind a gateway, else only warns of it", () => {
  const lone = withEntry({ address: GATEWAY });
  equal(
    judged(NEIGHBOUR_PINNED, lone).lines[0],
    `warning gateway: ${GATEWAY} dev eth0`,
  );
  const base = withEntry({ address: GATEWAY }, healthyVxlanFacts());
  const leases = given(base, "leases").map((lease) =>
    lease.attributes.publicIP !== PEER ? lease : {
      ...lease,
      attributes: { ...lease.attributes, publicIP: "10.1.0.11" },
    }
  );
  const behind = { ...base, leases: known(leases) };
  deepStrictEqual(sentences(NEIGHBOUR_PINNED, behind), [
    `By a permanent neighbour entry eth0 sends everything for ${GATEWAY} to ${WRONG}, but it is 52:54:00:aa:01:fe that answers ARP for ${GATEWAY}: what goes there, to 172.7.22.0/24 too, is lost.`,
  ]);
});

Deno.test("FD518 is unsure where the one who answers proves nothing", async (t) => {
  const cases: readonly [string, Record<string, readonly string[]>][] = [
    ["one MAC for all", {
      [GATEWAY]: ["ee:ff:ff:ff:ff:ff"],
      [PEER]: ["ee:ff:ff:ff:ff:ff"],
    }],
    ["two for one", { [PEER]: [MAC, "52:54:00:bb:02:22"] }],
  ];
  for (const [name, answers] of cases) {
    await t.step(name, () => {
      const facts = withArp(withEntry({}), answers);
      equal(
        judged(NEIGHBOUR_PINNED, facts).verdict,
        `unknown: cannot tell whose ${WRONG} is, the MAC of a permanent neighbour entry for ${PEER} on eth0: ${
          answers[PEER]!.join(", ")
        } answers`,
      );
    });
  }
  await t.step("one of the two who answer is meant", () => {
    const facts = withArp(withEntry({}), { [PEER]: [MAC, WRONG] });
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, "ok");
  });
  const doubt = (address: string, device: string) =>
    `unknown: cannot tell whose ${WRONG} is, the MAC of a permanent neighbour entry for ${address} on ${device}: nobody was heard`;
  await t.step("nobody answers", () => {
    const facts = withArp(withEntry({}), { [PEER]: [] });
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, doubt(PEER, "eth0"));
  });
  await t.step("on another leg, which is not asked", () => {
    const base = withEntry({ device: "eth1" });
    const leg = fixtureRoute(`${PEER}/32`, "eth1", { scope: 253 });
    const facts = withRoutes(base, (routes) => [...routes, leg]);
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, doubt(PEER, "eth1"));
  });
  await t.step("a router that is not asked", () => {
    const router = "192.168.1.253";
    const base = withEntry({ address: router });
    const way = fixtureRoute(`${PEER}/32`, "eth0", { gateway: router });
    const facts = withRoutes(base, (routes) => [...routes, way]);
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, doubt(router, "eth0"));
  });
  await t.step("IPv6, which is not asked", () => {
    const base = withEntry({ family: 6, address: "fd01::11" });
    const leases = given(base, "leases").map((lease) =>
      lease.attributes.publicIP !== PEER ? lease : {
        ...lease,
        ipv6Subnet: "fd00:7:0:22::/64",
        attributes: { ...lease.attributes, publicIPv6: "fd01::11" },
      }
    );
    const leg = fixtureRoute("fd01::/64", "eth0", { family: 6, scope: 253 });
    const facts = withRoutes(
      { ...base, leases: known(leases) },
      (routes) => [...routes, leg],
    );
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, doubt("fd01::11", "eth0"));
  });
});

Deno.test("FD518 says many entries in one finding", () => {
  const hosts = Array.from({ length: 12 }, (_, i) => `192.168.1.${i + 20}`);
  const base = withLeases(
    hosts.map((host, i) => record(`172.7.${i + 50}.0-24`, host)),
  );
  const facts = withArp(
    {
      ...base,
      neighbours: known(hosts.map((address): Neighbour => ({
        device: "eth0",
        family: 4,
        address,
        mac: WRONG,
        state: "PERMANENT",
      }))),
    },
    Object.fromEntries(hosts.map((h, i) => [h, [`02:00:00:00:01:${i + 10}`]])),
  );
  const { lines } = judged(NEIGHBOUR_PINNED, facts);
  equal(lines[0], "error many: eth0");
  equal(lines.length, 10);
});

Deno.test("FD518 needs the sweep where an entry is permanent", () => {
  const verdict = (facts: Facts) =>
    judged(NEIGHBOUR_PINNED, without(facts, "arp")).verdict;
  equal(verdict(withEntry({})), "unknown: not looked at");
  equal(verdict(withEntry({ state: "STALE" })), "skipped: none-pinned");
  equal(
    judged(NEIGHBOUR_PINNED, without(withEntry({}), "neighbours")).verdict,
    "unknown: not looked at",
  );
});
