/**
 * Narrow looks into the JSON of `nft -j` (libnftables-json(5)), which differs
 * a little from version to version, so nothing is taken for granted.
 *
 * @module
 */

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object, not an array or null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The only key of an object such as `{"accept": null}` with its value, or null. */
export function single(
  value: unknown,
): readonly [key: string, value: unknown] | null {
  if (!isObject(value)) return null;
  const entries = Object.entries(value);
  return entries.length === 1 ? entries[0]! : null;
}

/** A member that is an object, or an empty one. */
export function objectAt(value: unknown, key: string): JsonObject {
  const member = isObject(value) ? value[key] : undefined;
  return isObject(member) ? member : {};
}

/** A member that is text, or null. */
export function textAt(value: unknown, key: string): string | null {
  const member = isObject(value) ? value[key] : undefined;
  return typeof member === "string" ? member : null;
}

/** A member that is a number, or null. */
export function numberAt(value: unknown, key: string): number | null {
  const member = isObject(value) ? value[key] : undefined;
  return typeof member === "number" ? member : null;
}

/** A list as it is; anything else as a list of one; nothing as an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
