/**
 * The programs flandoc's lab, tests and demo start, and the Debian packages
 * that hold them.
 *
 * @module
 */

/** Program by program, the Debian package that gives it. */
export const PACKAGES = {
  ip: "iproute2",
  bridge: "iproute2",
  nsenter: "util-linux",
  unshare: "util-linux",
  setsid: "util-linux",
  mount: "mount",
  sysctl: "procps",
  iptables: "iptables",
  nft: "nftables",
  openssl: "openssl",
  etcd: "etcd-server",
  etcdctl: "etcd-client",
  busybox: "busybox-static",
  dockerd: "docker.io",
  docker: "docker.io",
} as const satisfies Record<string, string>;

/** A program the project starts. */
export type Program = keyof typeof PACKAGES;

/** All of them. */
export const PROGRAMS = Object.keys(PACKAGES) as Program[];

/** Packages that give the programs, each once, sorted. */
export function packagesOf(programs: readonly Program[]): string[] {
  return [...new Set(programs.map((program) => PACKAGES[program]))].sort();
}
