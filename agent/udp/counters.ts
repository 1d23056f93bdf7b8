/**
 * What the packet path counts, in memory that its worker writes and the agent
 * reads at any moment.
 *
 * @module
 */

/** Packets and octets that went one way, inner ones, headers included. */
export interface UdpFlow {
  readonly packets: number;
  readonly octets: number;
  /** System calls they took. */
  readonly calls: number;
}

/** Figures since the start, kept when a worker is restarted. */
export interface UdpCounters {
  /** From the TUN device to peers. */
  readonly sent: UdpFlow;
  /** From peers to the TUN device. */
  readonly received: UdpFlow;
  /** What went nowhere, by reason. */
  readonly dropped: {
    /** No peer has the destination. */
    readonly noPeer: number;
    /** Time to live used up, either way. */
    readonly ttl: number;
    /** Not IPv4, or cut short, either way. */
    readonly malformed: number;
    /** The socket refused the datagram or had no room for it. */
    readonly send: number;
    /** The TUN device refused the packet, for example because it is down. */
    readonly write: number;
  };
  /** ICMP messages "network unreachable" written back. */
  readonly unreachables: number;
}

/** Position of each figure. */
export const COUNTER = {
  sentPackets: 0,
  sentOctets: 1,
  sendCalls: 2,
  receivedPackets: 3,
  receivedOctets: 4,
  writeCalls: 5,
  noPeer: 6,
  ttl: 7,
  malformed: 8,
  sendErrors: 9,
  writeErrors: 10,
  unreachables: 11,
} as const;

/** Figures as the packet path writes them. */
export type CounterMemory = Float64Array<ArrayBufferLike>;

/** Figures of one worker, all 0, in memory that threads share. */
export function newCounters(): CounterMemory {
  const { length } = Object.keys(COUNTER);
  return new Float64Array(new SharedArrayBuffer(8 * length));
}

/** The figures as they are now. */
export function readCounters(memory: CounterMemory): UdpCounters {
  const get = (name: keyof typeof COUNTER) => memory[COUNTER[name]] ?? 0;
  return {
    sent: {
      packets: get("sentPackets"),
      octets: get("sentOctets"),
      calls: get("sendCalls"),
    },
    received: {
      packets: get("receivedPackets"),
      octets: get("receivedOctets"),
      calls: get("writeCalls"),
    },
    dropped: {
      noPeer: get("noPeer"),
      ttl: get("ttl"),
      malformed: get("malformed"),
      send: get("sendErrors"),
      write: get("writeErrors"),
    },
    unreachables: get("unreachables"),
  };
}
