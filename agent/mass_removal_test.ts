import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { MassRemoval } from "./mass_removal.ts";

function leases(from: number, to: number): Lease[] {
  return Array.from({ length: to - from }, (_, n) =>
    parseLease({
      key: `10.5.${from + n}.0-24`,
      value: '{"PublicIP":"192.168.1.11"}',
      ttl: 1,
    }) as Lease);
}

Deno.test("MassRemoval doubts that most leases go within a minute", () => {
  let now = 0;
  const mass = new MassRemoval({ now: () => now });
  assert.ok(!mass.isDoubtful(leases(0, 8), 8), "half of them");
  assert.ok(mass.isDoubtful(leases(8, 9), 7));
  assert.equal(mass.takeBack().length, 9);
  // The others follow, though those held are counted as left.
  assert.ok(mass.isDoubtful(leases(9, 10), 15));
  now = 59_000;
  assert.ok(mass.isDoubtful(leases(10, 11), 15));
  now = 120_000;
  assert.ok(!mass.isDoubtful(leases(11, 12), 15), "a quiet minute after");
});

Deno.test("MassRemoval takes hosts that leave one by one for what they are", () => {
  let now = 0;
  const mass = new MassRemoval({ now: () => now });
  for (let n = 0; n < 16; n++) {
    assert.ok(!mass.isDoubtful(leases(n, n + 1), 15 - n), `${n}`);
    now += 10_000;
  }
});

Deno.test("MassRemoval.forget() is for leases that are there again", () => {
  const mass = new MassRemoval();
  for (
    const [lease] of Array.from({ length: 20 }, (_, n) => [leases(n, n + 1)])
  ) {
    assert.ok(!mass.isDoubtful(lease!, 9));
    mass.forget(lease![0]!.key);
  }
});
