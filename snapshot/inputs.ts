/**
 * What collecting reads, runs and sends, for `flandoc check --list-inputs`.
 *
 * @module
 */
import { SAVED_RULES } from "../host/persistence.ts";
import { UNIT_DIRECTORIES } from "../host/systemd.ts";
import { NEARBY_PREFIXES } from "./collect_store.ts";

/** One thing that collecting uses, and what for. */
export interface Input {
  readonly kind: "program" | "file" | "socket" | "packets";
  /** Program with its arguments, path, address; `NAME` stands for what varies. */
  readonly name: string;
  readonly purpose: string;
}

function programs(): Input[] {
  const variants = ["nft", "legacy"].flatMap((variant) =>
    ["iptables", "ip6tables"].map((tool) => `${tool}-${variant}-save`)
  );
  const rules = "netfilter rules";
  return [
    ...[...variants, "iptables-save", "ip6tables-save"].map((name) => ({
      kind: "program" as const,
      name: `${name} -c`,
      purpose: rules,
    })),
    ...["iptables", "ip6tables", ...variants].map((name) => ({
      kind: "program" as const,
      name: `${name} --version`,
      purpose: "which variant the plain program is",
    })),
    { kind: "program", name: "nft -j list ruleset", purpose: rules },
    { kind: "program", name: "nft -s -a list ruleset", purpose: rules },
  ];
}

function file(name: string, purpose: string): Input {
  return { kind: "file", name, purpose };
}

function files(): Input[] {
  const process = "processes that matter to the network, their settings";
  const kubernetes = "marks of kube-flannel, its network config";
  return [
    ...[
      "cmdline",
      "comm",
      "exe",
      "stat",
      "environ",
      "cgroup",
      "cwd",
      "root",
      "ns/net",
      "ns/mnt",
    ].map((name) => file(`/proc/PID/${name}`, process)),
    file("/proc/stat, /proc/self/status", "time of boot, user"),
    file("/proc/sys/net/…", "forwarding, rp_filter, bridge, conntrack"),
    file("/proc/net/ip_tables_names, ip6_tables_names", "legacy iptables"),
    file("/sys/class/dmi/id/…", "hardware, cloud"),
    file("/sys/fs/cgroup/…/UNIT", "whether a unit runs"),
    file("/etc/os-release", "distribution"),
    ...UNIT_DIRECTORIES.map((directory) =>
      file(
        `${directory}/UNIT`,
        "units of flanneld, flannel, flandoc and Docker, their drop-ins",
      )
    ),
    file("EnvironmentFile= of those units", "settings"),
    file("subnet.env (--subnet-file)", "what flannel told Docker and CNI"),
    file(
      "certificates (--etcd-cafile, --etcd-certfile, --etcd-keyfile)",
      "validity; the key is not printed",
    ),
    file("daemon.json (dockerd --config-file)", "Docker's options"),
    ...SAVED_RULES.map((path) => file(path, "rules restored at boot")),
    file("/etc/kube-flannel/net-conf.json (--net-config-path)", kubernetes),
    file("/etc/cni/net.d/10-flannel.conflist, 10-flannel.conf", kubernetes),
    file(
      "kubeconfig and what it names, /proc/PID/root/…/serviceaccount/{token,ca.crt}",
      "to ask the Kubernetes API as the agent does; not printed",
    ),
    file(
      "/var/lib/rancher/{k3s,rke2}/agent/etc/flannel/net-conf.json",
      kubernetes,
    ),
  ];
}

function sockets(): Input[] {
  const keys = [...NEARBY_PREFIXES].join(", ");
  return [
    {
      kind: "socket",
      name: "netlink",
      purpose: "links, addresses, routes, rules, neighbours, FDB, nf_tables",
    },
    {
      kind: "socket",
      name: "etcd (--etcd-endpoints), only to read",
      purpose:
        `config, leases, health; without a config also the prefixes ${keys}`,
    },
    {
      kind: "socket",
      name:
        "Kubernetes API (--kube-api-url, --kubeconfig-file, KUBECONFIG, the agent's service account), GET only",
      purpose: "nodes, own pod, version",
    },
    {
      kind: "socket",
      name: "Docker (dockerd -H, DOCKER_HOST, /var/run/docker.sock), GET only",
      purpose: "options, networks, addresses of containers",
    },
    {
      kind: "socket",
      name: "http://HEALTHZ-IP:HEALTHZ-PORT/healthz",
      purpose: "health of the agent",
    },
  ];
}

function packets(): Input[] {
  return [
    {
      kind: "packets",
      name: "ARP requests on the external interface",
      purpose:
        "to public addresses of peers on the same link, and the default gateway; not with --no-probe",
    },
    {
      kind: "packets",
      name: "ICMP echo requests",
      purpose:
        "to every peer's public address, and from the own bridge address to every peer's; not with --no-probe",
    },
  ];
}

/** Everything that collecting uses. It changes nothing. */
export const INPUTS: readonly Input[] = [
  ...programs(),
  ...files(),
  ...sockets(),
  ...packets(),
];

const HEADINGS: Readonly<Record<Input["kind"], string>> = {
  program: "Programs run, those that are installed",
  file: "Files read, those that exist",
  socket: "Sockets asked",
  packets: "Packets sent",
};

/** The list as text, a heading a kind. */
export function inputsText(): string {
  const sections = Object.entries(HEADINGS).map(([kind, heading]) => {
    const rows = INPUTS.filter((input) => input.kind === kind)
      .map((input) => `  ${input.name}\n      ${input.purpose}\n`);
    return `${heading}\n${rows.join("")}`;
  });
  return sections.join("\n");
}
