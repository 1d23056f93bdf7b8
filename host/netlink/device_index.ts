import type { DeviceNames } from "./device_names.ts";
import { type DeviceIndex, NoSuchDevice } from "./encode_change.ts";

/** A lookup of device indexes that throws {@linkcode NoSuchDevice}. */
export function deviceIndexOf(names: DeviceNames): DeviceIndex {
  return (name) => {
    const index = names.index(name);
    if (index === undefined) throw new NoSuchDevice(name);
    return index;
  };
}
