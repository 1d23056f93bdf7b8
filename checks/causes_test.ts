import assert from "node:assert/strict";
import { known, unknown } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import {
  changed,
  record,
  withConfig,
  withDocker,
  withLeases,
  withoutAgent,
  withSettings,
  withSubnetEnv,
} from "../tests/fixtures/changes.ts";
import {
  fixtureAddress,
  fixtureLink,
  fixtureSubnetEnv,
  healthyFacts,
  healthyVxlanFacts,
} from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import { AGENT_CHECKS } from "./agent/mod.ts";
import { CATALOGUE } from "./mod.ts";
import { BRIDGE_CHECKS } from "./bridge/mod.ts";
import { CONFIG_CHECKS } from "./config/mod.ts";
import { runChecks } from "./engine.ts";
import { STORE_CHECKS } from "./store/mod.ts";

const CHECKS = [
  ...CONFIG_CHECKS,
  ...STORE_CHECKS,
  ...BRIDGE_CHECKS,
  ...AGENT_CHECKS,
];

/** Codes that fail when all are judged, each cause before what follows. */
function failed(facts: Facts): string[] {
  return runChecks(CHECKS, facts, { now: () => 0 })
    .filter((result) => {
      assert.notEqual(result.verdict, "crashed", result.check.code);
      return result.verdict === "failed";
    }).map((result) => result.check.code);
}

/** The facts of a host whose etcd does not answer. */
function storeDown(base: Facts): Facts {
  const reason = unknown<never>("no etcd endpoint answers");
  return changed({
    endpoints: known(
      given(base, "endpoints").map((endpoint) => ({
        ...endpoint,
        reachable: false,
        error: "connection refused",
        errorKind: "refused",
        v2: null,
        v3: null,
      })),
    ),
    configRecord: reason,
    leaseRecords: reason,
  }, base);
}

/** The facts of a host whose CA file is not there. */
function withoutCa(base: Facts): Facts {
  const down = storeDown(base);
  return changed({
    endpoints: known(
      given(down, "endpoints").map((endpoint) => ({
        ...endpoint,
        error: "Cannot read --etcd-cafile: no such file",
        errorKind: "file",
      })),
    ),
    certificates: known(
      given(down, "certificates").map((certificate) =>
        certificate.role === "ca"
          ? { ...certificate, error: "No such file" }
          : certificate
      ),
    ),
  }, down);
}

/** The facts of a host whose client key everybody may read. */
function withReadableKey(base: Facts): Facts {
  return changed({
    certificates: known(
      given(base, "certificates").map((certificate) =>
        certificate.role === "key"
          ? { ...certificate, mode: 0o644 }
          : certificate
      ),
    ),
  }, base);
}

/** docker0 as Docker makes it on its own. */
function onDockersRange(base: Facts): Facts {
  return changed({
    addresses: known([
      ...given(base, "addresses").filter((a) => a.device !== "docker0"),
      fixtureAddress("docker0", "172.17.0.1", 16),
    ]),
  }, base);
}

const HOST_GW = '{"Network": "172.26.0.0/16", "Backend": {"Type": "host-gw"}}';

