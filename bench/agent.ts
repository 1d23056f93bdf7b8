/**
 * The agent at scale: start, reaction, and what it costs at rest.
 *
 * @module
 */
import { Netlink } from "../host/netlink/mod.ts";
import { AgentProcess } from "../tests/support/agent.ts";
import { type EtcdCluster, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import type { TestNetns } from "../tests/support/netns.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import type { AgentLatencies } from "./agent_latency.ts";
import { batchFiles } from "./agent_batch.ts";
import { emptyProgram, flandocProgram } from "./program.ts";
import { median, milliseconds } from "./measure.ts";
import { benchHost } from "./network.ts";
import { percentile, processorShare, residentMemory } from "./process_cost.ts";
import type { BenchRow } from "./row.ts";

const BACKENDS = ["host-gw", "vxlan"] as const;
type Backend = typeof BACKENDS[number];

const SIZES = [100, 1_000, 5_000, 10_000] as const;
/** Size at which reaction and rest are measured. */
const AT = 5_000;
const ROUNDS = 5;
const START_GOAL = 1.5;
const SAMPLES = 300;
const LATENCY_GOAL_MS = 5;
/** Rest is what comes after a minute: V8 compiles and collects until then. */
const CALM_SECONDS = 60;
/** A period of the agent's timer at that size, so that its look is counted. */
const REST_SECONDS = 60;
const REST_GOAL_PERCENT = 0.5;
const MEMORY_GOAL_MB = 100;

/** One host, its etcd and what was measured of them. */
interface Bench {
  readonly backend: Backend;
  readonly host: TestNetns;
  readonly etcd: EtcdCluster;
  /** Words that run flandoc, and an empty program in the same form. */
  readonly program: readonly string[];
  readonly empty: readonly string[];
  /** For files of the measurement. */
  readonly directory: string;
  readonly rows: BenchRow[];
}

/** Measures both backends at every size. */
export async function benchAgent(): Promise<BenchRow[]> {
  const wanted = { netns: true, programs: ["etcd", "bridge"] };
  if (needs(wanted).missing.length > 0) return [];
  const rows: BenchRow[] = [];
  for (const backend of BACKENDS) rows.push(...await benchBackend(backend));
  return rows;
}

async function benchBackend(backend: Backend): Promise<BenchRow[]> {
  using host = benchHost();
  using scratch = temporaryDirectory();
  await using etcd = await startEtcd({ netns: host.name });
  const bench = {
    ...{ backend, host, etcd, directory: scratch.path, rows: [] },
    program: flandocProgram(),
    empty: await emptyProgram(scratch.path),
  };
  let filled = 0;
  for (const size of SIZES) {
    // Ourselves and so many peers.
    await fill(bench, filled, size + 1);
    filled = size + 1;
    await benchStart(bench, size);
    if (size !== AT) continue;
    await benchRunning(bench);
    filled += SAMPLES;
  }
  return bench.rows;
}

/** Runs a program of Deno's inside; what it printed. */
async function inside(
  { host }: Bench,
  argv: readonly string[],
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("nsenter", {
    args: [`--net=/var/run/netns/${host.name}`, ...argv],
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`Cannot measure: ${new TextDecoder().decode(stderr)}`);
}

function denoRun(file: string, ...args: readonly string[]): string[] {
  return [Deno.execPath(), "run", "-A", "--no-check", file, ...args];
}

async function fill(bench: Bench, first: number, hosts: number): Promise<void> {
  await inside(
    bench,
    denoRun(
      new URL("fill_store.ts", import.meta.url).pathname,
      ...[bench.etcd.endpoints[0]!, String(hosts), bench.backend],
      ...["etcd-v3", String(first)],
    ),
  );
}

function startAgent(bench: Bench): AgentProcess {
  return new AgentProcess({
    netns: bench.host.name,
    endpoints: bench.etcd.endpoints,
    subnetFile: `${bench.directory}/subnet.env`,
    flags: ["--iface=eth0", "--iptables-forward-rules=false"],
    command: bench.program,
  });
}

/** From the start of the process until all routes are there. */
async function benchStart(bench: Bench, size: number): Promise<void> {
  const batches = await batchFiles(bench.backend, size, bench.directory);
  const ours: number[] = [];
  const bare: number[] = [];
  const batched: number[] = [];
  const rounds = size > 1_000 ? 3 : ROUNDS;
  for (let round = 0; round < rounds; round++) {
    ours.push(await timeAgent(bench, size));
    bare.push(await timed(() => inside(bench, bench.empty)));
    clear(bench);
    if (bench.backend === "vxlan") addDevice(bench);
    batched.push(
      await timed(async () => {
        for (const argv of batches) await inside(bench, argv);
      }),
    );
    clear(bench);
  }
  const [agent, start, batch] = [median(ours), median(bare), median(batched)];
  const ratio = agent / (start + batch);
  bench.rows.push({
    name: `agent: start to all routes, ${bench.backend}, ${size} leases`,
    ours: milliseconds(agent),
    peer: `empty program ${milliseconds(start)} + -batch ${
      milliseconds(batch)
    }`,
    ratio,
    goal: `≤ ${START_GOAL}×`,
    met: ratio <= START_GOAL,
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function timeAgent(bench: Bench, size: number): Promise<number> {
  clear(bench);
  const started = performance.now();
  await using agent = startAgent(bench);
  await agent.ready();
  const took = performance.now() - started;
  using kernel = new Netlink({ netns: bench.host.name });
  const routes = kernel.routes().filter(({ gateway }) => gateway !== null);
  if (routes.length !== size) {
    throw new Error(
      `Cannot measure: ${routes.length} routes instead of ${size}\n${agent.log}`,
    );
  }
  await agent.stop();
  return took;
}

/** An empty kernel, and no subnet.env. */
function clear({ host, directory }: Bench): void {
  try {
    Deno.removeSync(`${directory}/subnet.env`);
  } catch {
    // There was none.
  }
  if (host.exec("ip", "link").includes("flannel.1")) {
    host.ip("link del flannel.1");
  }
  host.ip("route flush table main scope global");
}

function addDevice({ host }: Bench): void {
  host.ip(
    "link add flannel.1 type vxlan id 1 dev eth0 local 172.16.0.1 dstport 8472 nolearning",
    "address add 10.0.1.0/32 dev flannel.1",
    "link set flannel.1 up",
  );
}

/** Reaction, then processor and memory at rest. */
async function benchRunning(bench: Bench): Promise<void> {
  clear(bench);
  await using agent = startAgent(bench);
  await agent.ready();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await benchLatency(bench);
  await new Promise((resolve) => setTimeout(resolve, CALM_SECONDS * 1_000));
  const share = await processorShare(agent.pid, REST_SECONDS);
  bench.rows.push({
    name: `agent: processor at rest, ${bench.backend}, ${AT} peers`,
    ours: `${share.toFixed(2)} % of a core`,
    peer: "",
    ratio: null,
    goal: `< ${REST_GOAL_PERCENT} %`,
    met: share < REST_GOAL_PERCENT,
  });
  const memory = residentMemory(agent.pid);
  const bare = await bareMemory(bench);
  bench.rows.push({
    name: `agent: resident memory, ${bench.backend}, ${AT} peers`,
    ours: `${memory.toFixed(0)} MB`,
    peer: `empty program ${bare.toFixed(0)} MB`,
    ratio: memory / bare,
    goal: `< ${MEMORY_GOAL_MB} MB`,
    met: memory < MEMORY_GOAL_MB,
  });
}

async function benchLatency(bench: Bench): Promise<void> {
  const text = await inside(
    bench,
    denoRun(
      new URL("agent_latency.ts", import.meta.url).pathname,
      ...[bench.etcd.endpoints[0]!, bench.backend],
      ...[String(AT + 1), String(SAMPLES)],
    ),
  );
  const { fromPut, fromEvent }: AgentLatencies = JSON.parse(text);
  for (const fraction of [0.5, 0.99]) {
    const event = percentile(fromEvent, fraction);
    const put = percentile(fromPut, fraction);
    bench.rows.push({
      name: `agent: lease event to route, ${bench.backend}, ${AT} leases, p${
        fraction * 100
      }`,
      ours: milliseconds(event),
      peer: `from the write ${milliseconds(put)}`,
      ratio: null,
      goal: fraction === 0.99 ? `< ${LATENCY_GOAL_MS} ms` : "",
      met: fraction !== 0.99 || event < LATENCY_GOAL_MS,
    });
  }
}

/** Memory of a program in the same form that only waits. */
async function bareMemory({ directory }: Bench): Promise<number> {
  const [program = "", ...args] = await emptyProgram(
    directory,
    "setInterval(() => {}, 1e6);",
  );
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return residentMemory(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}
