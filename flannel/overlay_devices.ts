import type { ExpectedState, LocalNode } from "./expected_types.ts";
import type { Family } from "./kernel.ts";

/** Names of devices by family. */
export type OverlayDevices = Readonly<Record<Family, readonly string[]>>;

/**
 * Names of the devices by which one family's packets to other hosts'
 * containers leave: those of the wanted routes and the tunnel's; the external
 * interface where there are none yet.
 */
export function overlayDevices(
  expected: ExpectedState,
  node: LocalNode,
  family: Family,
): string[] {
  const devices = new Set([
    ...expected.routes.filter((route) => route.family === family)
      .map((route) => route.device ?? node.device),
    ...expected.devices.filter((device) => device.family === family)
      .map((device) => device.name),
  ]);
  return devices.size > 0 ? [...devices] : [node.device];
}
