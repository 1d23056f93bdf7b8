import assert from "node:assert/strict";
import {
  onKubernetes,
  record,
  withConfig,
  withLeases,
} from "../../tests/fixtures/changes.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { LeaseRecord } from "../../flannel/lease.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { SUBNETS_EXHAUSTED } from "./subnets_exhausted.ts";

/** /20 cut into /24: 15 subnets, the first one left out. */
const SMALL = '{"Network": "172.7.16.0/20", "Backend": {"Type": "host-gw"}}';

function leased(count: number, own: boolean): Facts {
  const records: LeaseRecord[] = Array.from(
    { length: count },
    (_, n) =>
      record(
        `172.7.${17 + n}.0-24`,
        own && n === 4 ? "192.168.1.10" : `10.0.0.${n}`,
      ),
  );
  return withLeases(records, withConfig(SMALL));
}

Deno.test("FD108 finds a full network", async (t) => {
  const cases = [
    [15, false, "error no-subnet: 172.7.16.0/20"],
    [15, true, "warning full: 172.7.16.0/20"],
    [14, true, "warning nearly: 172.7.16.0/20"],
    [13, true, undefined],
    [14, false, "warning nearly: 172.7.16.0/20"],
  ] as const;
  for (const [count, own, wanted] of cases) {
    await t.step(`${count} leases, ${own ? "one" : "none"} own`, () => {
      const { lines } = judged(SUBNETS_EXHAUSTED, leased(count, own));
      assert.equal(lines[0], wanted);
    });
  }
});

Deno.test("FD108 counts", () => {
  assert.deepEqual(sentences(SUBNETS_EXHAUSTED, leased(14, true)), [
    "14 of 15 subnets of 172.7.16.0/20 are leased; free: 1.",
  ]);
  const { lines } = judged(SUBNETS_EXHAUSTED, leased(15, true));
  assert.equal(
    lines[1],
    "  config 172.7.16.0/20 SubnetLen 24 SubnetMin 172.7.17.0 SubnetMax 172.7.31.0",
  );
  assert.match(lines[2]!, / ls \/coreos.com\/network\/subnets$/);
});

Deno.test("FD108 counts a reservation and a lease of another length as taken", () => {
  const facts = withLeases([
    record("172.7.16.0-21", "10.0.0.1", null),
    ...Array.from(
      { length: 8 },
      (_, n) => record(`172.7.${24 + n}.0-24`, `10.0.1.${n}`),
    ),
  ], withConfig(SMALL));
  assert.match(judged(SUBNETS_EXHAUSTED, facts).lines[0]!, /^error no-subnet/);
});

Deno.test("FD108 finds SubnetMin above SubnetMax, which flannel lets pass", () => {
  const facts = withConfig(
    '{"Network": "172.7.0.0/16", "SubnetMin": "172.7.40.0", "SubnetMax": "172.7.30.0"}',
  );
  assert.deepEqual(sentences(SUBNETS_EXHAUSTED, facts), [
    "SubnetMin 172.7.40.0 lies above SubnetMax 172.7.30.0: there is no subnet that a host could take.",
  ]);
});

Deno.test("FD108 does not apply to Kubernetes", () => {
  assert.equal(
    judged(SUBNETS_EXHAUSTED, onKubernetes(leased(15, false))).verdict,
    "skipped: kubernetes",
  );
});
