/**
 * Docker as it runs in this network namespace. What the daemon says of itself
 * wins over its command line, and that over its files: running options differ
 * from daemon.json until the next start, and from the unit file where a
 * drop-in or an environment file adds some.
 *
 * @module
 */
import { type Fact, isKnown, known, unknown } from "../snapshot/fact.ts";
import type {
  DockerFacts,
  DockerNetwork,
  FileFacts,
  Setting,
  UnitFacts,
} from "../snapshot/facts.ts";
import {
  askDocker,
  type DockerAnswers,
  type DockerEndpoint,
  type DockerNetworkAnswer,
} from "./docker_api.ts";
import {
  type DockerOptions,
  dockerOptions,
  parseDaemonJson,
  parseDockerArgv,
} from "./docker_options.ts";
import { readFileFacts } from "./files.ts";
import type { HostProcess, HostProcesses } from "./processes.ts";
import { statusOf } from "./raw_files.ts";
import { maskText } from "./secrets.ts";

/** Where dockerd listens unless told otherwise. */
const DEFAULT_SOCKET = "/var/run/docker.sock";

const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
const BRIDGE_NAME = "com.docker.network.bridge.name";
const DRIVER_MTU = "com.docker.network.driver.mtu";

/** Options of {@linkcode readDocker}. */
export interface ReadDockerOptions {
  /** Deadline of the daemon's answers, milliseconds. @default 2000 */
  readonly timeoutMs?: number;
  /** `DOCKER_HOST` of whoever runs flandoc. */
  readonly dockerHost?: string | undefined;
}

/** The endpoint a `-H` value names, or null when it cannot be asked plainly. */
export function dockerEndpoint(host: string): DockerEndpoint | null {
  if (host.startsWith("unix://")) {
    return { socket: host.slice("unix://".length) || DEFAULT_SOCKET };
  }
  // Socket activation: systemd's docker.socket listens at the usual place.
  if (host.startsWith("fd://")) return { socket: DEFAULT_SOCKET };
  if (host.startsWith("/")) return { socket: host };
  const [, name, port] = /^tcp:\/\/([^:/]*):?(\d*)\/?$/.exec(host) ?? [];
  if (name === undefined || port === "2376") return null;
  const address = name === "" || name === "0.0.0.0" ? "127.0.0.1" : name;
  return { url: `http://${address}:${port || 2375}` };
}

/** Unix sockets before the others: they need no network. */
function endpoints(hosts: readonly string[]): DockerEndpoint[] {
  const found = (hosts.length === 0 ? [`unix://${DEFAULT_SOCKET}`] : hosts)
    .map(dockerEndpoint).filter((endpoint) => endpoint !== null);
  return [
    ...found.filter((endpoint) => "socket" in endpoint),
    ...found.filter((endpoint) => "url" in endpoint),
  ];
}

async function ask(
  candidates: readonly DockerEndpoint[],
  timeoutMs: number,
): Promise<{ at: DockerEndpoint; answers: DockerAnswers } | null> {
  for (const at of candidates) {
    try {
      return { at, answers: await askDocker(at, timeoutMs) };
    } catch {
      // The next one may answer; that none does is the fact.
    }
  }
  return null;
}

function toNetwork(network: DockerNetworkAnswer): DockerNetwork {
  const options = network.Options ?? {};
  const config = network.IPAM?.Config ?? [];
  const mtu = Number(options[DRIVER_MTU] ?? "");
  return {
    name: network.Name,
    // A network without a given name has br- and the first 12 digits of its id.
    bridge: options[BRIDGE_NAME] ?? `br-${network.Id.slice(0, 12)}`,
    subnets: config.map((entry) => entry.Subnet ?? "").filter((subnet) =>
      subnet !== ""
    ),
    gateway: config.find((entry) => entry.Gateway)?.Gateway ?? null,
    ipMasquerade: options[MASQUERADE] !== "false",
    mtu: Number.isInteger(mtu) && mtu > 0 ? mtu : null,
  };
}

