import assert from "node:assert/strict";
import { captureFacts } from "../tests/fixtures/capture.ts";
import {
  changed,
  onKubernetes,
  withDocker,
  withoutAgent,
  withSubnetEnv,
} from "../tests/fixtures/changes.ts";
import { healthyFacts, healthyVxlanFacts } from "../tests/fixtures/healthy.ts";
import { CAPTURES } from "../tests/support/captures.ts";
import { given, judged, without } from "../tests/support/judged.ts";
import { known } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import { AGENT_CHECKS } from "./agent/mod.ts";
import { BRIDGE_CHECKS } from "./bridge/mod.ts";
import { CONFIG_CHECKS } from "./config/mod.ts";
import { STORE_CHECKS } from "./store/mod.ts";

/** Checks of records, subnet.env and the agent: none minds who masquerades. */
const CHECKS = [
  ...CONFIG_CHECKS,
  ...STORE_CHECKS,
  ...BRIDGE_CHECKS,
  ...AGENT_CHECKS,
];

/** Checks of these lists that do not apply to a network, by why. */
const SKIPPED: Readonly<Record<string, string>> = {
  "FD202 capture": "skipped: plain",
};

function healthy(): [string, Facts][] {
  return [
    ["host-gw", healthyFacts()],
    ["vxlan", healthyVxlanFacts()],
    ...CAPTURES.flatMap((network) =>
      (["ha", "hb"] as const).map((host): [string, Facts] => [
        `capture ${network} ${host}`,
        captureFacts(network, host),
      ])
    ),
  ];
}

Deno.test("checks of records, bridge and agent find nothing in healthy networks", async (t) => {
  for (const [name, facts] of healthy()) {
    await t.step(name, () => {
      const kind = name.startsWith("capture") ? "capture" : "";
      for (const check of CHECKS) {
        const wanted = SKIPPED[`${check.code} ${kind}`.trim()] ?? "ok";
        const { verdict, lines } = judged(check, facts);
        assert.deepEqual([check.code, verdict, lines], [
          check.code,
          wanted,
          [],
        ]);
      }
    });
  }
});

Deno.test("checks of records, bridge and agent say unknown for what they need", async (t) => {
  for (const check of CHECKS) {
    await t.step(check.code, () => {
      assert(check.needs.length > 0);
      for (const name of check.needs) {
        assert.equal(
          judged(check, without(healthyFacts(), name)).verdict,
          "unknown: not looked at",
          name,
        );
      }
    });
  }
});

Deno.test("checks of records, bridge and agent say why they do not apply, in both languages", () => {
  const addresses = given(healthyFacts(), "addresses");
  const off = known(
    addresses.map((each) =>
      each.device === "docker0"
        ? { ...each, address: "172.17.0.1", prefixLength: 16 }
        : each
    ),
  );
  const networks = [
    onKubernetes(changed({ addresses: off })),
    withDocker(null),
    withoutAgent(withSubnetEnv(null)),
    captureFacts("host-gw", "ha"),
  ];
  const said = new Set<string>();
  for (const facts of networks) {
    for (const check of CHECKS) {
      const { verdict } = judged(check, facts);
      const key = /^skipped: (.*)$/.exec(verdict)?.[1];
      if (key === undefined) continue;
      said.add(key);
      assert(check.text.en.skips?.[key], `${check.code} en ${key}`);
      assert(check.text.zh.skips?.[key], `${check.code} zh ${key}`);
    }
  }
  assert.deepEqual([...said].sort(), [
    "docker-aside",
    "kubernetes",
    "no-agent",
    "no-bridge",
    "no-docker",
    "plain",
  ]);
});
