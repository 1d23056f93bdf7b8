/**
 * An ARP sweep of 5,000 neighbours beside `arp-scan`, or beside a loop of
 * `arping` where that is what the machine has.
 *
 * @module
 */
import { sweepArp } from "../host/arp.ts";
import { needs } from "../tests/support/needs.ts";
import { macOf, TestSwitch } from "../tests/support/switch.ts";
import { median, milliseconds } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const NEIGHBOURS = 5000;
const SILENT = 50;
const ROUNDS = 3;
const GOAL_MS = 2000;
/** Addresses a loop of arping asks; the rest is reckoned from them. */
const ARPING_SAMPLE = 25;

/** Measures the sweep with every neighbour answering, and with some silent. */
export async function benchArp(): Promise<BenchRow[]> {
  using network = new TestSwitch("172.16.0.1/12", "172.16.0.2/12");
  const [here, there] = network.hosts;
  if (here === undefined || there === undefined) return [];
  // One host answers for a whole prefix, as if it were thousands.
  there.ip("route add local 172.20.0.0/16 dev lo");
  const targets = Array.from(
    { length: NEIGHBOURS },
    (_, index) => `172.20.${index >> 8}.${index & 255}`,
  );
  const silent = Array.from(
    { length: SILENT },
    (_, index) => `172.21.0.${index + 1}`,
  );
  const sweep = async (asked: readonly string[]) => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { answers, elapsedMs } = await sweepArp({
        netns: here.name,
        device: "eth0",
        sourceAddress: "172.16.0.1",
        sourceMac: macOf(0),
        targets: asked,
      });
      const heard = answers.filter(({ macs }) => macs.length === 1).length;
      if (heard !== NEIGHBOURS) {
        throw new Error(`Cannot measure: ${heard} of ${NEIGHBOURS} answered`);
      }
      times.push(elapsedMs);
    }
    return median(times);
  };
  const peer = await peerOf(here, targets);
  return [
    row(`${NEIGHBOURS} neighbours`, await sweep(targets), peer),
    row(
      `${NEIGHBOURS} neighbours, ${SILENT} more silent`,
      await sweep([...targets, ...silent]),
      null,
    ),
  ];
}

interface Peer {
  readonly name: string;
  readonly time: number;
}

/** What the machine has to compare with; null for nothing. */
async function peerOf(
  host: TestSwitch["hosts"][number],
  targets: readonly string[],
): Promise<Peer | null> {
  if (needs({ programs: ["arp-scan"] }).missing.length === 0) {
    return { name: "arp-scan", time: await arpScan(host, targets) };
  }
  if (needs({ programs: ["arping"] }).missing.length === 0) {
    return { name: "a loop of arping", time: arpingLoop(host, targets) };
  }
  return null;
}

async function arpScan(
  host: TestSwitch["hosts"][number],
  targets: readonly string[],
): Promise<number> {
  const list = await Deno.makeTempFile({ prefix: "flandoc-bench-" });
  try {
    await Deno.writeTextFile(list, targets.join("\n") + "\n");
    const start = performance.now();
    host.exec("arp-scan", "--quiet", "--interface=eth0", `--file=${list}`);
    return performance.now() - start;
  } finally {
    await Deno.remove(list);
  }
}

function arpingLoop(
  host: TestSwitch["hosts"][number],
  targets: readonly string[],
): number {
  const start = performance.now();
  for (const target of targets.slice(0, ARPING_SAMPLE)) {
    host.exec("arping", "-c", "1", "-w", "1", "-I", "eth0", target);
  }
  return (performance.now() - start) * targets.length / ARPING_SAMPLE;
}

function row(name: string, ours: number, peer: Peer | null): BenchRow {
  return {
    name: `ARP sweep: ${name}`,
    ours: milliseconds(ours),
    peer: peer === null ? "" : `${peer.name} ${milliseconds(peer.time)}`,
    ratio: peer === null ? null : ours / peer.time,
    goal: `≤ ${milliseconds(GOAL_MS)}`,
    met: ours <= GOAL_MS,
  };
}
