import assert from "node:assert/strict";
import { iptablesRuleset } from "../tests/support/rulesets.ts";
import { cleanUpRules } from "./clean_up.ts";

const RULES = `*filter
:FORWARD ACCEPT [0:0]
:FLANNEL-FWD - [0:0]
-A FORWARD -s 10.5.0.0/16 -j ACCEPT
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FORWARD -s 10.9.0.0/16 -j ACCEPT
-A FLANNEL-FWD -s 10.5.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -s 10.6.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
`;

Deno.test("cleanUpRules() takes rules that are named flannel's, of this network", () => {
  const changes = cleanUpRules(
    [iptablesRuleset(RULES)],
    "10.5.0.0/16",
    "10.5.1.0/24",
  );
  const edits = changes.flatMap((change) =>
    change.kind === "netfilter"
      ? change.edits.map((edit) => `${change.chain} ${JSON.stringify(edit)}`)
      : []
  );
  assert.equal(edits.length, 2, edits.join("\n"));
  assert.match(edits[0]!, /^FORWARD .*-j FLANNEL-FWD/);
  assert.match(edits[1]!, /^FLANNEL-FWD .*10\.5\.0\.0\/16/);
});
