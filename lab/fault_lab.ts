/**
 * Which lab a fault needs.
 *
 * @module
 */
import type { Fault } from "./fault.ts";
import type { LabSpec } from "./lab_spec.ts";

/**
 * Makes sure that a lab is what the fault needs.
 *
 * @throws {RangeError} naming what the lab lacks.
 */
export function requireFaultLab(fault: Fault, spec: LabSpec): void {
  for (const [key, wanted] of Object.entries(fault.lab)) {
    if (covers(spec[key as keyof LabSpec], wanted)) continue;
    throw new RangeError(
      `Cannot break lab "${spec.name}" with ${fault.name}: it needs a lab with ${
        JSON.stringify({ [key]: wanted }).slice(1, -1)
      }, "flandoc lab up --for ${fault.name}" makes one`,
    );
  }
}

function covers(value: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return value === wanted;
  const fields = value as Record<string, unknown>;
  return Object.entries(wanted).every(([key, part]) =>
    covers(fields[key], part)
  );
}
