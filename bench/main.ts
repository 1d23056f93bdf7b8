/**
 * `deno task bench [NAME…]`: every figure beside a peer or the kernel's limit,
 * measured in the same run. Machines are noisy: read the ratios.
 *
 * @module
 */
import Table from "cli-table3";
import type { BenchRow } from "./row.ts";

const BENCHES: Readonly<Record<string, () => Promise<BenchRow[]>>> = {
  startup: async () => (await import("./startup.ts")).benchStartup(),
  netlink: async () => (await import("./netlink.ts")).benchNetlink(),
  arp: async () => (await import("./arp.ts")).benchArp(),
  check: async () => (await import("./check.ts")).benchCheck(),
  agent: async () => (await import("./agent.ts")).benchAgent(),
  udp: async () => (await import("./udp.ts")).benchUdp(),
};

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
const rows: BenchRow[] = [];
for (const name of names) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(
      `Cannot bench "${name}": known are ${Object.keys(BENCHES).join(", ")}`,
    );
    Deno.exit(2);
  }
  console.error(`${name} …`);
  rows.push(...await bench());
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
