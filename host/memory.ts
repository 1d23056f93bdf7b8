import { libc } from "./libc.ts";

/**
 * Gives the kernel back what the C library holds of freed memory: after a list
 * of thousands of leases was read, some megabytes. Does nothing where the C
 * library cannot, as musl.
 */
export function releaseFreedMemory(): void {
  libc().malloc_trim?.(0n);
}
