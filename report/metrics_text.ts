/** Values of Prometheus' text format by name with labels, as printed. */
export type MetricValues = ReadonlyMap<string, number>;

/** Reads the text format 0.0.4; lines that are no sample are passed over. */
export function parseMetrics(text: string): MetricValues {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] =
      /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) {
      values.set(name, Number(value));
    }
  }
  return values;
}

/** Sum over all labels of a metric; null where it has no sample. */
export function sumOf(values: MetricValues, name: string): number | null {
  let sum: number | null = null;
  for (const [key, value] of values) {
    if (key === name || key.startsWith(`${name}{`)) sum = (sum ?? 0) + value;
  }
  return sum;
}
