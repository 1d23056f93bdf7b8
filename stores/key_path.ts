import { posix } from "node:path";

/**
 * Joins and cleans a key as flannel does (Go `path.Join`): no doubled slashes,
 * no `.` and `..`, no trailing slash.
 *
 * @example
 * ```ts
 * import { keyPath } from "./key_path.ts";
 * keyPath("/coreos.com//network/", "config"); // "/coreos.com/network/config"
 * ```
 */
export function keyPath(...parts: readonly string[]): string {
  const joined = posix.join(...parts);
  return joined.length > 1 ? joined.replace(/\/$/, "") : joined;
}

/**
 * The name of a direct child of a directory, or null for the directory itself,
 * a grandchild or a stranger such as `/subnetsX/a` below `/subnets`.
 */
export function childName(directory: string, key: string): string | null {
  const length = directory.length;
  if (!key.startsWith(directory) || key[length] !== "/") return null;
  const name = key.slice(length + 1);
  return name === "" || name.includes("/") ? null : name;
}
