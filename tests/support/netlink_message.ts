import { DeviceNames } from "../../host/netlink/device_names.ts";
import { MessageReader } from "../../host/netlink/message_reader.ts";
import { hex } from "./hex.ts";

/** A reader at a message of this type with this body in hexadecimal. */
export function messageOf(type: number, body: string): MessageReader {
  const payload = hex(body);
  const bytes = new Uint8Array(16 + payload.length);
  bytes.set(payload, 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  const reader = new MessageReader(bytes);
  reader.next();
  return reader;
}

/** Names of devices by index: lo 1, eth0 2, eth1 3, flannel.1 4, docker0 5. */
export function testNames(): DeviceNames {
  const names = new DeviceNames();
  for (
    const [index, name] of ["lo", "eth0", "eth1", "flannel.1", "docker0"]
      .entries()
  ) {
    names.set(index + 1, name);
  }
  return names;
}
