import { errno, libc } from "./libc.ts";
import { inNetns } from "./netns.ts";
import { SystemError } from "./system_error.ts";

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO_ECN = 0x08;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;
const EINVAL = 22;

/** `struct ifreq`. */
const IFREQ = 40;
const IFNAMSIZ = 16;

/**
 * Octets of the virtio-net header before every packet: `struct
 * virtio_net_hdr_mrg_rxbuf`, two more than the kernel's default, so that an IP
 * header behind it begins at a multiple of four.
 */
export const VNET_HEADER = 12;

/** Which work the kernel leaves to whoever reads the device. */
export interface TunOffloads {
  /** Checksums that are only begun, `TUN_F_CSUM`. */
  readonly checksum: boolean;
  /** TCP packets of up to 64 KiB to be cut up, `TUN_F_TSO4`. */
  readonly tcp: boolean;
  /** UDP datagrams to be cut up, `TUN_F_USO4`; Linux 6.2 and later. */
  readonly udp: boolean;
}

/** How {@linkcode openTun} makes a device. */
export interface TunOptions {
  /** Name, or a pattern such as `flannel%d` whose number the kernel picks. */
  readonly name: string;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

/** A TUN device; it is gone when its descriptor is closed. */
export interface TunDevice {
  /** Non-blocking; each packet has a header of {@linkcode VNET_HEADER} octets. */
  readonly fd: number;
  /** Name the kernel gave. */
  readonly name: string;
  readonly offloads: TunOffloads;
}

/** Sets of offloads from the best to none; the first one taken counts. */
const OFFLOADS: readonly (readonly [number, TunOffloads])[] = [
  [
    // The kernel takes USO for both families or for none.
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
    { checksum: true, tcp: true, udp: true },
  ],
  [
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN,
    { checksum: true, tcp: true, udp: false },
  ],
  [0, { checksum: false, tcp: false, udp: false }],
];

/**
 * Makes a TUN device that lives as long as its descriptor, without the packet
 * information header (`IFF_NO_PI`) and with the virtio-net header
 * (`IFF_VNET_HDR`), and asks for all offloads the kernel has
 * (`Documentation/networking/tuntap.rst`).
 *
 * @throws {SystemError} Without `/dev/net/tun`, without CAP_NET_ADMIN, or with
 * EBUSY when the name belongs to somebody else's device.
 */
export function openTun({ name, netns }: TunOptions): TunDevice {
  if (name.length >= IFNAMSIZ) {
    throw new RangeError(
      `Cannot make TUN device: a name has at most 15 characters, got "${name}"`,
    );
  }
  return netns === undefined ? open(name) : inNetns(netns, () => open(name));
}

function open(name: string): TunDevice {
  const path = new TextEncoder().encode("/dev/net/tun\0");
  const fd = libc().open(path, O_RDWR_NONBLOCK_CLOEXEC);
  if (fd < 0) throw new SystemError("open /dev/net/tun");
  try {
    const request = new Uint8Array(IFREQ);
    new TextEncoder().encodeInto(name, request);
    new DataView(request.buffer)
      .setUint16(IFNAMSIZ, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, true);
    call(fd, TUNSETIFF, request, `make TUN device "${name}"`);
    const size = new Uint8Array(new Uint32Array([VNET_HEADER]).buffer);
    call(fd, TUNSETVNETHDRSZ, size, `set header of TUN device "${name}"`);
    return { fd, name: nameOf(request), offloads: setOffloads(fd, name) };
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

function call(
  fd: number,
  request: number,
  argument: Uint8Array<ArrayBuffer>,
  operation: string,
): void {
  if (libc().ioctl(fd, BigInt(request), argument) !== 0) {
    throw new SystemError(operation);
  }
}

function nameOf(request: Uint8Array): string {
  const name = request.subarray(0, IFNAMSIZ);
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

function setOffloads(fd: number, name: string): TunOffloads {
  for (const [flags, offloads] of OFFLOADS) {
    const result = libc().ioctl_value(fd, BigInt(TUNSETOFFLOAD), BigInt(flags));
    if (result === 0) return offloads;
    const number = errno();
    if (number !== EINVAL) {
      throw new SystemError(`set offloads of TUN device "${name}"`, number);
    }
  }
  throw new SystemError(`set offloads of TUN device "${name}"`, EINVAL);
}
