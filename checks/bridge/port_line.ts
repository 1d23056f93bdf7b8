import type { Link } from "../../flannel/kernel.ts";

/** A bridge's port as `ip link` would say it, in short. */
export function portLine(port: Link): string {
  return `${port.index}: ${port.name}: mtu ${port.mtu} master ${port.master} state ${port.operState}`;
}
