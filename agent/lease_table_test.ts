import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { LeaseTable } from "./lease_table.ts";

function lease(key: string, publicIP = "192.168.1.11"): Lease {
  const value = JSON.stringify({ PublicIP: publicIP, BackendType: "host-gw" });
  return parseLease({ key, value, ttl: 1 }) as Lease;
}

function keys(table: LeaseTable): string[] {
  return table.effective().map((each) => each.key);
}

Deno.test("LeaseTable.put() tells a change from a renewal", () => {
  const table = new LeaseTable({ holdMs: 100 });
  assert.ok(table.put(lease("10.5.1.0-24")));
  assert.ok(!table.put({ ...lease("10.5.1.0-24"), ttl: 99 }));
  assert.ok(table.put(lease("10.5.1.0-24", "192.168.1.12")));
  assert.equal(table.remove("10.5.1.0-24")?.subnet, "10.5.1.0/24");
  assert.equal(table.remove("10.5.1.0-24"), null);
  assert.equal(table.size, 0);
});

Deno.test("LeaseTable.replace() believes a trusted list", () => {
  const table = new LeaseTable({ holdMs: 100 });
  table.replace([lease("10.5.1.0-24"), lease("10.5.2.0-24")], true);
  table.replace([lease("10.5.2.0-24"), lease("10.5.3.0-24")], true);
  assert.deepEqual(keys(table), ["10.5.2.0-24", "10.5.3.0-24"]);
});

Deno.test("LeaseTable.replace() holds what an untrusted list lacks", () => {
  let now = 0;
  const table = new LeaseTable({ holdMs: 100, now: () => now });
  table.replace([lease("10.5.1.0-24"), lease("10.5.2.0-24")], true);
  table.replace([], false);
  assert.deepEqual(keys(table), ["10.5.1.0-24", "10.5.2.0-24"]);
  assert.ok(table.holding);
  // One host is back; a second untrusted list does not lengthen the time.
  table.put(lease("10.5.2.0-24"));
  now = 50;
  table.replace([lease("10.5.2.0-24")], false);
  now = 100;
  assert.ok(table.expire());
  assert.ok(!table.expire());
  assert.deepEqual(keys(table), ["10.5.2.0-24"]);
  assert.ok(!table.holding);
});

Deno.test("LeaseTable.replace() doubts a list that lacks most", () => {
  const table = new LeaseTable({ holdMs: 100 });
  const all = Array.from({ length: 16 }, (_, n) => lease(`10.5.${n}.0-24`));
  table.replace(all, true);
  assert.equal(table.replace(all.slice(8), true), 0, "half may go");
  table.replace(all, true);
  assert.equal(table.replace(all.slice(9), true), 9);
  assert.equal(table.size, 16);
  assert.ok(table.holding);
});

Deno.test("LeaseTable.effective() lets one of two rivals count", () => {
  const table = new LeaseTable({ holdMs: 100 });
  const four = lease("10.5.1.0-24");
  const dual = lease("10.5.1.0-24&fd00:0:0:1::-64", "192.168.1.12");
  table.put(four);
  assert.ok(!table.isContested(four));
  table.put(dual);
  assert.ok(table.isContested(four));
  assert.deepEqual(keys(table), [dual.key]);
  table.remove(dual.key);
  assert.deepEqual(keys(table), [four.key]);
});
