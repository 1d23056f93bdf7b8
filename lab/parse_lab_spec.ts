/**
 * Reads a lab spec from JSON-like data, with defaults, refusing what it does
 * not know.
 *
 * @module
 */
import { DEFAULT_LAB_SPEC, type EtcdSpec, type LabSpec } from "./lab_spec.ts";

const CHOICES = {
  agent: ["flandoc", "none"],
  containers: ["docker", "bridge", "none"],
  masquerade: ["docker", "scoped", "none"],
} as const;

const LIMITS = {
  hosts: [1, 64],
  mtu: [576, 65000],
  segments: [1, 2],
  members: [1, 5],
} as const;

/**
 * Checks data and fills in {@linkcode DEFAULT_LAB_SPEC}. `config` may be given
 * as an object and is kept as text.
 *
 * @throws {TypeError} for a wrong shape or an unknown key.
 * @throws {RangeError} for a number out of range or an unknown choice.
 */
export function parseLabSpec(data: unknown): LabSpec {
  const fields = record(data, "lab");
  refuseUnknown(fields, DEFAULT_LAB_SPEC, "lab");
  const spec: Record<string, unknown> = { ...DEFAULT_LAB_SPEC };
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    spec[key] = key === "etcd" ? parseEtcd(value) : parseField(key, value);
  }
  return spec as unknown as LabSpec;
}

function parseEtcd(data: unknown): EtcdSpec {
  const fields = record(data, "etcd");
  refuseUnknown(fields, DEFAULT_LAB_SPEC.etcd, "etcd");
  const etcd = { ...DEFAULT_LAB_SPEC.etcd, ...fields };
  choice("etcd.api", etcd.api, ["v2", "v3"]);
  whole("etcd.members", etcd.members, LIMITS.members);
  if (typeof etcd.tls !== "boolean") fail("etcd.tls", "a boolean", etcd.tls);
  return etcd as EtcdSpec;
}

function parseField(key: string, value: unknown): unknown {
  const at = key as keyof LabSpec;
  if (at === "name") return labName(value);
  if (at === "config") return configText(value);
  if (at in CHOICES) {
    return choice(key, value, CHOICES[at as keyof typeof CHOICES]);
  }
  if (at in LIMITS) return whole(key, value, LIMITS[at as "hosts"]);
  const like = DEFAULT_LAB_SPEC[at];
  if (Array.isArray(like)) return strings(key, value);
  return typeof value === typeof like
    ? value
    : fail(key, `a ${typeof like}`, value);
}

/** Names become parts of namespace names and paths, so little is allowed. */
function labName(value: unknown): string {
  if (typeof value === "string" && /^[a-z][a-z0-9-]{0,30}$/.test(value)) {
    return value;
  }
  return fail("name", "lower case letters, digits and dashes", value);
}

function configText(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(record(value, "config"));
}

function strings(key: string, value: unknown): readonly string[] {
  const fits = Array.isArray(value) &&
    value.every((item) => typeof item === "string");
  return fits ? value : fail(key, "a list of strings", value);
}

function choice(key: string, value: unknown, of: readonly string[]): string {
  if (typeof value === "string" && of.includes(value)) return value;
  throw new RangeError(
    `Cannot read lab spec: ${key} must be one of ${of.join(", ")}, got ${
      JSON.stringify(value)
    }`,
  );
}

function whole(
  key: string,
  value: unknown,
  [least, most]: readonly [number, number],
): number {
  if (Number.isInteger(value) && Number(value) >= least) {
    if (Number(value) <= most) return Number(value);
  }
  throw new RangeError(
    `Cannot read lab spec: ${key} must be a whole number from ${least} to ${most}, got ${
      JSON.stringify(value)
    }`,
  );
}

function record(value: unknown, key: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  return fail(key, "an object", value);
}

function refuseUnknown(fields: object, known: object, of: string): void {
  for (const key of Object.keys(fields)) {
    if (Object.hasOwn(known, key)) continue;
    throw new TypeError(
      `Cannot read lab spec: ${of} has no "${key}", it has ${
        Object.keys(known).join(", ")
      }`,
    );
  }
}

function fail(key: string, wanted: string, value: unknown): never {
  throw new TypeError(
    `Cannot read lab spec: ${key} must be ${wanted}, got ${
      JSON.stringify(value)
    }`,
  );
}
