import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { largeNetwork, withArp } from "../../tests/fixtures/segment.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { PEER_SILENT } from "./peer_silent.ts";

const GATEWAY = ["52:54:00:aa:01:fe"];
const ONE_SILENT = {
  "192.168.1.11": [],
  "192.168.1.12": ["52:54:00:aa:01:12"],
  "192.168.1.254": GATEWAY,
};

Deno.test("FD501 is ok where every next hop answers", () => {
  deepStrictEqual(judged(PEER_SILENT, healthyFacts()).verdict, "ok");
});

Deno.test("FD501 does not judge next hops on another leg of the host", () => {
  const facts = healthyFacts();
  const expected = given(facts, "expected");
  const routes = expected.routes.map((route) => ({ ...route, device: "eth1" }));
  deepStrictEqual(
    judged(PEER_SILENT, {
      ...facts,
      expected: { known: { ...expected, routes } },
    }).verdict,
    "skipped: other-interface",
  );
});

Deno.test("FD501 has nothing to judge where all peers are encapsulated", () => {
  const facts = withArp(healthyVxlanFacts(), ONE_SILENT);
  deepStrictEqual(
    judged(PEER_SILENT, facts).verdict,
    "skipped: no-direct-peers",
  );
});

Deno.test("FD501 finds a peer that does not answer", () => {
  const facts = withArp(healthyFacts(), ONE_SILENT);
  deepStrictEqual(judged(PEER_SILENT, facts).lines, [
    "error default: 192.168.1.11",
    "  route 172.7.22.0/24 via 192.168.1.11",
    "  $ arping -c 3 -I eth0 192.168.1.11",
  ]);
  deepStrictEqual(sentences(PEER_SILENT, facts), [
    "192.168.1.11, the next hop of 172.7.22.0/24, does not answer ARP on eth0: what containers here send to 172.7.22.0/24 is lost.",
  ]);
});

Deno.test("FD501 only warns of a host whose lease runs out", () => {
  const facts = withArp(healthyFacts(), ONE_SILENT);
  const expected = given(facts, "expected");
  const routes = expected.routes.map((route) => ({
    ...route,
    peer: { ...route.peer, ttl: 1800 },
  }));
  const late = { ...facts, expected: known({ ...expected, routes }) };
  deepStrictEqual(
    judged(PEER_SILENT, late).lines[0],
    "warning gone: 192.168.1.11",
  );
  deepStrictEqual(sentences(PEER_SILENT, late), [
    "192.168.1.11, the next hop of 172.7.22.0/24, does not answer ARP on eth0, and its lease was not renewed in time and ends in 30 min: that host is most likely down.",
  ]);
});

Deno.test("FD501 blames the own link once when not even the gateway answers", () => {
  const facts = withArp(healthyFacts(), {
    "192.168.1.11": [],
    "192.168.1.12": [],
    "192.168.1.254": [],
  });
  deepStrictEqual(judged(PEER_SILENT, facts).lines, [
    "error segment: eth0",
    "  route 172.7.22.0/24 via 192.168.1.11",
    "  route 172.7.23.0/24 via 192.168.1.12",
    "  $ ip -s link show dev eth0",
    "  $ tcpdump -c 10 -eni eth0 arp",
  ]);
  deepStrictEqual(sentences(PEER_SILENT, facts), [
    "Nothing answers ARP on eth0, 3 addresses asked: this host's own link is at fault, not the peers.",
  ]);
});

Deno.test("FD501 says 300 silent peers in one sentence", () => {
  const { findings, lines } = judged(
    PEER_SILENT,
    largeNetwork(healthyFacts(), 300),
  );
  deepStrictEqual(findings.length, 1);
  deepStrictEqual(lines[0], "error many: eth0");
  deepStrictEqual(sentences(PEER_SILENT, largeNetwork(healthyFacts(), 300)), [
    "300 of 300 peers do not answer ARP on eth0: what containers here send to their subnets is lost.",
  ]);
});

Deno.test("FD501 leaves peers behind a gateway to FD408", () => {
  const facts = withArp(healthyFacts(), ONE_SILENT);
  const routes = given(facts, "routes").filter((route) =>
    route.dst !== "192.168.1.0/24"
  );
  deepStrictEqual(
    judged(PEER_SILENT, { ...facts, routes: known(routes) }).verdict,
    "ok",
  );
});

Deno.test("FD501 does not judge a peer that was not asked", () => {
  const facts = withArp(healthyFacts(), { "192.168.1.254": GATEWAY });
  deepStrictEqual(judged(PEER_SILENT, facts).verdict, "ok");
});

Deno.test("FD501 is unknown without the sweep", () => {
  deepStrictEqual(
    judged(PEER_SILENT, without(healthyFacts(), "arp")).verdict,
    "unknown: not looked at",
  );
});
