/**
 * Which programs matter to a flannel network, and by what a process of them
 * is known.
 *
 * @module
 */

/** What `/proc` tells of a process before it is known to matter. */
export interface ProcessTraits {
  /** `/proc/PID/comm`: the first 15 bytes of the name. */
  readonly comm: string;
  /** Base name of `/proc/PID/exe`, or null when it may not be read. */
  readonly executable: string | null;
  readonly argv: readonly string[];
}

/** Programs by base name, and the name a fact gives them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  flanneld: "flanneld",
  "flanneld-amd64": "flanneld",
  "flanneld-arm64": "flanneld",
  dockerd: "dockerd",
  "dockerd-current": "dockerd",
  "dockerd-ce": "dockerd",
  kubelet: "kubelet",
  "kube-proxy": "kube-proxy",
  k3s: "k3s",
  rke2: "rke2",
  microk8s: "microk8s",
  kubelite: "microk8s",
  firewalld: "firewalld",
  NetworkManager: "NetworkManager",
  "systemd-networkd": "systemd-networkd",
  // comm holds 15 bytes.
  "systemd-network": "systemd-networkd",
  dhcpcd: "dhcpcd",
  "avahi-autoipd": "avahi-autoipd",
  connmand: "connmand",
  "calico-node": "calico-node",
  "calico-felix": "calico-node",
  "cilium-agent": "cilium-agent",
  "kube-router": "kube-router",
  weaver: "weave",
  keepalived: "keepalived",
  etcd: "etcd",
};

/** A downloaded file may keep its release and platform in its name. */
const RELEASED = /^flanneld[-_]v?\d[\w.+-]*$/;

/** Programs that serve only under these subcommands: server, agent. */
const SERVERS = new Set(["k3s", "rke2"]);

/** Programs that are scripts: the interpreter's first argument tells. */
const INTERPRETED = new Set(["firewalld"]);

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function isFlandocAgent(traits: ProcessTraits): boolean {
  const own = /^flandoc(?:\.[cm]?[jt]s|[-_][\w.+-]+)?$/;
  const { argv } = traits;
  const script = argv.findIndex((argument) => own.test(baseName(argument)));
  return script >= 0 && script < 8 && argv[script + 1] === "run";
}

/**
 * Name of the program, or null when it does not matter. `flandoc` is the
 * agent, `flandoc run`, only. Docker before 17.03 is `docker daemon`.
 */
export function programName(traits: ProcessTraits): string | null {
  const { comm, executable, argv } = traits;
  if (isFlandocAgent(traits)) return "flandoc";
  const names = [executable ?? comm, baseName(argv[0]?.split(" ")[0] ?? "")];
  // A thread name set by prctl() tells nothing where the executable can be read.
  if (executable === null) names.push(comm);
  for (const name of names) {
    const program = RELEASED.test(name) ? "flanneld" : PROGRAMS[name];
    if (program === undefined) continue;
    // `k3s kubectl` and the like are clients.
    const client = SERVERS.has(program) &&
      !/\b(?:server|agent)\b/.test(argv.slice(0, 3).join(" "));
    return client ? null : program;
  }
  if (names.includes("docker")) {
    return argv[1] === "daemon" || argv[1] === "-d" ? "dockerd" : null;
  }
  const script = baseName(
    argv.find((argument) =>
      argument.startsWith("/") &&
      argument !== argv[0]
    ) ?? "",
  );
  return INTERPRETED.has(script) && comm === script ? script : null;
}
