/**
 * Reading, comparing and changing kernel state at 5,000 peers, beside iproute2
 * in the same namespace and run.
 *
 * @module
 */
import { FLANDOC_PROTOCOL } from "../flannel/kernel.ts";
import { diffRoutes } from "../flannel/route_diff.ts";
import {
  type ChangeResult,
  Netlink,
  type NetlinkChange,
  openMonitor,
} from "../host/netlink/mod.ts";
import type { TestNetns } from "../tests/support/netns.ts";
import { median, milliseconds } from "./measure.ts";
import { benchHost, type BenchNetwork, benchNetwork } from "./network.ts";
import type { BenchRow } from "./row.ts";

const PEERS = 5000;
const ROUNDS = 5;
const EVENTS = 300;
const APPLY_GOAL = 1.5;
const EVENT_GOAL_MS = 5;
/** A tenth of what a whole check may take. */
const DIFF_GOAL_MS = 100;

/** Measures netlink at 5,000 peers. */
export async function benchNetlink(): Promise<BenchRow[]> {
  return [
    ...await benchRoutes(),
    await benchOverlay(),
    await benchEvents(),
  ];
}

async function benchRoutes(): Promise<BenchRow[]> {
  using netns = benchHost();
  using netlink = new Netlink({ netns: netns.name });
  const network = benchNetwork("host-gw", PEERS);
  const changes = routeChanges(network);
  const apply = await beside(netns, [{
    name: "ip",
    lines: changes.map(ipLine),
  }], {
    ours: () => netlink.apply(changes),
    undo: () => netlink.apply(deletionsOf(changes)),
  });
  requireTaken(await netlink.apply(changes));
  const times = {
    read: [] as number[],
    diffed: [] as number[],
    ip: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    const observed = netlink.routes();
    times.read.push(performance.now() - start);
    const { present } = diffRoutes({
      wanted: network.state.routes,
      observed,
      config: network.config,
      node: network.node,
    });
    times.diffed.push(performance.now() - start);
    if (present.length !== PEERS) {
      throw new Error(`Cannot measure: ${present.length} routes present`);
    }
    times.ip.push(timed(() => {
      JSON.parse(netns.exec("ip", "-j", "route", "show", "table", "all"));
    }));
  }
  return [
    row(`routes read, ${PEERS}`, median(times.read), {
      name: "ip -j route, parsed",
      time: median(times.ip),
      goal: 1,
    }),
    diffedRow(median(times.diffed)),
    row(`routes applied, ${PEERS}`, apply.ours, {
      name: "ip -batch",
      time: apply.peer,
      goal: APPLY_GOAL,
    }),
  ];
}

function diffedRow(time: number): BenchRow {
  return {
    name: `netlink: routes read and diffed, ${PEERS}`,
    ours: milliseconds(time),
    peer: "",
    ratio: null,
    goal: `≤ ${milliseconds(DIFF_GOAL_MS)}`,
    met: time <= DIFF_GOAL_MS,
  };
}

/** A neighbour, a forwarding entry and a route for each peer. */
async function benchOverlay(): Promise<BenchRow> {
  using netns = benchHost();
  using netlink = new Netlink({ netns: netns.name });
  netns.ip(
    "link add flannel.1 type vxlan id 1 dstport 8472 local 172.16.0.1 dev eth0 nolearning",
    "link set flannel.1 up",
  );
  const network = benchNetwork("vxlan", PEERS);
  const { state } = network;
  const routes = routeChanges(network);
  const neighbours = state.neighbours.map((neighbour) => ({
    kind: "neighbour" as const,
    op: "replace" as const,
    neighbour,
  }));
  const fdb = state.fdb.map((entry) => ({
    kind: "fdb" as const,
    op: "replace" as const,
    entry,
  }));
  const changes = [...neighbours, ...fdb, ...routes];
  const neighbourLines = neighbours.map(({ neighbour }) =>
    `neigh replace ${neighbour.address} lladdr ${neighbour.mac} ` +
    `dev ${neighbour.device} nud permanent`
  );
  const { ours, peer } = await beside(netns, [
    { name: "ip", lines: [...neighbourLines, ...routes.map(ipLine)] },
    {
      name: "bridge",
      lines: fdb.map(({ entry }) =>
        `fdb replace ${entry.mac} dev ${entry.device} dst ${entry.dst} self`
      ),
    },
  ], {
    ours: () => netlink.apply(changes),
    undo: () => netlink.apply(deletionsOf(changes)),
  });
  return row(`vxlan peers applied, ${PEERS}`, ours, {
    name: "ip and bridge -batch",
    time: peer,
    goal: APPLY_GOAL,
  });
}

