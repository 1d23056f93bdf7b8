/**
 * Which peer carries an address.
 *
 * @module
 */
import { type Ipv4Cidr, tryParseCidr } from "../../flannel/cidr.ts";
import { parseIpv4 } from "../../flannel/address.ts";

/** A peer of the udp backend, from its lease. */
export interface UdpPeer {
  /** IPv4 subnet, such as `10.5.7.0/24`. */
  readonly subnet: string;
  /** IPv4 address its datagrams go to. */
  readonly publicIP: string;
}

/**
 * Addresses cut into ranges, each of one peer or of nobody. Plain data, to be
 * posted to a worker.
 */
export interface PeerTable {
  /** First address of each range, ascending; the first is 0. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** Public IP of the range's peer, 0 where there is none. */
  readonly publicIPs: Uint32Array<ArrayBuffer>;
}

/** A table without peers. */
export const NO_PEERS: PeerTable = {
  starts: new Uint32Array(1),
  publicIPs: new Uint32Array(1),
};

/**
 * Makes the table of peers; where subnets contain one another the longest
 * prefix counts, and of the same subnet the later one.
 *
 * @throws {SyntaxError} When a subnet or a public IP is not IPv4.
 */
export function buildPeerTable(peers: Iterable<UdpPeer>): PeerTable {
  const ranges = new Map<string, Range>();
  for (const peer of peers) {
    const range = rangeOf(peer);
    ranges.set(`${range.cidr.start}/${range.cidr.prefixLength}`, range);
  }
  // Outer blocks before those within; blocks never overlap halfway.
  const sorted = [...ranges.values()].sort((a, b) =>
    a.cidr.start - b.cidr.start || a.cidr.prefixLength - b.cidr.prefixLength
  );
  const starts: number[] = [];
  const publicIPs: number[] = [];
  function put(start: number, publicIP: number): void {
    const last = starts.length - 1;
    if (starts[last] === start) publicIPs[last] = publicIP;
    else if (publicIPs[last] !== publicIP) {
      starts.push(start);
      publicIPs.push(publicIP);
    }
  }
  const open: Range[] = [];
  function closeBefore(address: number): void {
    for (;;) {
      const inner = open.at(-1);
      if (inner === undefined || inner.cidr.end >= address) return;
      open.pop();
      put(inner.cidr.end + 1, open.at(-1)?.publicIP ?? 0);
    }
  }
  put(0, 0);
  for (const range of sorted) {
    closeBefore(range.cidr.start);
    put(range.cidr.start, range.publicIP);
    open.push(range);
  }
  closeBefore(2 ** 32);
  // The end of the address space begins no range.
  if (starts.at(-1) === 2 ** 32) {
    starts.pop();
    publicIPs.pop();
  }
  return {
    starts: Uint32Array.from(starts),
    publicIPs: Uint32Array.from(publicIPs),
  };
}

/**
 * Public IP of the peer that carries an address, 0 when none does.
 *
 * @param address Unsigned 32-bit.
 */
export function findPeer(
  { starts, publicIPs }: PeerTable,
  address: number,
): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= address) low = middle;
    else high = middle;
  }
  return publicIPs[low]!;
}

interface Range {
  readonly cidr: Ipv4Cidr;
  readonly publicIP: number;
}

function rangeOf({ subnet, publicIP }: UdpPeer): Range {
  const cidr = tryParseCidr(subnet);
  const address = parseIpv4(publicIP);
  if (cidr === null || cidr.family !== 4 || address === null) {
    throw new SyntaxError(
      `Cannot take peer: expected an IPv4 subnet and public IP, got "${subnet}" of "${publicIP}"`,
    );
  }
  return { cidr, publicIP: address };
}
