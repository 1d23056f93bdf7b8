import { deepStrictEqual, equal } from "node:assert/strict";
import { known, unknown } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Route } from "../flannel/kernel.ts";
import { record, withLeases } from "../tests/fixtures/changes.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../tests/fixtures/healthy.ts";
import {
  withLink,
  withoutRoute,
  withRoutes,
} from "../tests/fixtures/routes.ts";
import { planLines, planned, undoLines } from "../tests/support/planned.ts";

function lines(facts: Facts): string[] {
  return planLines(planned(facts, ["routes"]));
}

/** The healthy host with another route to a peer's subnet. */
function wrong(values: Partial<Route>, device = "eth0"): Facts {
  return withRoutes(
    healthyFacts(),
    (routes) =>
      routes.map((route) =>
        route.dst === "172.7.22.0/24"
          ? fixtureRoute(route.dst, device, {
            gateway: "192.168.1.11",
            ...values,
          })
          : route
      ),
  );
}

function added(dst: string, device: string, values: Partial<Route>): Facts {
  return withRoutes(
    healthyFacts(),
    (routes) => [...routes, fixtureRoute(dst, device, values)],
  );
}

Deno.test("ROUTES_FIX plans the routes the records imply", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["nothing to do", healthyFacts(), []],
    ["missing", withoutRoute(healthyFacts(), "172.7.22.0/24"), [
      "ip route add 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    ["missing over vxlan", withoutRoute(healthyVxlanFacts(), "172.7.22.0/24"), [
      "ip route add 172.7.22.0/24 via 172.7.22.0 dev flannel.1 proto 107 onlink",
    ]],
    ["another gateway", wrong({ gateway: "192.168.1.254" }), [
      "ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    [
      "another metric and gateway",
      wrong({ gateway: "192.168.1.254", metric: 50 }),
      [
        "ip route add 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
        "ip route del 172.7.22.0/24 via 192.168.1.254 dev eth0 metric 50",
      ],
    ],
    ["a blackhole", wrong({ type: "blackhole", gateway: null, device: null }), [
      "ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    [
      "stale, flannel's",
      added("172.7.77.0/24", "eth0", { gateway: "192.168.1.77" }),
      [
        "ip route del 172.7.77.0/24 via 192.168.1.77 dev eth0",
      ],
    ],
    [
      "stale, ours",
      added("172.7.77.0/24", "eth0", {
        gateway: "192.168.1.77",
        protocol: 107,
      }),
      ["ip route del 172.7.77.0/24 via 192.168.1.77 dev eth0"],
    ],
    [
      "an administrator's",
      added("172.7.77.0/24", "eth0", { gateway: "192.168.1.77", protocol: 4 }),
      [],
    ],
    [
      "a part of the own subnet led away",
      added("172.7.21.128/25", "eth0", { gateway: "192.168.1.11" }),
      ["ip route del 172.7.21.128/25 via 192.168.1.11 dev eth0"],
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => deepStrictEqual(lines(facts), wanted));
  }
});

Deno.test("ROUTES_FIX takes no side where two hosts claim a subnet", async (t) => {
  const both = (facts: Facts) =>
    withLeases(
      (records) => [...records, record("172.7.22.0-24", "192.168.1.13")],
      facts,
    );
  const cases: readonly [string, Facts][] = [
    ["one of them is routed to", healthyFacts()],
    ["the other is", wrong({ gateway: "192.168.1.13" })],
    ["neither is", wrong({ gateway: "192.168.1.99" })],
    ["there is no route", withoutRoute(healthyFacts(), "172.7.22.0/24")],
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => deepStrictEqual(lines(both(facts)), []));
  }
});

Deno.test("ROUTES_FIX keeps the route of a peer whose record cannot be read", () => {
  const broken = withLeases((records) =>
    records.map((each) =>
      each.key === "172.7.22.0-24" ? { ...each, value: "{" } : each
    )
  );
  const ours = withRoutes(
    broken,
    (routes) =>
      routes.map((route) =>
        route.dst === "172.7.22.0/24" ? { ...route, protocol: 107 } : route
      ),
  );
  deepStrictEqual(lines(broken), []);
  deepStrictEqual(lines(ours), []);
});

