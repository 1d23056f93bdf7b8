import { constants } from "node:os";
import { errno, strerror } from "./libc.ts";

/** A system call that failed, with the operation it was part of. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** Error number, positive. */
  readonly errno: number;
  /** Symbolic name such as `EPERM`. */
  readonly code: string;
  /** What was being done, such as `open netlink socket`. */
  readonly operation: string;

  /**
   * @param operation Completes "Cannot …".
   * @param number Error number; the calling thread's `errno` by default.
   * @param detail What the kernel said beside the number, such as an ext-ack.
   */
  constructor(operation: string, number: number = errno(), detail?: string) {
    const code = errnoName(number);
    const text = detail === undefined
      ? strerror(number)
      : `${strerror(number)}: ${detail}`;
    super(`Cannot ${operation}: ${code} (${text})`);
    this.errno = number;
    this.code = code;
    this.operation = operation;
  }
}

let names: Map<number, string> | undefined;

/** Symbolic name of an error number, `EEXIST` for 17; `E999` when unnamed. */
export function errnoName(number: number): string {
  names ??= readNames();
  return names.get(number) ?? `E${number}`;
}

function readNames(): Map<number, string> {
  const result = new Map<number, string>();
  for (const [name, value] of Object.entries(constants.errno)) {
    // Where a number has two names, the kernel's own is the one people search.
    if (name !== "EWOULDBLOCK" && name !== "ENOTSUP") result.set(value, name);
  }
  return result;
}
