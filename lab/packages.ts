/**
 * The programs flandoc's lab, tests, demo and benches start, and the Debian
 * packages that hold them.
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
  "arp-scan": "arp-scan",
  iperf3: "iperf3",
} as const satisfies Record<string, string>;

/** A program the project starts. */
export type Program = keyof typeof PACKAGES;

/** All of them: what the benches start. */
export const BENCH_PROGRAMS = Object.keys(PACKAGES) as Program[];

/** What flandoc is measured against, and nothing else needs. */
const MEASURED_AGAINST: readonly Program[] = ["arp-scan", "iperf3"];

/** What the lab, the tests and the demo start. */
export const PROGRAMS: readonly Program[] = BENCH_PROGRAMS.filter((program) =>
  !MEASURED_AGAINST.includes(program)
);

/** Packages that give the programs, each once, sorted. */
export function packagesOf(programs: readonly Program[]): string[] {
  return [...new Set(programs.map((program) => PACKAGES[program]))].sort();
}
