import { libc } from "./libc.ts";
import { SystemError } from "./system_error.ts";

const SIOCGIFINDEX = 0x8933;
/** `struct ifreq` and the part of it that holds the name. */
const IFREQ = 40;
const IFNAMSIZ = 16;

/**
 * Index of a device, in the namespace of a socket, `netdevice(7)`.
 *
 * @throws {SystemError} With code ENODEV when there is no such device.
 */
export function deviceNumber(fd: number, device: string): number {
  const request = new Uint8Array(IFREQ);
  const name = new TextEncoder().encode(device);
  request.set(name.subarray(0, IFNAMSIZ - 1));
  if (libc().ioctl(fd, BigInt(SIOCGIFINDEX), request) !== 0) {
    throw new SystemError(`find device "${device}"`);
  }
  return new DataView(request.buffer).getInt32(IFNAMSIZ, true);
}
