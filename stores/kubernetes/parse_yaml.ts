/**
 * The YAML package behind a module of ours: in the executable a package that
 * is imported as it runs has no names but `default`.
 *
 * @module
 */
import { parse } from "yaml";

/**
 * Reads a YAML document.
 *
 * @throws {Error} when it is none
 */
export function parseYaml(text: string): unknown {
  return parse(text);
}
