import assert from "node:assert/strict";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { Netlink } from "../host/netlink/netlink.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { expect } from "./expectation.ts";
import { LeaseTable } from "./lease_table.ts";
import { planRepairs, type RepairPlan } from "./repair.ts";
import { deleteRoute } from "./repair_changes.ts";
import { Wanted } from "./wanted.ts";

/** A generator of the same numbers every time, from 0 up to `below`. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

type Dice = ReturnType<typeof dice>;

const HOSTS = 9;
const DEVICE = { "host-gw": "eth0", vxlan: "flannel.1" } as const;

/** A lease of one of few hosts, so that two of them meet now and then. */
function randomLease(backend: string, roll: Dice, isDual: boolean): Lease {
  const n = 2 + roll(HOSTS);
  const host = roll(4) === 0 ? 2 + roll(HOSTS) : n;
  const vtep = (kind: string) => ({
    VtepMAC: `02:00:00:00:${kind}:0${roll(5) === 0 ? 1 + roll(9) : host}`,
  });
  const isVxlan = backend === "vxlan";
  const value = {
    PublicIP: `172.16.0.${host}`,
    PublicIPv6: isDual ? `fd01::${host}` : null,
    BackendType: roll(12) === 0 ? "alloc" : backend,
    ...isVxlan ? { BackendData: vtep("04") } : {},
    ...isVxlan && isDual ? { BackendV6Data: vtep("06") } : {},
  };
  const six = isDual ? `&fc00:0:0:${n}::-64` : "";
  const key = roll(15) === 0 ? `10.5.0.0-20${six}` : `10.5.${n}.0-24${six}`;
  return parseLease({ key, value: JSON.stringify(value), ttl: 1 }) as Lease;
}

/** Something that somebody else does to the kernel. */
function meddle(backend: keyof typeof DEVICE, roll: Dice): NetlinkChange {
  const device = DEVICE[backend];
  const n = 2 + roll(HOSTS);
  const dst = `10.5.${n}.${roll(6) === 0 ? "128/25" : "0/24"}`;
  const mac = `02:00:00:00:04:0${1 + roll(9)}`;
  const ops = ["add", "replace", "append", "delete"] as const;
  const kind = roll(backend === "vxlan" ? 4 : 2);
  if (kind === 2) {
    return {
      kind: "neighbour",
      op: roll(3) === 0 ? "delete" : "replace",
      neighbour: {
        device,
        address: `10.5.${n}.0`,
        mac,
        state: roll(3) === 0 ? "STALE" : "PERMANENT",
      },
    };
  }
  if (kind === 3) {
    const dst = `172.16.0.${2 + roll(HOSTS)}`;
    const permanent = roll(4) > 0;
    const op = ops[roll(4)]!;
    return { kind: "fdb", op, entry: { device, mac, dst, permanent } };
  }
  const isSix = roll(4) === 0;
  return {
    kind: "route",
    op: ops[roll(4)]!,
    route: {
      family: isSix ? 6 : 4,
      dst: isSix ? `fc00:0:0:${n}::/64` : dst,
      ...roll(5) === 0 ? { type: "blackhole" } : {
        gateway: isSix ? `fd01::${n}` : `172.16.0.${2 + roll(HOSTS)}`,
        device: roll(4) === 0 ? "eth0" : device,
        onlink: roll(2) === 0,
      },
      metric: [0, 0, 0, 50, 1024][roll(5)]!,
      protocol: [107, 107, 3, 4][roll(4)]!,
      scope: 0,
    },
  };
}

/** Takes away what the agent does not. */
function foreignRoutes(kernel: Netlink): NetlinkChange[] {
  return kernel.routes()
    .filter(({ table, protocol }) => table === 254 && protocol !== 2)
    .filter(({ protocol, metric }) => protocol !== 107 || metric === 50)
    .map(deleteRoute);
}

/** A plan in an order of its own. */
function lines({ repairs, conflicts }: RepairPlan): string[] {
  return [...repairs, ...conflicts].map((each) => JSON.stringify(each)).sort();
}

