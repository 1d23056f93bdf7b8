import { deviceOf } from "./device_of.ts";
import type { Outstanding, Repair } from "./repair.ts";
import type { View } from "./wanted.ts";

/**
 * Repairs without those that wait for a tunnel device. One that cannot be made
 * or taken up is told of by itself; the kernel would refuse the entries of
 * every peer beside.
 */
export function withoutDevice(
  planned: readonly Repair[],
  { expected, observed: { links } }: View,
): { readonly repairs: Repair[]; readonly waiting: Outstanding[] } {
  const missing = new Set<string | null>(
    expected.devices.map(({ name }) => name)
      .filter((name) => !links.some((link) => link.name === name && link.up)),
  );
  const { now = [], later = [] } = Object.groupBy(
    planned,
    ({ change }) => missing.has(deviceOf(change)) ? "later" : "now",
  );
  return {
    repairs: now,
    waiting: later.map(({ kind, key }) => ({ kind, message: key })),
  };
}
