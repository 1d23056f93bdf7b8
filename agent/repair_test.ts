import assert from "node:assert/strict";
import { expectedState } from "../flannel/expected.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import { formatFdb } from "../flannel/format.ts";
import type { FdbEntry } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { planRepairs } from "./repair.ts";

const { config } = parseNetworkConfig(
  '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}',
);
const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.1.10",
  ipv6Address: null,
  publicIP: "192.168.1.10",
  publicIPv6: null,
  lease: lease("10.5.1.0-24", "192.168.1.10", "02:00:00:00:00:01"),
};

function lease(key: string, PublicIP: string, VtepMAC: string): Lease {
  const value = { PublicIP, BackendType: "vxlan", BackendData: { VtepMAC } };
  return parseLease({ key, value: JSON.stringify(value), ttl: 1 }) as Lease;
}

Deno.test("planRepairs() sends to one host of several with one VTEP MAC", async (t) => {
  const mac = "02:00:00:00:00:0a";
  const leases = [
    lease("10.5.2.0-24", "192.168.1.11", mac),
    lease("10.5.3.0-24", "192.168.1.12", mac),
  ];
  const expected = expectedState({ config: config!, leases, node: NODE });
  assert.ok("state" in expected);
  const plan = (fdb: FdbEntry[]) =>
    planRepairs({
      expected: expected.state,
      observed: { links: [], addresses: [], routes: [], neighbours: [], fdb },
      config: config!,
      node: NODE,
    });
  const entry = (dst: string): FdbEntry => ({
    device: "flannel.1",
    mac,
    dst,
    self: true,
    master: null,
    permanent: true,
    vlan: null,
  });
  const fdb = ({ repairs }: ReturnType<typeof plan>) =>
    repairs.flatMap(({ change }) =>
      change.kind === "fdb"
        ? [`${change.op} ${formatFdb(change.entry as FdbEntry)}`]
        : []
    );
  await t.step("the first when there is no entry", () => {
    const now = plan([]);
    assert.match(fdb(now).join(), /^replace .* dst 192\.168\.1\.11 [^,]*$/);
    assert.deepEqual(now.conflicts.map((c) => c.message), [
      `VTEP MAC ${mac} is published by 192.168.1.11 and 192.168.1.12; only 192.168.1.11 is sent to`,
    ]);
  });
  await t.step("the one that the kernel has, look after look", () => {
    for (const dst of ["192.168.1.11", "192.168.1.12"]) {
      const now = plan([entry(dst)]);
      assert.deepEqual(fdb(now), []);
      assert.match(now.conflicts[0]!.message, new RegExp(`only ${dst} is`));
    }
  });
});