Deno.test({
  name: "Wanted.view() leaves out nothing that a plan needs",
  ...needs({ netns: true }),
  async fn(t) {
    for (const backend of ["host-gw", "vxlan"] as const) {
      for (const isDual of [false, true]) {
        await t.step(`${backend}${isDual ? ", dual stack" : ""}`, async () => {
          using netns = new TestNetns(
            "link set lo up",
            "link add eth0 type veth peer name far0",
            "link set far0 up",
            "address add 172.16.0.1/16 dev eth0",
            "address add fd01::1/64 dev eth0 nodad",
            "link set eth0 up",
            ...["flannel.1 type vxlan id 1", "flannel-v6.1 type vxlan id 2"]
              .flatMap((device) => [
                `link add ${device} dev eth0 dstport 8472 nolearning`,
                `link set ${device.split(" ")[0]} up`,
              ]),
          );
          using kernel = new Netlink({ netns: netns.name });
          const network = {
            Network: "10.5.0.0/16",
            ...isDual ? { EnableIPv6: true, IPv6Network: "fc00::/48" } : {},
            Backend: { Type: backend },
          };
          const { config } = parseNetworkConfig(JSON.stringify(network));
          await wander(kernel, config!, backend, isDual);
        });
      }
    }
  },
});

/** Random steps; after each the plan of the view is that of everything. */
async function wander(
  kernel: Netlink,
  config: NetworkConfig,
  backend: keyof typeof DEVICE,
  isDual: boolean,
): Promise<void> {
  const roll = dice(isDual ? 7 : 3);
  const node: LocalNode = {
    device: "eth0",
    deviceMtu: 1500,
    address: "172.16.0.1",
    ipv6Address: isDual ? "fd01::1" : null,
    publicIP: "172.16.0.1",
    publicIPv6: isDual ? "fd01::1" : null,
    lease: parseLease({
      key: isDual ? "10.5.1.0-24&fc00:0:0:1::-64" : "10.5.1.0-24",
      value: JSON.stringify({ PublicIP: "172.16.0.1", BackendType: backend }),
      ttl: 1,
    }) as Lease,
  };
  const leases = new LeaseTable({ holdMs: 0 });
  const wanted = new Wanted({ config, node, leases });
  let sound = 0;
  let incremental = 0;
  for (let step = 0; step < 400; step++) {
    // What the plan leaves to people would pile up.
    if (step % 12 === 0) await kernel.apply(foreignRoutes(kernel));
    if (roll(3) === 0) {
      const lease = randomLease(backend, roll, isDual);
      const gone = roll(3) === 0 ? leases.remove(lease.key) : null;
      if (gone === null) leases.put(lease);
      // As the reconciler does: what meets another lease is no single matter.
      const met = gone ?? lease;
      const changes = leases.isContested(met)
        ? wanted.invalidate()
        : wanted.change(met.key, gone === null ? lease : null);
      if (changes) incremental++;
      if (changes && roll(2) === 0) await kernel.apply(changes);
    } else await kernel.apply([meddle(backend, roll)]);
    const { expected, observed, all } = wanted.view(kernel);
    const full = expect(config, node, leases.effective(), []).state;
    const everything = kernel.observe({ tunnels: backend === "vxlan" });
    const plan = planRepairs({
      expected,
      observed,
      config,
      node,
      ...all === null ? {} : { all },
    });
    const slow = { expected: full, observed: everything, config, node };
    assert.deepEqual(lines(plan), lines(planRepairs(slow)), `step ${step}`);
    const { route, neighbour, fdb } = wanted.book.counts;
    assert.deepEqual(
      [route, neighbour, fdb],
      [full.routes.length, full.neighbours.length, full.fdb.length],
    );
    if (expected.routes.length < full.routes.length) sound++;
    if (roll(3) > 0) {
      await kernel.apply(plan.repairs.map(({ change }) => change));
    }
  }
  // The test tests something.
  assert.ok(sound > 30, `${sound} views without routes that are there`);
  assert.ok(incremental > 20, `${incremental} leases followed one by one`);
}