const CASES: readonly (readonly [string, () => Facts, readonly string[]])[] = [
  ["a healthy host", () => healthyFacts(), []],
  ["etcd down", () => storeDown(healthyFacts()), ["FD201"]],
  [
    "etcd down and the agent gone",
    () => storeDown(withoutAgent()),
    ["FD201", "FD801"],
  ],
  ["no config", () => withConfig(null), ["FD101"]],
  ["a config that is no JSON", () => withConfig("{'Network'}"), ["FD102"]],
  [
    "the config in the other API",
    () =>
      withConfig({ text: null, otherApi: known('{"Network":"172.7.0.0/16"}') }),
    ["FD103"],
  ],
  ["the network changed", () => withConfig(HOST_GW), ["FD109"]],
  [
    "the agent stopped, its lease still there",
    () => withoutAgent(),
    ["FD801"],
  ],
  [
    "the agent stopped, docker0 as Docker makes it",
    () => onDockersRange(withoutAgent()),
    ["FD305", "FD801"],
  ],
  [
    "the agent stopped, subnet.env gone",
    () => withoutAgent(withSubnetEnv(null)),
    ["FD801"],
  ],
  [
    "the agent stopped, subnet.env without MTU",
    () =>
      withoutAgent(
        withSubnetEnv(fixtureSubnetEnv().replace("FLANNEL_MTU=1500\n", "")),
      ),
    ["FD302", "FD801"],
  ],
  [
    "etcd down, docker0 as Docker makes it",
    () => onDockersRange(storeDown(healthyFacts())),
    ["FD201", "FD305"],
  ],
  [
    "etcd down, subnet.env gone",
    () => storeDown(withSubnetEnv(null)),
    ["FD201"],
  ],
  ["the CA file gone", () => withoutCa(healthyFacts()), ["FD202"]],
  [
    "the CA file gone, docker0 as Docker makes it",
    () => onDockersRange(withoutCa(healthyFacts())),
    ["FD202", "FD305"],
  ],
  [
    "etcd down, everybody may read the key",
    () => storeDown(withReadableKey(healthyFacts())),
    ["FD201", "FD202"],
  ],
  [
    "the agent stopped, its lease gone",
    () => withoutAgent(withLeases((records) => records.slice(1))),
    ["FD204", "FD801"],
  ],
  [
    "the agent stopped, its subnet given to another host",
    () =>
      withoutAgent(
        withLeases((records) => [
          record("172.7.21.0-24", "192.168.1.99"),
          ...records.slice(1),
        ]),
      ),
    ["FD213", "FD801"],
  ],
  [
    "a host that flannel never ran on",
    () =>
      withDocker(
        null,
        withoutAgent(
          withSubnetEnv(null, {}, withLeases((records) => records.slice(1))),
        ),
      ),
    ["FD801"],
  ],
  [
    "the address moved, seen by the VTEP",
    () => {
      const base = healthyVxlanFacts();
      return withSettings(
        { publicIP: "" },
        changed({
          addresses: known(
            given(base, "addresses").map((a) =>
              a.device === "eth0" ? { ...a, address: "192.168.1.77" } : a
            ),
          ),
        }, base),
      );
    },
    ["FD212"],
  ],
  ["subnet.env gone", () => withSubnetEnv(null), ["FD301"]],
  [
    "subnet.env without MTU",
    () => withSubnetEnv(fixtureSubnetEnv().replace("FLANNEL_MTU=1500\n", "")),
    ["FD302"],
  ],
  [
    "subnet.env copied from elsewhere",
    () => withSubnetEnv(fixtureSubnetEnv({ subnet: "172.7.164.1/24" })),
    ["FD303"],
  ],
  [
    "subnet.env copied from a peer",
    () => withSubnetEnv(fixtureSubnetEnv({ subnet: "172.7.22.1/24" })),
    ["FD213"],
  ],
  [
    "Docker started without options",
    () =>
      withDocker({
        bip: { value: "172.17.0.1/16", source: "asked of the daemon" },
        mtu: { value: 9000, source: "asked of the daemon" },
      }, onDockersRange(healthyFacts())),
    ["FD305"],
  ],
  [
    "docker0 deleted",
    () => {
      const base = healthyFacts();
      return changed({
        links: known(
          given(base, "links").filter((l) =>
            l.name !== "docker0" && l.master !== "docker0"
          ),
        ),
        addresses: known(
          given(base, "addresses").filter((a) => a.device !== "docker0"),
        ),
      });
    },
    ["FD307"],
  ],
  [
    "large containers on vxlan",
    () => {
      const base = healthyVxlanFacts();
      return withDocker(
        { mtu: { value: 1500, source: "default" } },
        changed({
          links: known([
            ...given(base, "links"),
            fixtureLink(30, "vethlarge", {
              kind: "veth",
              master: "docker0",
              mtu: 1500,
            }),
          ]),
        }, base),
      );
    },
    ["FD306"],
  ],
  [
    "no subnet left",
    () =>
      withConfig(
        '{"Network": "172.7.20.0/22", "SubnetLen": 24}',
        withSubnetEnv(
          null,
          {},
          withLeases((records) => [
            ...records.slice(1),
            record("172.7.21.0-24", "192.168.1.13"),
          ]),
        ),
      ),
    // docker0 still has an address of the subnet that is another's now.
    ["FD105", "FD108", "FD213"],
  ],
];

Deno.test("checks report a cause once, not what follows from it", async (t) => {
  for (const [name, facts, codes] of CASES) {
    await t.step(name, () => assert.deepEqual(failed(facts()), codes));
  }
});

Deno.test("without an interface FD803 is the one cause, and nothing is unknown", async (t) => {
  const verdictsOf = (facts: Facts) =>
    new Set(
      runChecks(CATALOGUE, facts, { now: () => 0 }).map((
        { check, verdict, reason },
      ) =>
        verdict === "failed"
          ? `${verdict} ${check.code}`
          : reason?.kind === "moot"
          ? `moot after ${reason.after}`
          : verdict
      ),
    );
  await t.step("one that is gone", () => {
    const facts = withSettings({ iface: ["eth9"] }, healthyVxlanFacts());
    assert.deepEqual(
      verdictsOf(facts),
      new Set(["ok", "moot after FD803", "failed FD803"]),
    );
  });
  await t.step("a flag that is wrong hides nothing", () => {
    const facts = withSettings({ subnetLeaseRenewMargin: 0 });
    assert.deepEqual(
      verdictsOf(facts),
      new Set(["ok", "skipped", "failed FD803"]),
    );
  });
});
