/**
 * Takes secrets out of facts. Collectors mask what they know to be secret;
 * this goes over everything once more before a document leaves the host.
 *
 * @module
 */
import {
  isSecretName,
  MASK,
  maskArgv,
  maskEnvironment,
  maskText,
} from "../host/secrets.ts";

/** Shorter values are not looked for: they would hit by chance. */
const SHORTEST = 4;

function mapDeep(
  value: unknown,
  change: (text: string) => string,
  name = "",
): unknown {
  if (typeof value === "string") {
    return isSecretName(name) && value !== "" ? MASK : change(value);
  }
  if (Array.isArray(value)) {
    const items = name === "argv" && value.every((i) => typeof i === "string")
      ? maskArgv(value)
      : value;
    return items.map((item) => mapDeep(item, change));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      mapDeep(item, change, key),
    ]),
  );
}

/** Replaces every occurrence of the given values, wherever they are. */
export function removeValues<T>(value: T, secrets: readonly string[]): T {
  const wanted = [...new Set(secrets)].filter((secret) =>
    secret.length >= SHORTEST && secret !== MASK
  );
  if (wanted.length === 0) return value;
  return mapDeep(
    value,
    (text) =>
      wanted.reduce((rest, secret) => rest.replaceAll(secret, MASK), text),
  ) as T;
}

/** Masks whatever looks like a secret, by its name or its form. */
export function redact<T>(value: T): T {
  return mapDeep(value, maskText) as T;
}

/** Secret values of a command line: what {@linkcode maskArgv} hides. */
export function secretsOfArgv(argv: readonly string[]): string[] {
  const masked = maskArgv(argv);
  return argv.flatMap((word, index) => hidden(word, masked[index] ?? ""));
}

/** Secret values of an environment: what {@linkcode maskEnvironment} hides. */
export function secretsOfEnvironment(
  environment: Readonly<Record<string, string>>,
): string[] {
  const masked = maskEnvironment(environment);
  return Object.entries(environment).flatMap(([name, value]) =>
    hidden(value, masked[name] ?? "")
  );
}

/** The parts of a text that its masked form has `***` for. */
function hidden(text: string, masked: string): string[] {
  if (text === masked) return [];
  const pattern = masked.split(MASK).map((part) =>
    part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
  ).join("(.+?)");
  return new RegExp(`^${pattern}$`, "s").exec(text)?.slice(1) ?? [];
}
