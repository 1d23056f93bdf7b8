/**
 * A fault as data: one way to break a practice network, what it shows and what
 * repairs it.
 *
 * @module
 */
import type { CheckCode, FixName } from "../checks/check.ts";
import type { LabRequest } from "./up.ts";

/** One command of a fault. */
export interface FaultStep {
  /**
   * A node's name, or `victim` (the host that is judged, `node-1`), `peer`
   * (`node-2`), `etcd` (the first member), `hosts` (each), `switch`.
   */
  readonly on: string;
  /** Command and arguments with placeholders, see `fault_values.ts`. */
  readonly run: readonly string[];
}

/** A fault, a file of `lab/faults/`. */
export interface Fault {
  /** The same as the file's name without `.json`. */
  readonly name: string;
  /** What happened to this network, a sentence. */
  readonly describes: string;
  /** Network it needs, any part of a lab spec but the name. */
  readonly lab: LabRequest;
  /**
   * Whether the agents are stopped first (SIGSTOP), so that they do not mend
   * what is broken while they still run. @default true
   */
  readonly freeze: boolean;
  readonly break: readonly FaultStep[];
  /** Codes that fail on the victim then: these, and no other. */
  readonly expect: readonly CheckCode[];
  /** Flags of `flandoc fix` that repair it; empty when a person has to. */
  readonly fix: readonly FixName[];
  /** What a person does where no flag does; brings the network back. */
  readonly restore: readonly FaultStep[];
}

const KEYS = [
  "name",
  "describes",
  "lab",
  "freeze",
  "break",
  "expect",
  "fix",
  "restore",
];

/**
 * Checks a fault file's data.
 *
 * @throws {TypeError} for a wrong shape or an unknown key, naming the fault.
 */
export function parseFault(data: unknown): Fault {
  const fields = asRecord(data, "a fault");
  const name = String(fields.name);
  for (const key of Object.keys(fields)) {
    if (!KEYS.includes(key)) refuse(name, `has an unknown key "${key}"`);
  }
  for (const key of ["name", "describes"]) {
    if (typeof fields[key] !== "string") refuse(name, `needs a ${key}`);
  }
  const expect = asStrings(fields.expect, name, "expect");
  if (!expect.every((code) => /^FD\d{3,4}$/.test(code))) {
    refuse(name, "expects something that is no code");
  }
  return {
    name,
    describes: String(fields.describes),
    lab: asRecord(fields.lab ?? {}, name) as LabRequest,
    freeze: fields.freeze !== false,
    break: asSteps(fields.break, name, "break"),
    expect: expect as CheckCode[],
    fix: asStrings(fields.fix ?? [], name, "fix") as FixName[],
    restore: asSteps(fields.restore ?? [], name, "restore"),
  };
}

function asSteps(value: unknown, name: string, key: string): FaultStep[] {
  if (!Array.isArray(value)) refuse(name, `needs a list ${key}`);
  return (value as unknown[]).map((step) => {
    const { on, run, ...others } = asRecord(step, name);
    const [unknown] = Object.keys(others);
    if (unknown) refuse(name, `has an unknown key "${unknown}" in ${key}`);
    if (typeof on !== "string") refuse(name, `has a ${key} step without on`);
    return { on: String(on), run: asStrings(run, name, `${key} run`) };
  });
}

function asStrings(value: unknown, name: string, key: string): string[] {
  if (
    Array.isArray(value) && value.every((item) => typeof item === "string")
  ) return value;
  return refuse(name, `needs a list of strings ${key}`);
}

function asRecord(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  return refuse(name, "must be an object");
}

function refuse(name: string, why: string): never {
  throw new TypeError(`Cannot read fault "${name}": it ${why}`);
}
