import type { CheckCode } from "./check.ts";

/** Areas of the catalogue: the hundreds of a code. */
export type Area =
  | "config"
  | "store"
  | "bridge"
  | "routes"
  | "adjacency"
  | "nat"
  | "kernel"
  | "agent"
  | "hosts"
  | "kubernetes";

const AREAS: readonly Area[] = [
  "config",
  "store",
  "bridge",
  "routes",
  "adjacency",
  "nat",
  "kernel",
  "agent",
  "hosts",
  "kubernetes",
];

/** The area a code belongs to: FD601 is `nat`. */
export function areaOf(code: CheckCode): Area {
  const area = AREAS[Math.floor(Number(code.slice(2)) / 100) - 1];
  if (area === undefined) {
    throw new RangeError(`Cannot place check: no area has code "${code}"`);
  }
  return area;
}
