import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withArp, withForwarding } from "../../tests/fixtures/segment.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { FORWARDING_BLOCKED } from "./forwarding_blocked.ts";

const BLOCKED = { bridgeReached: false };

function blocked(...subnets: string[]): Facts {
  const results = Object.fromEntries(subnets.map((s) => [s, BLOCKED]));
  return withForwarding(healthyFacts(), results);
}

function kubernetes(facts: Facts): Facts {
  const settings = given(facts, "settings");
  const store = { value: "kubernetes", source: "default" } as const;
  return { ...facts, settings: known({ ...settings, store }) };
}

Deno.test("FD504 is ok where the bridges reach each other", () => {
  deepStrictEqual(judged(FORWARDING_BLOCKED, healthyFacts()).verdict, "ok");
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, healthyVxlanFacts()).verdict,
    "skipped: no-direct-peers",
  );
});

Deno.test("FD504 finds a network that drops container addresses", () => {
  const facts = blocked("172.7.22.0/24", "172.7.23.0/24");
  const { lines } = judged(FORWARDING_BLOCKED, facts);
  deepStrictEqual(lines.slice(0, 5), [
    "error all: 172.7.21.1",
    "  answer ping -I 192.168.1.10 192.168.1.11: 0% packet loss",
    "  answer ping -I 172.7.21.1 172.7.22.1: 100% packet loss",
    "  answer ping -I 192.168.1.10 192.168.1.12: 0% packet loss",
    "  answer ping -I 172.7.21.1 172.7.23.1: 100% packet loss",
  ]);
  deepStrictEqual(sentences(FORWARDING_BLOCKED, facts), [
    "Every peer answers this host, and no peer's bridge answers 172.7.21.1: the network between the hosts drops packets with container addresses (2 of 2 peers).",
  ]);
});

Deno.test("FD504 names the one peer whose containers are cut off", () => {
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, blocked("172.7.23.0/24")).lines,
    [
      "error: 172.7.23.0/24",
      "  answer ping -I 192.168.1.10 192.168.1.12: 0% packet loss",
      "  answer ping -I 172.7.21.1 172.7.23.1: 100% packet loss",
      "  $ tcpdump -ni eth0 icmp and host 172.7.23.1",
    ],
  );
});

Deno.test("FD504 only warns of one Kubernetes node, which may have no pod yet", () => {
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, kubernetes(blocked("172.7.23.0/24"))).lines[0],
    "warning: 172.7.23.0/24",
  );
});

Deno.test("FD504 only warns of Kubernetes nodes none of which answers", () => {
  const facts = kubernetes(blocked("172.7.22.0/24", "172.7.23.0/24"));
  const { lines } = judged(FORWARDING_BLOCKED, facts);
  deepStrictEqual([lines[0], lines.at(-1)], [
    "warning podless: 172.7.21.1",
    "  $ tcpdump -ni eth0 icmp and src 172.7.21.1",
  ]);
  deepStrictEqual(sentences(FORWARDING_BLOCKED, facts), [
    "2 of 2 peers answer this host while their bridges do not answer 172.7.21.1: either these nodes have no pod yet, and so no bridge, or packets with container addresses are dropped on the way there.",
  ]);
});

Deno.test("FD504 takes silence of a host for nothing", () => {
  const silent = { hostReached: false, bridgeReached: false };
  const facts = withForwarding(healthyFacts(), { "172.7.22.0/24": silent });
  deepStrictEqual(judged(FORWARDING_BLOCKED, facts).verdict, "ok");
});

Deno.test("FD504 leaves a peer without its route to FD401", () => {
  const facts = blocked("172.7.22.0/24");
  const routes = given(facts, "routes").filter((route) =>
    route.dst !== "172.7.22.0/24"
  );
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, { ...facts, routes: known(routes) }).verdict,
    "ok",
  );
});

Deno.test("FD504 leaves a peer with two MACs to FD503", () => {
  const facts = withArp(blocked("172.7.22.0/24"), {
    "192.168.1.11": ["52:54:00:aa:01:11", "52:54:00:bb:02:22"],
  });
  deepStrictEqual(judged(FORWARDING_BLOCKED, facts).verdict, "ok");
});

Deno.test("FD504 is unknown without the probe", () => {
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, without(healthyFacts(), "forwarding")).verdict,
    "unknown: not looked at",
  );
});

Deno.test("FD504 concludes nothing where nobody answers an echo request", () => {
  const silent = { hostReached: false, bridgeReached: false };
  const facts = withForwarding(healthyFacts(), {
    "172.7.22.0/24": silent,
    "172.7.23.0/24": silent,
  });
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, facts).verdict,
    "skipped: unproved",
  );
});

Deno.test("FD504 says of a network with IPv6 next hops only that it cannot ask them", () => {
  const facts = healthyFacts();
  const expected = given(facts, "expected");
  const routes = expected.routes.map((route) => ({
    ...route,
    family: 6 as const,
    dst: "fd00:7::/64",
    gateway: "fd01::11",
  }));
  deepStrictEqual(
    judged(FORWARDING_BLOCKED, {
      ...facts,
      expected: known({ ...expected, routes }),
    }).verdict,
    "skipped: ipv6-only",
  );
});
