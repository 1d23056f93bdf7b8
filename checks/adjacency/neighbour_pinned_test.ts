import { deepStrictEqual, equal } from "node:assert/strict";
import type { Neighbour } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
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
    ["of another device", { device: "eth1" }, "ok"],
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
        `unknown: cannot tell whose ${WRONG} is, the MAC of a permanent neighbour entry for ${PEER}: ${
          answers[PEER]!.join(", ")
        } answers`,
      );
    });
  }
  await t.step("one of the two who answer is meant", () => {
    const facts = withArp(withEntry({}), { [PEER]: [MAC, WRONG] });
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, "ok");
  });
  await t.step("nobody answers", () => {
    const facts = withArp(withEntry({}), { [PEER]: [] });
    equal(judged(NEIGHBOUR_PINNED, facts).verdict, "ok");
  });
});

Deno.test("FD518 says many entries in one finding", () => {
  const hosts = Array.from({ length: 12 }, (_, i) => `192.168.1.${i + 20}`);
  const facts = withArp(
    {
      ...healthyFacts(),
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
