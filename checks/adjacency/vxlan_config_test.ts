import { deepStrictEqual } from "node:assert/strict";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { given } from "../../tests/support/judged.ts";
import { vxlanConfigText } from "./vxlan_config.ts";

const CONFIG = given(healthyFacts(), "config");

Deno.test("vxlanConfigText() changes the backend and nothing else", async (t) => {
  const cases = [
    [
      '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}',
      '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}',
    ],
    [
      '{"Network":"10.0.0.0/8","SubnetLen":20,"SubnetMin":"10.10.0.0","backend":{"type":"Host-GW"}}',
      '{"Network":"10.0.0.0/8","SubnetLen":20,"SubnetMin":"10.10.0.0","Backend":{"Type":"vxlan"}}',
    ],
    [
      '{"Network":"10.0.0.0/8","Backend":{"Type":"VXLAN","VNI":7,"DirectRouting":true}}',
      '{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","VNI":7}}',
    ],
    [null, '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}'],
  ] as const;
  for (const [text, wanted] of cases) {
    await t.step(wanted, () => {
      deepStrictEqual(vxlanConfigText(text, CONFIG), wanted);
    });
  }
});
