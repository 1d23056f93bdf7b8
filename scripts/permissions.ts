/**
 * The least that works, for `deno compile` and the portable form.
 *
 * @module
 */

/** Programs that reading, repairing and the agent run. */
const PRODUCT_PROGRAMS = [
  "iptables",
  "ip6tables",
  ...["iptables", "ip6tables"].flatMap((tool) =>
    ["", "-nft", "-legacy"].flatMap((variant) => [
      `${tool}${variant}-save`,
      `${tool}${variant}-restore`,
    ])
  ),
  "nft",
  "systemctl",
  "netfilter-persistent",
];

/** Programs of the practice network, `flandoc lab`. */
const LAB_PROGRAMS = [
  "ip",
  "bridge",
  "nsenter",
  "unshare",
  "setsid",
  "mount",
  "umount",
  "sh",
  "bash",
  "env",
  "etcd",
  "etcdctl",
  "openssl",
  "busybox",
  "tar",
  "dockerd",
  "docker",
  "sysctl",
];

/** A service's `PATH` often lacks these: programs are named there too. */
const DIRECTORIES = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Variables by name; a star stands for any end. */
const VARIABLES = [
  "FLANDOC_*",
  "FLANNELD_*",
  "PATH",
  "LANG",
  "LC_ALL",
  "LC_MESSAGES",
  "NO_COLOR",
  "TERM",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "DOCKER_HOST",
  "KUBECONFIG",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "NODE_NAME",
  "POD_NAME",
  "POD_NAMESPACE",
  // The yaml package asks for them whenever it reads.
  "LOG_TOKENS",
  "LOG_STREAM",
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
];

const programs = [...PRODUCT_PROGRAMS, ...LAB_PROGRAMS].flatMap((name) => [
  name,
  ...DIRECTORIES.map((directory) => `${directory}/${name}`),
]);

/**
 * Permissions of the executable. Network is open, since endpoints and peers
 * are the user's; reading is open, since certificates and unit files can be
 * anywhere; writing is subnet.env, the journal, drop-ins and the lab. Programs
 * and variables are named.
 */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-ffi",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-sys",
  `--allow-run=${programs.join(",")}`,
  `--allow-env=${VARIABLES.join(",")}`,
];