Deno.test("ROUTES_FIX says how each is taken back, with every attribute", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["missing", withoutRoute(healthyFacts(), "172.7.22.0/24"), [
      "ip route del 172.7.22.0/24 via 192.168.1.11 dev eth0",
    ]],
    [
      "another gateway",
      wrong({
        gateway: "192.168.1.254",
        protocol: 4,
        prefsrc: "192.168.1.10",
        mtu: 1400,
      }),
      [
        "ip route replace 172.7.22.0/24 via 192.168.1.254 dev eth0 proto static src 192.168.1.10 mtu 1400",
      ],
    ],
    ["another metric", wrong({ gateway: "192.168.1.254", metric: 50 }), [
      "ip route add 172.7.22.0/24 via 192.168.1.254 dev eth0 metric 50",
      "ip route del 172.7.22.0/24 via 192.168.1.11 dev eth0",
    ]],
    [
      "several hops",
      wrong({
        gateway: null,
        device: null,
        nexthops: ["192.168.1.11", "192.168.1.12"].map((gateway) => ({
          gateway,
          device: "eth0",
          weight: 1,
          onlink: false,
          down: true,
        })),
      }),
      [
        "ip route replace 172.7.22.0/24 nexthop via 192.168.1.11 dev eth0 weight 1 nexthop via 192.168.1.12 dev eth0 weight 1",
      ],
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      deepStrictEqual(undoLines(planned(facts, ["routes"])), wanted);
    });
  }
});

Deno.test("ROUTES_FIX removes flannel's stale routes only when it is named", () => {
  const stale = (protocol: number) =>
    planned(
      added("172.7.77.0/24", "eth0", { gateway: "192.168.1.77", protocol }),
    );
  equal(stale(107).actions.length, 1);
  equal(stale(3).actions.length, 0);
  deepStrictEqual(stale(3).withheld?.map(({ risk }) => risk), ["interrupts"]);
});

Deno.test("ROUTES_FIX leaves the networks that this host is in itself", async (t) => {
  const cases: readonly [string, Facts, string][] = [
    [
      "a Docker network",
      wrong({
        gateway: null,
        device: "br-4f1c",
        protocol: 2,
        scope: 253,
        prefsrc: "172.7.22.1",
      }),
      "FD402: br-4f1c is in this network itself and would be cut off from it, move one of the two (FD107): 172.7.22.0/24 dev br-4f1c proto kernel scope link src 172.7.22.1",
    ],
    [
      "a LAN as a network manager sets it",
      wrong({ gateway: null, device: "eth1", protocol: 16, metric: 100 }),
      "FD402: eth1 is in this network itself and would be cut off from it, move one of the two (FD107): 172.7.22.0/24 dev eth1 proto dhcp metric 100",
    ],
    [
      "a LAN inside the own subnet",
      added("172.7.21.128/25", "eth0", { protocol: 2 }),
      "FD405: eth0 is in this network itself and would be cut off from it, move one of the two (FD107): 172.7.21.128/25 dev eth0 proto kernel scope link",
    ],
  ];
  for (const [name, facts, line] of cases) {
    await t.step(name, () => deepStrictEqual(lines(facts), [line]));
  }
});

