import process from "node:process";

/**
 * Processor time that a synchronous function takes, milliseconds: that of the
 * process, so that a busy machine does not make it longer.
 */
export function cpuTime(body: () => void): number {
  const start = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/**
 * The least {@linkcode cpuTime} of several runs: what the process does besides,
 * such as collecting garbage of earlier tests, only adds.
 */
export function leastCpuTime(body: () => void, runs = 5): number {
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    least = Math.min(least, cpuTime(body));
  }
  return least;
}
