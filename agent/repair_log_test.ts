import assert from "node:assert/strict";
import type { IgnoredPeer } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { RepairLog } from "./repair_log.ts";

function peer(reason: IgnoredPeer["reason"]): IgnoredPeer {
  const value = '{"PublicIP":"192.168.1.11","BackendType":"vxlan"}';
  const key = "10.5.2.0-24&fd00:0:0:2::-64";
  return { peer: parseLease({ key, value, ttl: 60 }) as Lease, reason };
}

Deno.test("RepairLog.ignored() tells what becomes of a peer, once", () => {
  const log = quietLog();
  const said = new RepairLog(log);
  said.ignored([peer("own")]);
  said.ignored([peer("one-family")]);
  said.ignored([peer("one-family")]);
  said.ignored([peer("backend-data")]);
  assert.deepEqual(log.lines, [
    "W Reaching lease 10.5.2.0-24&fd00:0:0:2::-64 of 192.168.1.11 by one family only: for its other subnet its backend data name no VTEP MAC, or it has no address backendType=vxlan",
    "W Ignoring lease 10.5.2.0-24&fd00:0:0:2::-64 of 192.168.1.11: its backend data name no VTEP MAC, or it has no address backendType=vxlan",
  ]);
});

Deno.test("RepairLog.done() says of what is in the way that it is gone", () => {
  const log = quietLog();
  const [name, key] = ["flannel.1", "device flannel.1"];
  const device = { kind: "device", key, why: "wrong" } as const;
  new RepairLog(log).done([
    {
      ...device,
      change: { kind: "link", op: "delete", name },
      found: "ifindex 22 of kind bridge",
    },
    {
      ...device,
      change: { kind: "link", op: "set", name: "foo", rename: name },
      found: "foo",
    },
  ]);
  assert.deepEqual(log.lines, [
    'I Removed device flannel.1 found="ifindex 22 of kind bridge"',
    "I Corrected device flannel.1 found=foo",
  ]);
});