Deno.test("ROUTES_FIX changes what somebody may have meant only when it is named", async (t) => {
  const lan = (route: Partial<Route>) =>
    withoutRoute(added("172.7.16.0/20", "eth1", route), "172.7.22.0/24");
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["another gateway, as flannel sets it", wrong({ gateway: "192.168.1.9" }), [
      "ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    ["a static route", wrong({ gateway: "192.168.1.9", protocol: 4 }), [
      "(FD402 overrides) ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    [
      "the own subnet led away, as flannel sets it",
      added("172.7.21.0/24", "eth0", { gateway: "192.168.1.13" }),
      ["ip route del 172.7.21.0/24 via 192.168.1.13 dev eth0"],
    ],
    [
      "one address moved to another host",
      added("172.7.21.200/32", "eth0", { gateway: "192.168.1.13" }),
      [
        "(FD405 interrupts) ip route del 172.7.21.200 via 192.168.1.13 dev eth0",
      ],
    ],
    [
      "the own subnet behind a router of a routing daemon",
      added("172.7.21.0/24", "eth0", {
        gateway: "192.168.1.13",
        protocol: 186,
      }),
      [
        "(FD405 overrides) ip route del 172.7.21.0/24 via 192.168.1.13 dev eth0",
      ],
    ],
    ["a part of a LAN", lan({ protocol: 2 }), [
      "(FD401 interrupts) ip route add 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
    [
      "beside a default route without a gateway",
      withoutRoute(added("0.0.0.0/0", "ppp0", {}), "172.7.22.0/24"),
      ["ip route add 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107"],
    ],
    ["a part of what a router serves", lan({ gateway: "10.0.0.1" }), [
      "ip route add 172.7.22.0/24 via 192.168.1.11 dev eth0 proto 107",
    ]],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(
      name,
      () => deepStrictEqual(planLines(planned(facts)), wanted),
    );
  }
});

Deno.test("ROUTES_FIX plans nothing from records that were not read whole", async (t) => {
  const stale = added("172.7.77.0/24", "eth0", { gateway: "192.168.1.77" });
  await t.step("no own lease among them", () => {
    const facts = withLeases(
      (records) => records.filter(({ key }) => key !== "172.7.21.0-24"),
      stale,
    );
    deepStrictEqual(planned(facts, ["routes"]).actions, []);
  });
  await t.step("unknown", () => {
    const partial = {
      ...stale,
      leaseRecords: unknown("etcd: the answer was cut off"),
      leases: unknown("etcd: the answer was cut off"),
      node: unknown("etcd: the answer was cut off"),
      expected: unknown("etcd: the answer was cut off"),
    };
    deepStrictEqual(lines(partial), [
      "FD401: could not be judged, etcd: the answer was cut off",
      "FD402: could not be judged, etcd: the answer was cut off",
      "FD403: could not be judged, etcd: the answer was cut off",
      "FD405: could not be judged, etcd: the answer was cut off",
    ]);
  });
});

Deno.test("ROUTES_FIX plans no route that the kernel would refuse", async (t) => {
  await t.step(
    "over a device that is down, beside one that can be made",
    () => {
      const facts = withLink(
        withoutRoute(healthyVxlanFacts(), "172.7.22.0/24", "172.7.23.0/24"),
        "flannel.1",
        { up: false },
      );
      deepStrictEqual(
        lines(facts).filter((line) => line.startsWith("ip route")),
        [],
      );
    },
  );
  await t.step("through an address that is not on the link", () => {
    const facts = withLeases(
      (records) =>
        records.map((each) =>
          each.key === "172.7.22.0-24"
            ? {
              ...each,
              value: each.value.replace("192.168.1.11", "192.168.9.9"),
            }
            : each
        ),
      withoutRoute(healthyFacts(), "172.7.23.0/24"),
    );
    deepStrictEqual(lines(facts), [
      "ip route add 172.7.23.0/24 via 192.168.1.12 dev eth0 proto 107",
      "FD402: 192.168.9.9 cannot be reached directly over eth0, the kernel refuses such a route (FD407, FD408): 172.7.22.0/24 via 192.168.1.11 dev eth0",
    ]);
  });
});

Deno.test("ROUTES_FIX leaves the bridge's connected route inside udp's one route", () => {
  const base = healthyFacts();
  const udp: Facts = {
    ...base,
    expected: known({
      ...("known" in base.expected ? base.expected.known : null!),
      routes: [],
    }),
  };
  deepStrictEqual(lines(udp).filter((line) => /docker0/.test(line)), []);
});
