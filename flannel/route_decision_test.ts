import { deepStrictEqual, ok } from "node:assert/strict";
import { cpuTime } from "../tests/support/cpu_time.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import { formatRoute, formatRule } from "./format.ts";
import type { PolicyRule, Route } from "./kernel.ts";
import {
  isOnLinkRoute,
  routeDecider,
  routeDevices,
  type RoutedPacket,
} from "./route_decision.ts";

const MAIN = given(healthyFacts(), "routes");
const RULES = given(healthyFacts(), "rules");

function rule(priority: number, values: Partial<PolicyRule>): PolicyRule {
  return { ...RULES[1]!, priority, ...values };
}

function answer(
  packet: RoutedPacket,
  routes: readonly Route[] = MAIN,
  rules: readonly PolicyRule[] = RULES,
): string {
  const decision = routeDecider(routes, rules)(packet);
  if (decision === null) return "none";
  const route = decision.route === null ? "-" : formatRoute(decision.route);
  return `${route} | ${formatRule(decision.rule)}`;
}

Deno.test("routeDecider() takes the longest prefix", () => {
  deepStrictEqual(
    answer({ destination: "172.7.22.9" }),
    "172.7.22.0/24 via 192.168.1.11 dev eth0 | 32766:\tfrom all lookup main",
  );
  deepStrictEqual(
    answer({ destination: "1.1.1.1" }),
    "default via 192.168.1.254 dev eth0 | 32766:\tfrom all lookup main",
  );
  deepStrictEqual(
    answer({ destination: "172.7.21.1" }),
    "local 172.7.21.1 dev docker0 table local proto kernel scope host src 172.7.21.1" +
      " | 0:\tfrom all lookup local",
  );
});

Deno.test("routeDecider() takes the lower metric of equal prefixes", () => {
  const routes = [
    fixtureRoute("10.0.0.0/8", "eth1", { metric: 200 }),
    fixtureRoute("10.0.0.0/8", "eth2", { metric: 100 }),
    fixtureRoute("10.0.0.0/8", "eth3", { tos: 0x10 }),
  ];
  deepStrictEqual(
    answer({ destination: "10.1.1.1" }, routes),
    "10.0.0.0/8 dev eth2 scope link metric 100 | 32766:\tfrom all lookup main",
  );
});

Deno.test("routeDecider() knows none where no table has a route", () => {
  deepStrictEqual(answer({ destination: "10.1.1.1" }, []), "none");
  deepStrictEqual(answer({ destination: "no address" }), "none");
});

Deno.test("routeDecider() uses the kernel's rules where none were dumped", () => {
  deepStrictEqual(
    answer({ destination: "172.7.22.9" }, MAIN, []),
    "172.7.22.0/24 via 192.168.1.11 dev eth0 | 32766:\tfrom all lookup main",
  );
});

Deno.test("routeDecider() follows policy rules", async (t) => {
  const elsewhere = fixtureRoute("0.0.0.0/0", "eth0", {
    gateway: "192.168.1.253",
    table: 100,
  });
  const by100 = "default via 192.168.1.253 dev eth0 table 100 | 100:\tfrom ";
  const byMain = "172.7.22.0/24 via 192.168.1.11 dev eth0 | ";
  const cases: [string, Partial<PolicyRule>, RoutedPacket, string][] = [
    [
      "a source rule takes what is bound to the source",
      { from: "192.168.1.10/32", table: 100 },
      { destination: "172.7.22.9", source: "192.168.1.10" },
      by100,
    ],
    [
      "and not what is not bound yet",
      { from: "192.168.1.10/32", table: 100 },
      { destination: "172.7.22.9" },
      byMain,
    ],
    [
      "a rule on an input device",
      { iif: "docker0", table: 100 },
      { destination: "172.7.22.9", inDevice: "docker0" },
      by100,
    ],
    [
      "a destination rule",
      { to: "172.7.0.0/16", table: 100 },
      { destination: "172.7.22.9" },
      by100,
    ],
    [
      "a mark rule leaves unmarked packets",
      { fwmark: 0x80000, fwmask: 0xff0000, table: 100 },
      { destination: "172.7.22.9" },
      byMain,
    ],
    [
      "a negated mark rule takes them",
      { fwmark: 0xca6c, fwmask: 0xffffffff, not: true, table: 100 },
      { destination: "172.7.22.9" },
      "default via 192.168.1.253 dev eth0 table 100 | 100:\tnot from ",
    ],
    [
      "a rule on an output device leaves packets bound to none",
      { oif: "eth1", table: 100 },
      { destination: "172.7.22.9" },
      byMain,
    ],
    [
      "a rule on what is not modelled leaves the packets of nobody",
      { other: ["uidrange 1000-1000"], table: 100 },
      { destination: "172.7.22.9" },
      byMain,
    ],
    [
      "a rule without an answer leads on",
      { table: 4711 },
      { destination: "172.7.22.9" },
      byMain,
    ],
  ];
  for (const [name, values, packet, wanted] of cases) {
    await t.step(name, () => {
      const got = answer(packet, [...MAIN, elsewhere], [
        ...RULES,
        rule(100, values),
      ]);
      deepStrictEqual(got.slice(0, wanted.length), wanted);
    });
  }
});

