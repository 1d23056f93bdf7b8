import { deepStrictEqual } from "node:assert/strict";
import { zoneOfChain } from "./firewalld_zone.ts";

Deno.test("zoneOfChain() reads the zone of firewalld's chains", async (t) => {
  const cases: [string, string | null, string | null][] = [
    ["filter_IN_public", "public", null],
    ["filter_IN_public_deny", "public", "deny"],
    ["filter_IN_my_zone_pre", "my_zone", "pre"],
    ["IN_FedoraServer_allow", "FedoraServer", "allow"],
    ["filter_IN_policy_allow-host-ipv6", null, null],
    ["filter_INPUT", null, null],
    ["INPUT_ZONES", null, null],
    ["filter_FWD_public", null, null],
  ];
  for (const [chain, zone, part] of cases) {
    await t.step(chain, () => {
      const wanted = zone === null ? null : { zone, part };
      deepStrictEqual(zoneOfChain(chain), wanted);
    });
  }
});
