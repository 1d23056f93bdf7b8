/**
 * Numbers for Prometheus.
 *
 * @module
 */

/** Kind of a metric. */
export type MetricType = "counter" | "gauge";

/** Label values by name. */
export type Labels = Readonly<Record<string, string>>;

interface Metric {
  readonly type: MetricType;
  readonly help: string;
  readonly values: Map<string, number>;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) =>
    `${name}="${
      value.replace(/[\\"\n]/g, (c) => c === "\n" ? "\\n" : `\\${c}`)
    }"`
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

/** A set of metrics, printed in Prometheus' text format 0.0.4. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** Declares a metric; its values begin empty. */
  define(name: string, type: MetricType, help: string): void {
    this.#metrics.set(name, { type, help, values: new Map() });
  }

  #get(name: string): Metric {
    const metric = this.#metrics.get(name);
    if (metric === undefined) {
      throw new TypeError(`Cannot count: no metric "${name}"`);
    }
    return metric;
  }

  /** Sets a gauge. */
  set(name: string, value: number, labels: Labels = {}): void {
    this.#get(name).values.set(labelText(labels), value);
  }

  /** Takes a value away: there is nothing to tell of. */
  remove(name: string, labels: Labels = {}): void {
    this.#get(name).values.delete(labelText(labels));
  }

  /** Counts up. */
  add(name: string, value = 1, labels: Labels = {}): void {
    const { values } = this.#get(name);
    const key = labelText(labels);
    values.set(key, (values.get(key) ?? 0) + value);
  }

  /** A value, 0 where it was never set. */
  value(name: string, labels: Labels = {}): number {
    return this.#get(name).values.get(labelText(labels)) ?? 0;
  }

  /** Everything, in the order of definition. */
  text(): string {
    let text = "";
    for (const [name, { type, help, values }] of this.#metrics) {
      text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
      for (const [labels, value] of values) {
        text += `${name}${labels} ${value}\n`;
      }
    }
    return text;
  }
}

/** The agent's metrics, all defined. */
export function agentMetrics(): Metrics {
  const metrics = new Metrics();
  const gauges: [string, string][] = [
    ["flandoc_leases", "Leases in the store, the own one too"],
    ["flandoc_peers_ignored", "Leases left alone, by reason"],
    ["flandoc_wanted", "Kernel objects wanted, by kind"],
    ["flandoc_present", "Wanted kernel objects that are there, by kind"],
    ["flandoc_outstanding", "Things that are not as they should be"],
    ["flandoc_held_back", "Objects left wrong because somebody puts them so"],
    [
      "flandoc_lease_expiry_seconds",
      "Seconds until the own lease ends: 0 or less without a valid one, absent where it has no end",
    ],
    ["flandoc_store_up", "Whether the store answered last"],
    ["flandoc_config_changed", "Whether the config is another one by now"],
    ["flandoc_ready", "Whether everything is as the records want it"],
    ["flandoc_reconcile_seconds", "Duration of the last full reconciliation"],
  ];
  const counters: [string, string][] = [
    ["flandoc_repairs_total", "Repairs made, by kind and reason"],
    ["flandoc_repair_errors_total", "Repairs the kernel refused, by kind"],
    ["flandoc_reconciles_total", "Reconciliations, by scope"],
    ["flandoc_lease_events_total", "Changes of leases, by type"],
    ["flandoc_renewals_total", "Renewals of the own lease"],
    ["flandoc_lease_losses_total", "Times the own lease was lost"],
    ["flandoc_store_errors_total", "Times the store stopped answering"],
    ["flandoc_store_requests_total", "Requests to the store, by operation"],
    ["flandoc_store_request_seconds_total", "Time they took"],
    ["flandoc_udp_packets_total", "Packets of the udp backend, by direction"],
    ["flandoc_udp_octets_total", "Their octets"],
    ["flandoc_udp_dropped_total", "Packets that went nowhere, by reason"],
    ["flandoc_firewall_repairs_total", "Times firewall rules were put right"],
  ];
  for (const [name, help] of gauges) metrics.define(name, "gauge", help);
  for (const [name, help] of counters) metrics.define(name, "counter", help);
  return metrics;
}
