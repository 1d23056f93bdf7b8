/**
 * The kernel's network state over netlink: {@linkcode Netlink} reads and
 * changes it, {@linkcode openMonitor} tells when it changes.
 *
 * @module
 */
export * from "./changes.ts";
export * from "./monitor.ts";
export * from "./netlink.ts";