/** From the change of a route to the event in the reader's hands. */
async function benchEvents(): Promise<BenchRow> {
  using netns = benchHost();
  using netlink = new Netlink({ netns: netns.name });
  await using monitor = openMonitor({ netns: netns.name, routes: true });
  const waits: number[] = [];
  for (let index = 0; index < EVENTS; index++) {
    const reading = monitor.read();
    await new Promise((resolve) => setTimeout(resolve, 3));
    const start = performance.now();
    requireTaken(
      await netlink.apply([{
        kind: "route",
        op: index % 2 === 0 ? "add" : "delete",
        route: { family: 4, dst: "10.9.9.0/24", gateway: "172.16.0.9" },
      }]),
    );
    await reading;
    waits.push(performance.now() - start);
  }
  waits.sort((a, b) => a - b);
  const p99 = waits[Math.floor(EVENTS * 0.99)] ?? Infinity;
  return {
    name: "netlink: route changed to event read, p50 and p99",
    ours: `${milliseconds(median(waits))}, ${milliseconds(p99)}`,
    peer: "",
    ratio: null,
    goal: `p99 < ${EVENT_GOAL_MS} ms`,
    met: p99 < EVENT_GOAL_MS,
  };
}

/** Lines for one program's `-batch`. */
interface Batch {
  readonly name: "ip" | "bridge";
  readonly lines: readonly string[];
}

/** Applies by netlink and by batch files in turn; medians in milliseconds. */
async function beside(
  netns: TestNetns,
  batches: readonly Batch[],
  { ours, undo }: {
    readonly ours: () => Promise<ChangeResult[]>;
    readonly undo: () => Promise<ChangeResult[]>;
  },
): Promise<{ readonly ours: number; readonly peer: number }> {
  const times = { ours: [] as number[], peer: [] as number[] };
  const scratch = await Deno.makeTempDir({ prefix: "flandoc-bench-" });
  try {
    for (const { name, lines } of batches) {
      await Deno.writeTextFile(`${scratch}/${name}`, lines.join("\n") + "\n");
    }
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      const results = await ours();
      times.ours.push(performance.now() - start);
      requireTaken(results);
      requireTaken(await undo());
      times.peer.push(timed(() => {
        for (const { name } of batches) {
          netns.exec(name, "-batch", `${scratch}/${name}`);
        }
      }));
      requireTaken(await undo());
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  return { ours: median(times.ours), peer: median(times.peer) };
}

function routeChanges(
  { state }: BenchNetwork,
): Extract<NetlinkChange, { kind: "route" }>[] {
  return state.routes.map((route) => ({
    kind: "route",
    op: "replace",
    route: { ...route, protocol: FLANDOC_PROTOCOL },
  }));
}

function ipLine({ route }: Extract<NetlinkChange, { kind: "route" }>): string {
  return `route replace ${route.dst} via ${route.gateway} ` +
    `dev ${route.device} proto ${FLANDOC_PROTOCOL}` +
    (route.onlink ? " onlink" : "");
}

function deletionsOf(changes: readonly NetlinkChange[]): NetlinkChange[] {
  return changes.map((
    change,
  ) => ({ ...change, op: "delete" } as NetlinkChange));
}

function requireTaken(results: readonly ChangeResult[]): void {
  const refused = results.find(({ error }) => error !== null);
  if (refused === undefined) return;
  throw new Error(
    `Cannot measure: ${refused.error?.message} for ${
      JSON.stringify(refused.change)
    }`,
  );
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function row(
  name: string,
  ours: number,
  peer: { readonly name: string; readonly time: number; readonly goal: number },
): BenchRow {
  const ratio = ours / peer.time;
  return {
    name: `netlink: ${name}`,
    ours: milliseconds(ours),
    peer: `${peer.name} ${milliseconds(peer.time)}`,
    ratio,
    goal: `≤ ${peer.goal}×`,
    met: ratio <= peer.goal,
  };
}
