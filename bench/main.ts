/**
 * `deno task bench [NAME…]`: every figure beside a peer or the kernel's limit,
 * measured in the same run. Machines are noisy: read the ratios.
 *
 * @module
 */
import Table from "cli-table3";
import { BENCH_PROGRAMS } from "../lab/packages.ts";
import { ensurePrograms } from "../scripts/setup.ts";
import type { BenchRow } from "./row.ts";

const BENCHES: Readonly<Record<string, () => Promise<BenchRow[]>>> = {
  startup: async () => (await import("./startup.ts")).benchStartup(),
  netlink: async () => (await import("./netlink.ts")).benchNetlink(),
  arp: async () => (await import("./arp.ts")).benchArp(),
  check: async () => (await import("./check.ts")).benchCheck(),
  agent: async () => (await import("./agent.ts")).benchAgent(),
  udp: async () => (await import("./udp.ts")).benchUdp(),
};

/** Benches that a machine without root and programs can run. */
const PLAIN: readonly string[] = ["startup"];

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
for (const name of names) {
  if (name in BENCHES) continue;
  console.error(
    `Cannot bench "${name}": known are ${Object.keys(BENCHES).join(", ")}`,
  );
  Deno.exit(2);
}
if (names.some((name) => !PLAIN.includes(name))) {
  const wanted = { install: true, programs: BENCH_PROGRAMS };
  if (!await ensurePrograms(wanted)) Deno.exit(1);
}

const rows: BenchRow[] = [];
for (const name of names) {
  console.error(`${name} …`);
  try {
    rows.push(...await BENCHES[name]?.() ?? []);
  } catch (error) {
    // The others' figures are still worth having.
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
}

const table = new Table({
  head: ["what", "flandoc", "beside it", "ratio", "goal", ""],
  style: { head: [], border: [] },
});
for (const row of rows) {
  const ratio = row.ratio === null ? "" : `${row.ratio.toFixed(2)}×`;
  table.push([
    row.name,
    row.ours,
    row.peer,
    ratio,
    row.goal,
    row.met ? "met" : "MISSED",
  ]);
}
console.log(table.toString());