Deno.test("routeDecider() obeys throw, blackhole and suppress_prefixlength", () => {
  const throws = fixtureRoute("172.7.22.0/24", "", {
    type: "throw",
    device: null,
    table: 100,
  });
  const all = fixtureRoute("0.0.0.0/0", "wg0", { table: 100 });
  const rules = [...RULES, rule(100, { table: 100 })];
  deepStrictEqual(
    answer({ destination: "172.7.22.9" }, [...MAIN, throws, all], rules),
    "172.7.22.0/24 via 192.168.1.11 dev eth0 | 32766:\tfrom all lookup main",
  );
  deepStrictEqual(
    answer({ destination: "172.7.22.9" }, MAIN, [
      ...RULES,
      rule(7, { action: "prohibit" }),
    ]),
    "- | 7:\tfrom all prohibit",
  );
  // wg-quick: main without its default route first, then the tunnel.
  const wireguard = [
    ...RULES,
    rule(32764, { other: ["suppress_prefixlength 0"] }),
    rule(32765, { not: true, fwmark: 0xca6c, table: 100 }),
  ];
  deepStrictEqual(
    answer({ destination: "172.7.22.9" }, [...MAIN, all], wireguard),
    "172.7.22.0/24 via 192.168.1.11 dev eth0 | " +
      "32764:\tfrom all lookup main suppress_prefixlength 0",
  );
  deepStrictEqual(
    answer({ destination: "1.1.1.1" }, [...MAIN, all], wireguard),
    "default dev wg0 table 100 scope link | 32765:\tnot from all fwmark 0xca6c lookup 100",
  );
});

Deno.test("routeDecider() looks IPv6 up beside IPv4", () => {
  const routes = [
    ...given(healthyVxlanFacts(), "routes"),
    fixtureRoute("fd00:2::/64", "flannel-v6.1", {
      family: 6,
      gateway: "fd00:2::",
      onlink: true,
      metric: 1024,
    }),
  ];
  deepStrictEqual(
    answer({ destination: "fd00:2::5" }, routes),
    "fd00:2::/64 via fd00:2:: dev flannel-v6.1 metric 1024 onlink" +
      " | 32766:\tfrom all lookup main",
  );
});

Deno.test("routeDevices() and isOnLinkRoute() see every hop", () => {
  const hop = { weight: 1, onlink: false, down: false };
  const multipath = fixtureRoute("10.0.0.0/8", "", {
    device: null,
    nexthops: [
      { ...hop, gateway: "192.168.1.1", device: "eth0" },
      { ...hop, gateway: null, device: "eth1" },
    ],
  });
  deepStrictEqual(routeDevices(multipath), ["eth0", "eth1"]);
  deepStrictEqual(isOnLinkRoute(multipath), false);
  deepStrictEqual(isOnLinkRoute(fixtureRoute("10.0.0.0/8", "eth0")), true);
  deepStrictEqual(
    isOnLinkRoute(fixtureRoute("10.0.0.0/8", "x", { type: "blackhole" })),
    false,
  );
});

Deno.test("routeDecider() answers 5,000 packets over 5,000 routes within a second", () => {
  const routes = Array.from(
    { length: 5000 },
    (_, i) =>
      fixtureRoute(`10.${i >> 8}.${i & 255}.0/24`, "eth0", {
        gateway: "192.168.1.11",
      }),
  );
  let found = 0;
  const elapsed = cpuTime(() => {
    const decide = routeDecider([...MAIN, ...routes], RULES);
    for (let i = 0; i < 5000; i++) {
      const destination = `10.${i >> 8}.${i & 255}.9`;
      if (decide({ destination })?.route?.dst === routes[i]!.dst) found++;
    }
  });
  deepStrictEqual(found, 5000);
  ok(elapsed < 1000, `${elapsed} ms`);
});