function containersOf(answers: DockerAnswers): DockerFacts["containers"] {
  const bridges = new Set(
    answers.networks.filter((network) => network.Driver === "bridge")
      .map((network) => network.Name),
  );
  return answers.containers.flatMap((container) =>
    Object.entries(container.NetworkSettings?.Networks ?? {})
      .filter(([network, at]) => bridges.has(network) && at?.IPAddress)
      .map(([network, at]) => ({
        name: (container.Names?.[0] ?? "").replace(/^\//, ""),
        network,
        address: at?.IPAddress ?? "",
      }))
  );
}

/** The default bridge's own address with its length, as `--bip` has it. */
function bipOf(bridge: DockerNetwork | undefined): string | null {
  const subnet = bridge?.subnets.find((subnet) => !subnet.includes(":"));
  if (subnet === undefined) return null;
  const [network = "", length = ""] = subnet.split("/");
  const first = network.replace(/\d+$/, (octet) => String(Number(octet) + 1));
  return `${bridge?.gateway ?? first}/${length}`;
}

/** Effective options: asked, else given, else dockerd's default. */
function effective(
  given: DockerOptions,
  answers: DockerAnswers | null,
  networks: readonly DockerNetwork[],
) {
  const bridge = networks.find((network) => network.name === "bridge");
  const asked = "daemon";
  function choose<T>(
    told: T | null | undefined,
    option: Setting<T> | undefined,
    fallback: T,
  ): Setting<T> {
    if (told !== null && told !== undefined) {
      return { value: told, source: asked };
    }
    return option ?? { value: fallback, source: "default" };
  }
  return {
    bip: choose<string | null>(bipOf(bridge), given.bip, null),
    mtu: choose<number | null>(bridge?.mtu, given.mtu, null),
    ipMasq: choose(bridge?.ipMasquerade, given.ipMasq, true),
    bridge: choose(bridge?.bridge, given.bridge, "docker0"),
    liveRestore: choose(
      answers?.info.LiveRestoreEnabled,
      given.liveRestore,
      false,
    ),
    // The daemon tells neither; `IPv4Forwarding` is the kernel's state.
    iptables: given.iptables ?? { value: true, source: "default" },
    ipForward: given.ipForward ?? { value: true, source: "default" },
  };
}

function configFile(daemon: HostProcess | null): FileFacts | null {
  const path = parseDockerArgv(daemon?.argv ?? []).get("config-file")?.at(-1) ??
    "/etc/docker/daemon.json";
  const fact = readFileFacts(`${daemon?.root ?? ""}${path}`, path);
  return isKnown(fact) && fact.known.text !== null ? fact.known : null;
}

function hostsOf(
  daemon: HostProcess | null,
  options: DockerOptions,
  dockerHost: string | undefined,
): readonly string[] {
  if (daemon !== null) return options.hosts;
  // DOCKER_HOST may name a daemon on another machine: only a socket is ours.
  return dockerHost?.startsWith("unix://") ? [dockerHost] : [];
}

/**
 * Docker of this network namespace, or null when none runs here. A socket of
 * the file system may belong to a daemon of another namespace, which is
 * another host: it is asked only when a daemon of this namespace says it
 * listens there, or when no daemon can be seen at all.
 *
 * @param units the units read, to name the files that start dockerd
 */
export async function readDocker(
  processes: HostProcesses,
  units: readonly UnitFacts[],
  options: ReadDockerOptions = {},
): Promise<Fact<DockerFacts | null>> {
  try {
    const isDaemon = (process: { name: string }) => process.name === "dockerd";
    const daemon = processes.here.find((process) => isDaemon(process.facts)) ??
      null;
    if (daemon === null && processes.elsewhere.some(isDaemon)) {
      return known(null);
    }
    return known(await describe(daemon, units, options));
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

async function describe(
  daemon: HostProcess | null,
  units: readonly UnitFacts[],
  { timeoutMs = 2000, dockerHost }: ReadDockerOptions,
): Promise<DockerFacts | null> {
  const file = configFile(daemon);
  const given = dockerOptions(
    daemon?.argv ?? [],
    parseDaemonJson(file?.text ?? null),
  );
  const candidates = endpoints(hostsOf(daemon, given, dockerHost));
  const worth = candidates.filter((at) =>
    !("socket" in at) || statusOf(at.socket)?.type === "socket"
  );
  const answered = await ask(worth, timeoutMs);
  if (daemon === null && answered === null) return null;
  const answers = answered?.answers ?? null;
  const networks = (answers?.networks ?? [])
    .filter((network) => network.Driver === "bridge").map(toNetwork);
  const at = answered?.at ?? candidates[0];
  return {
    version: answers?.info.ServerVersion ?? daemon?.facts.version ?? null,
    socket: at === undefined ? null : "socket" in at ? at.socket : at.url,
    pid: daemon?.facts.pid ?? null,
    ...effective(given, answers, networks),
    networks,
    containers: answers === null ? [] : containersOf(answers),
    daemonJson: file === null
      ? null
      : { ...file, text: maskText(file.text ?? "") },
    unitFiles: units.find((unit) => unit.name === daemon?.facts.unit)?.files ??
      [],
  };
}
