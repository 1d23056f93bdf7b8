import type { ExpectedState, LocalNode } from "./expected_types.ts";

/**
 * Names of the devices by which IPv4 packets to other hosts' containers leave:
 * those of the wanted routes and the tunnel's; the external interface where
 * there are none yet.
 */
export function overlayDevices(
  expected: ExpectedState,
  node: LocalNode,
): string[] {
  const devices = new Set([
    ...expected.routes.filter((route) => route.family === 4)
      .map((route) => route.device ?? node.device),
    ...expected.devices.filter((device) => device.family === 4)
      .map((device) => device.name),
  ]);
  return devices.size > 0 ? [...devices] : [node.device];
}
