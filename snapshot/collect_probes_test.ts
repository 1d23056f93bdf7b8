import assert from "node:assert/strict";
import { captureFacts } from "../tests/fixtures/capture.ts";
import {
  arpTargets,
  collectProbes,
  defaultGateway,
  forwardingPlan,
  type ProbeNeeds,
} from "./collect_probes.ts";
import { known, unknown, valueOf } from "./fact.ts";
import type { Facts } from "./facts.ts";

const FACTS = captureFacts("host-gw", "ha");

function changed(changes: Partial<Facts>): ProbeNeeds {
  return { ...FACTS, ...changes };
}

Deno.test("defaultGateway() takes the lowest metric over the device", () => {
  const [base] = valueOf(FACTS.routes) ?? [];
  assert.ok(base);
  const via = (gateway: string, device: string, metric: number) => ({
    ...base,
    dst: "0.0.0.0/0",
    type: "unicast",
    table: 254,
    gateway,
    device,
    metric,
  });
  const routes = [
    via("10.0.0.3", "eth0", 300),
    via("10.9.0.1", "eth1", 50),
    via("10.0.0.1", "eth0", 100),
    { ...via("10.0.0.9", "eth0", 1), table: 100 },
  ];
  assert.equal(defaultGateway(routes, "eth0"), "10.0.0.1");
  assert.equal(defaultGateway(routes, "eth2"), null);
});

Deno.test("arpTargets() asks the gateway and on-link peers, not itself", () => {
  assert.deepEqual(valueOf(arpTargets(FACTS)), {
    device: "eth0",
    sourceAddress: "192.168.77.1",
    sourceMac: valueOf(FACTS.links)?.find((link) => link.name === "eth0")?.mac,
    targets: ["192.168.77.254", "192.168.77.2"],
    gateway: "192.168.77.254",
  });
});

Deno.test("arpTargets() leaves out a peer behind a gateway", () => {
  const leases = (valueOf(FACTS.leases) ?? []).map((lease) => ({
    ...lease,
    attributes: {
      ...lease.attributes,
      publicIP: lease.attributes.publicIP.replace("77.2", "88.2"),
    },
  }));
  const targets = valueOf(arpTargets(changed({ leases: known(leases) })));
  assert.deepEqual(targets?.targets, ["192.168.77.254"]);
});

Deno.test("arpTargets() gives a reason for a device without addresses", () => {
  const links = (valueOf(FACTS.links) ?? []).map((link) => ({
    ...link,
    noArp: true,
  }));
  assert.deepEqual(arpTargets(changed({ links: known(links) })), {
    unknown: "eth0 has no link-layer addresses",
  });
});

Deno.test("forwardingPlan() goes from bridge to bridge and host to host", () => {
  const own = valueOf(FACTS.node)?.lease?.subnet ?? "";
  const peer = valueOf(FACTS.leases)?.find((lease) => lease.subnet !== own);
  assert.deepEqual(valueOf(forwardingPlan(FACTS)), {
    source: own.replace(/0\/24$/, "1"),
    hostSource: "192.168.77.1",
    peers: [{
      subnet: peer?.subnet,
      publicIP: "192.168.77.2",
      bridge: peer?.subnet?.replace(/0\/24$/, "1"),
    }],
    unasked: 0,
  });
});

Deno.test("forwardingPlan() needs the bridge to hold its address", () => {
  const addresses = (valueOf(FACTS.addresses) ?? []).filter((address) =>
    address.device !== "docker0"
  );
  const plan = forwardingPlan(changed({ addresses: known(addresses) }));
  assert.match(
    JSON.stringify(plan),
    /no device here holds 172\.7\.61\.1, the first address of this host's subnet/,
  );
});

Deno.test("forwardingPlan() spares the neighbour table of a large network", async (t) => {
  const [lease] = valueOf(FACTS.leases) ?? [];
  assert.ok(lease);
  const leases = Array.from({ length: 5000 }, (_, index) => ({
    ...lease,
    key: `10.${index >> 8}.${index & 255}.0-24`,
    subnet: `10.${index >> 8}.${index & 255}.0/24`,
    attributes: {
      ...lease.attributes,
      publicIP: `11.0.${index >> 8}.${index & 255}`,
    },
  }));
  const used = valueOf(FACTS.neighbours)?.length ?? 0;
  const plan = (sysctls: Record<string, string>) =>
    valueOf(
      forwardingPlan(changed({
        leases: known(leases),
        sysctls: known(sysctls),
      })),
    );
  const key = "net.ipv4.neigh.default.gc_thresh2";
  const cases = [
    ["as the kernel has it", {}, 512 - used],
    ["small", { [key]: "8" }, 32],
    ["raised", { [key]: "16384" }, 5000],
  ] as const;
  for (const [name, sysctls, asked] of cases) {
    await t.step(name, () => {
      const found = plan(sysctls);
      assert.equal(found?.peers.length, asked);
      assert.equal(found?.unasked, 5000 - asked);
      assert.equal(found?.peers[0]?.subnet, "10.0.0.0/24");
    });
  }
});

Deno.test("collectProbes() passes on why nobody can be asked", async () => {
  const node = unknown<never>("this host's lease is not known");
  assert.deepEqual(await collectProbes(changed({ node })), {
    arp: node,
    forwarding: node,
  });
});
