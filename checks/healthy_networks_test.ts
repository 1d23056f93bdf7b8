/**
 * Routes, adjacency, NAT and kernel over hosts on which containers reached
 * each other: nothing fails but what is wrong there.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { cpuTime } from "../tests/support/cpu_time.ts";
import { captureFacts } from "../tests/fixtures/capture.ts";
import { healthyFacts, healthyVxlanFacts } from "../tests/fixtures/healthy.ts";
import {
  DOCKER_RULE,
  SCOPED_RULE,
  withNat,
} from "../tests/fixtures/netfilter.ts";
import { withLink, withRoutes } from "../tests/fixtures/routes.ts";
import { largeNetwork } from "../tests/fixtures/segment.ts";
import type { Facts } from "../snapshot/facts.ts";
import { ADJACENCY_CHECKS } from "./adjacency/mod.ts";
import type { Check } from "./check.ts";
import { runChecks } from "./engine.ts";
import { KERNEL_CHECKS } from "./kernel/mod.ts";
import { NAT_CHECKS } from "./nat/mod.ts";
import { ROUTE_CHECKS } from "./routes/mod.ts";

const CHECKS: readonly Check[] = [
  ...ROUTE_CHECKS,
  ...ADJACENCY_CHECKS,
  ...NAT_CHECKS,
  ...KERNEL_CHECKS,
];

/** Codes that are not ok and not skipped, each with its reason. */
function trouble(facts: Facts): string[] {
  return runChecks(CHECKS, facts, { now: () => 0 })
    .filter(({ verdict }) => verdict !== "ok" && verdict !== "skipped")
    .map(({ check, verdict, reason }) =>
      reason === null
        ? `${check.code} ${verdict}`
        : `${check.code} ${verdict} ${JSON.stringify(reason)}`
    );
}

Deno.test("healthy networks of every kind give no finding", async (t) => {
  const cases: [string, Facts, string[]][] = [
    ["host-gw", healthyFacts(), []],
    ["vxlan", healthyVxlanFacts(), []],
  ];
  for (const host of ["ha", "hb"] as const) {
    // The tutorial's network: Docker masquerades.
    cases.push([`host-gw ${host}`, captureFacts("host-gw", host), [
      "FD601 failed",
    ]]);
    for (
      const network of [
        "host-gw-ip-masq",
        "vxlan",
        "vxlan-direct-routing",
        "vxlan-vni-port",
        "udp",
      ]
    ) cases.push([`${network} ${host}`, captureFacts(network, host), []]);
  }
  for (const [name, facts, codes] of cases) {
    await t.step(name, () => deepStrictEqual(trouble(facts), codes));
  }
});

Deno.test("the tutorial's steps give the codes they should", async (t) => {
  const base = healthyFacts();
  const docker = base.docker;
  if (!("known" in docker) || docker.known === null) throw new Error("fixture");
  // Nothing holds the repair yet.
  const bare: Facts = {
    ...base,
    docker: {
      known: { ...docker.known, unitFiles: docker.known.unitFiles.slice(0, 2) },
    },
  };
  const cases: [string, Facts, string[]][] = [
    ["3.1 Docker's rule", withNat(bare, [DOCKER_RULE]), ["FD601 failed"]],
    ["3.2.2 scoped", withNat(bare, [SCOPED_RULE]), ["FD610 failed"]],
    [
      "3.2.3 Docker restarted",
      withNat(bare, [DOCKER_RULE, SCOPED_RULE]),
      ["FD601 failed"],
    ],
    ["repaired to last", withNat(base, [SCOPED_RULE]), []],
  ];
  for (const [name, facts, codes] of cases) {
    await t.step(name, () => deepStrictEqual(trouble(facts), codes));
  }
});

Deno.test("one cause gives one failure", async (t) => {
  const peers = ["172.7.22.0/24", "172.7.23.0/24"];
  const cases: [string, Facts, string[]][] = [
    [
      "the external interface goes down and takes its routes along",
      withLink(
        withRoutes(
          healthyFacts(),
          (routes) => routes.filter((route) => route.device !== "eth0"),
        ),
        "eth0",
        { up: false, carrier: false, operState: "DOWN" },
      ),
      ["FD406 failed"],
    ],
    [
      "the tunnel device goes down and takes its routes along",
      withLink(
        withRoutes(
          healthyVxlanFacts(),
          (routes) => routes.filter((route) => !peers.includes(route.dst)),
        ),
        "flannel.1",
        { up: false, carrier: false, operState: "DOWN" },
      ),
      ["FD406 failed"],
    ],
    [
      "the interface's prefix is too long for the peers",
      withRoutes(
        healthyFacts(),
        (routes) =>
          routes.filter((route) =>
            !peers.includes(route.dst) && route.dst !== "192.168.1.0/24"
          ),
      ),
      ["FD408 failed"],
    ],
  ];
  for (const [name, facts, codes] of cases) {
    await t.step(name, () => deepStrictEqual(trouble(facts), codes));
  }
});

Deno.test("5,000 peers are judged within a second", () => {
  const facts = largeNetwork(healthyFacts(), 4096);
  const elapsed = cpuTime(() => {
    const results = runChecks(CHECKS, facts, { now: () => 0 });
    deepStrictEqual(
      results.filter((r) => r.verdict === "crashed").map((r) => r.reason),
      [],
    );
  });
  ok(elapsed < 1000, `${elapsed} ms of processor time`);
});
