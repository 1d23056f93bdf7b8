/**
 * `flandoc check` on a host with 5,000 peers: the whole process, from source
 * and compiled, without the wait for ARP answers.
 *
 * @module
 */
import { Netlink } from "../host/netlink/mod.ts";
import { needs } from "../tests/support/needs.ts";
import { median, milliseconds, timeInTurn } from "./measure.ts";
import { benchHost, benchNetwork } from "./network.ts";
import type { BenchRow } from "./row.ts";

const PEERS = 5000;
const ROUNDS = 7;
const GOAL_MS = 1000;
const ENDPOINT = "http://127.0.0.1:2379";

/** Measures `check --no-probe` beside `ip -j route`, which only reads. */
export async function benchCheck(): Promise<BenchRow[]> {
  if (needs({ netns: true, programs: ["etcd"] }).missing.length > 0) return [];
  using host = benchHost();
  await using etcd = await startEtcd(host.name);
  await runInside(host.name, [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "bench/fill_store.ts",
    ENDPOINT,
    String(PEERS + 1),
  ]);
  await applyRoutes(host.name);
  const rows: BenchRow[] = [];
  for (const [form, flandoc] of await forms()) {
    const command = inside(host.name, [
      ...flandoc,
      "check",
      `--etcd-endpoints=${ENDPOINT}`,
      "--iface=eth0",
      "--no-probe",
      "--output=json",
    ]);
    const own = await reportedTimes(command);
    const [whole = NaN, reading = NaN] = await timeInTurn([
      ["sh", "-c", `${command.join(" ")} || test $? -eq 1`],
      inside(host.name, ["ip", "-j", "route"]),
    ], ROUNDS);
    rows.push({
      name: `check at ${PEERS} peers, ${form}`,
      ours: `${milliseconds(own)}, process ${milliseconds(whole)}`,
      peer: `ip -j route ${milliseconds(reading)}`,
      // Reading routes is a small part of judging them: no ratio to boast of.
      ratio: null,
      goal: `< ${milliseconds(GOAL_MS)}`,
      met: own < GOAL_MS,
    });
  }
  void etcd;
  return rows;
}

/** What the report itself says it took, and that it judged all there is. */
async function reportedTimes(command: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [program = "", ...args] = command;
    const { stdout } = await new Deno.Command(program, { args, stderr: "null" })
      .output();
    const report = JSON.parse(new TextDecoder().decode(stdout));
    const routes = report.checks.filter(({ code }: { code: string }) =>
      /^FD40[1-3]$/.test(code)
    );
    if (!routes.every(({ verdict }: { verdict: string }) => verdict === "ok")) {
      throw new Error(
        `Cannot measure: ${JSON.stringify(routes).slice(0, 500)}`,
      );
    }
    times.push(report.elapsedMs);
  }
  return median(times);
}

async function forms(): Promise<[string, string[]][]> {
  const source: [string, string[]] = [
    "from source",
    [Deno.execPath(), "run", "-A", "--no-check", "main.ts"],
  ];
  try {
    await Deno.stat("dist/flandoc");
    return [source, ["compiled", ["dist/flandoc"]]];
  } catch {
    return [source];
  }
}

function inside(netns: string, argv: readonly string[]): string[] {
  return ["ip", "netns", "exec", netns, ...argv];
}

async function runInside(
  netns: string,
  argv: readonly string[],
): Promise<void> {
  const [program = "", ...args] = inside(netns, argv);
  const { success, stderr } = await new Deno.Command(program, { args })
    .output();
  if (!success) {
    throw new Error(`Cannot prepare: ${new TextDecoder().decode(stderr)}`);
  }
}

async function startEtcd(netns: string): Promise<AsyncDisposable> {
  const directory = await Deno.makeTempDir({ prefix: "flandoc-bench-etcd-" });
  const [program = "", ...args] = inside(netns, [
    "etcd",
    "--enable-v2",
    `--data-dir=${directory}`,
    `--listen-client-urls=${ENDPOINT}`,
    `--advertise-client-urls=${ENDPOINT}`,
    "--listen-peer-urls=http://127.0.0.1:2380",
  ]);
  const child = new Deno.Command(program, {
    args,
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function applyRoutes(netns: string): Promise<void> {
  using netlink = new Netlink({ netns });
  const { state } = benchNetwork("host-gw", PEERS);
  const results = await netlink.apply(state.routes.map((route) => ({
    kind: "route",
    op: "add",
    route: {
      family: route.family,
      dst: route.dst,
      gateway: route.gateway,
      device: route.device,
    },
  })));
  const failed = results.find(({ error }) => error !== null);
  if (failed) throw new Error(`Cannot prepare: ${failed.error?.message}`);
}
