/**
 * Tunnel devices by their identity: a name is what anybody may change.
 *
 * @module
 */
import type { LocalNode, WantedDevice } from "../flannel/expected_types.ts";
import type { Link } from "../flannel/kernel.ts";
import {
  isRenamed,
  isSameTunnel,
  portRival,
  vxlanHolder,
} from "../flannel/vxlan_holder.ts";
import type { Conflict, Repair } from "./repair.ts";

/** Ifindexes of the tunnel devices of the last look, by name. */
export type MadeDevices = ReadonlyMap<string, number>;

/** Which of the devices are those wanted; a TUN device has no VNI. */
export function madeDevices(
  wanted: readonly WantedDevice[],
  links: readonly Link[],
): Map<string, number> {
  const made = new Map<string, number>();
  for (const device of wanted) {
    const link = links.find(({ name }) => name === device.name);
    if (link?.kind !== device.kind) continue;
    if (link.kind === "vxlan" && !isSameTunnel(device, link)) continue;
    made.set(device.name, link.index);
  }
  return made;
}

/** A wanted device under another name; null when there is none. */
export function renamedDevice(
  wanted: WantedDevice,
  links: readonly Link[],
  node: LocalNode,
  made: MadeDevices,
): Link | null {
  const index = made.get(wanted.name);
  return links.find((link) => {
    if (link.name === wanted.name || link.kind !== wanted.kind) return false;
    if (link.kind !== "vxlan") return link.index === index;
    return isSameTunnel(wanted, link) &&
      (link.index === index || isRenamed(wanted, link, node));
  }) ?? null;
}

/**
 * Gives a device its name back. Another one that has the name goes, as any
 * does that is not fit; but beside the udp backend's TUN device, which the
 * kernel numbers so as not to meet another.
 */
export function planName(
  wanted: WantedDevice,
  renamed: Link,
  links: readonly Link[],
): Repair[] {
  const { name, kind } = wanted;
  const key = `device ${name}`;
  const other = links.find((link) => link.name === name);
  const set = { kind: "link", op: "set" } as const;
  const rename = { ...set, name: renamed.name, rename: name };
  return [
    ...other === undefined || kind === "tun" ? [] : [{
      kind: "device" as const,
      key,
      why: "wrong" as const,
      change: { kind: "link", op: "delete", name } as const,
      found: `ifindex ${other.index} of kind ${other.kind ?? "none"}`,
    }],
    {
      kind: "device",
      key: `${key} name`,
      why: "wrong",
      change: rename,
      // Before Linux 6.2 a device that is up keeps its name.
      ifBusy: [
        { ...set, name: renamed.name, up: false },
        rename,
        { ...set, name, up: true },
      ],
      found: renamed.name,
    },
  ];
}

/** A device that is not ours and keeps ours from being there or up. */
export function holderConflict(
  wanted: WantedDevice,
  links: readonly Link[],
): Conflict | null {
  const { name, vxlan } = wanted;
  const holder = vxlanHolder(wanted, links);
  const other = holder ?? portRival(wanted, links);
  if (other === null) return null;
  const has = holder === null
    ? `UDP port ${vxlan!.port} with other settings`
    : `its VNI ${vxlan!.vni} and UDP port ${vxlan!.port}`;
  return {
    kind: "device",
    key: `device ${name}`,
    message: `Device ${name} cannot be made: ${other.name} (ifindex ` +
      `${other.index}, MAC ${other.mac}) has ${has} and is somebody else's. ` +
      `It is left alone; ${name} is made when it is gone: ` +
      `ip link delete ${other.name}`,
  };
}
