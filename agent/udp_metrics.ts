/**
 * Figures of the udp backend's packet path.
 *
 * @module
 */
import type { Metrics } from "./metrics.ts";
import type { UdpCounters } from "./udp/counters.ts";

/** Sets the counters to what the packet path has counted. */
export function noteUdpCounters(metrics: Metrics, counters: UdpCounters): void {
  for (const direction of ["sent", "received"] as const) {
    const { packets, octets } = counters[direction];
    metrics.set("flandoc_udp_packets_total", packets, { direction });
    metrics.set("flandoc_udp_octets_total", octets, { direction });
  }
  for (const [reason, count] of Object.entries(counters.dropped)) {
    metrics.set("flandoc_udp_dropped_total", count, { reason });
  }
}
