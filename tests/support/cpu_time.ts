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
