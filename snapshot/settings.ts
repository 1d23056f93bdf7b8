/**
 * Finds out how flannel is set up on this host, and says where each answer
 * comes from: flags, environment, a running agent, a systemd unit, what
 * kube-flannel leaves on a host, flannel's defaults.
 *
 * @module
 */
import { FLANNELD_FLAGS } from "../flannel/flags.ts";
import { atLeast, parseVersion } from "../flannel/version.ts";
import type { HostProcess } from "../host/processes.ts";
import { MASK, maskUrls } from "../host/secrets.ts";
import type { UnitCommand } from "../host/systemd.ts";
import type { StoreKind } from "../stores/store.ts";
import type { Setting, Settings } from "./facts.ts";
import { ETCD_API, type FlagValues } from "./flag_values.ts";
import {
  environmentLayer,
  fixedLayer,
  flagLayer,
  processLayer,
  type SettingLayer,
  unitLayer,
} from "./setting_layers.ts";
import { SettingError } from "./setting_error.ts";
import { defaultOf, type SettingRow, SETTINGS } from "./setting_table.ts";

/** What discovery looks at. */
export interface DiscoveryInput {
  /** Flags given to flandoc, by flannel's names. */
  readonly flags: FlagValues;
  /** flandoc's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Processes of this network namespace. */
  readonly processes: readonly HostProcess[];
  /** Units that would start an agent. */
  readonly units: readonly UnitCommand[];
  /** Working directory of flandoc. */
  readonly cwd: string;
  /** Whether a file exists on this host. */
  readonly exists: (path: string) => boolean;
}

/** Never serialised. */
export interface SettingSecrets {
  /** Endpoints as given, with user and password where the URL has them. */
  readonly etcdEndpoints: readonly string[];
  readonly etcdPassword: string | undefined;
}

/** What was found. */
export interface Discovery {
  readonly settings: Settings;
  readonly secrets: SettingSecrets;
  /**
   * False when nothing tells which etcd API the agent here reads: the one that
   * holds the config is to be taken, see {@linkcode withStore}.
   */
  readonly storeDecided: boolean;
  /**
   * Whether nothing here speaks of a store: the shell's kubeconfig may lead to
   * the records as well as etcd's default endpoints.
   */
  readonly isOpen: boolean;
  /** Who says that the network config is a file of this host. */
  readonly configOwner: ConfigOwner;
  /** The agent that runs here, or null. */
  readonly agent: HostProcess | null;
}

/**
 * Who reads `--net-config-path` on this host: the agent that runs, or the one
 * that a unit would start. A path that a person names is taken at its word;
 * null when nobody does: a pod may have the file.
 */
export type ConfigOwner = "agent" | "unit" | "person" | null;

/** A value with its place. */
interface Found {
  readonly values: readonly string[];
  readonly source: string;
  readonly layer: SettingLayer;
}

function joinPath(base: string, path: string): string {
  const joined = path.startsWith("/") ? path : `${base}/${path}`;
  const parts: string[] = [];
  for (const part of joined.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Where the paths of flannel's defaults begin. */
const DEFAULTS = fixedLayer({}, "default");

/** Go's strconv.ParseBool; undefined for anything else. */
function parseBool(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false;
  return undefined;
}

function convert(
  row: SettingRow,
  found: Found,
  exists: (path: string) => boolean,
): unknown {
  const last = found.values.at(-1) ?? "";
  switch (row.kind) {
    case "text":
      return maskUrls(last);
    case "list":
      return last.split(",").map(maskUrls);
    case "repeat":
      return found.values;
    case "boolean":
      return parseBool(last);
    case "number":
      return /^\d+$/.test(last) ? Number(last) : undefined;
    case "port":
      return /^\d+$/.test(last) && Number(last) <= 65535
        ? Number(last)
        : undefined;
    case "path": {
      if (last === "") return "";
      const path = joinPath(found.layer.cwd, last);
      const inside = `${found.layer.root}${path}`;
      // Consumers of subnet.env, Docker and CNI, read the host's file.
      const shared = row.flag === "subnet-file" && exists(path);
      return shared ? path : inside;
    }
  }
}

function find(layers: readonly SettingLayer[], flag: string): Found | null {
  for (const layer of layers) {
    const hit = layer.get(flag);
    if (hit !== undefined) return { ...hit, layer };
  }
  return null;
}

function resolve(
  row: SettingRow,
  layers: readonly SettingLayer[],
  exists: (path: string) => boolean,
): Setting<unknown> {
  for (const [at, layer] of layers.entries()) {
    const found = find(layers.slice(at, at + 1), row.flag);
    if (found === null) continue;
    const value = convert(row, found, exists);
    if (value !== undefined) return { value, source: found.source };
    if (layer.strict) {
      throw new SettingError(
        `Cannot use ${found.source}: expected a ${row.kind}, got "${
          found.values.at(-1)
        }"`,
      );
    }
    // flanneld logs a bad variable and goes on with the next place.
  }
  const text = defaultOf(row.flag);
  const value = text === "" && row.kind === "repeat" ? [] : convert(row, {
    values: [text],
    source: "default",
    layer: DEFAULTS,
  }, exists);
  return { value, source: "default" };
}

/** What tells the flannel networks of one host apart. */
const NETWORK_FLAGS = ["etcd-prefix", "subnet-file"] as const;

/**
 * The agent whose settings hold: of several the one that has the prefix or
 * subnet file asked for; else flanneld before flandoc, the older first.
 *
 * @param asked what flandoc itself was given
 */
function findAgent(
  processes: readonly HostProcess[],
  asked: readonly SettingLayer[],
): HostProcess | null {
  const named = (name: string) =>
    processes.filter((process) => process.facts.name === name);
  const agents = [...named("flanneld"), ...named("flandoc")];
  const serves = (agent: HostProcess) =>
    NETWORK_FLAGS.every((flag) => {
      const wanted = find(asked, flag)?.values.at(-1);
      const own = processLayer(agent).get(flag)?.values.at(-1);
      return wanted === undefined || wanted === (own ?? defaultOf(flag));
    });
  return agents.find(serves) ?? agents[0] ?? null;
}

/** What a distribution that embeds flannel gives it, and marks of kube-flannel. */
function kubernetesLayers(input: DiscoveryInput): SettingLayer[] {
  for (const name of ["k3s", "rke2"]) {
    const process = input.processes.find(({ facts }) => facts.name === name);
    const config = `/var/lib/rancher/${name}/agent/etc/flannel/net-conf.json`;
    if (process === undefined || !input.exists(config)) continue;
    const admin = `/etc/rancher/${name}/${name}.yaml`;
    return [fixedLayer({
      "kube-subnet-mgr": "true",
      "net-config-path": config,
      "kubeconfig-file": input.exists(admin)
        ? admin
        : `/var/lib/rancher/${name}/agent/kubelet.kubeconfig`,
    }, `${name} (pid ${process.facts.pid})`)];
  }
  const marks = [
    "/etc/kube-flannel/net-conf.json",
    "/etc/cni/net.d/10-flannel.conflist",
    "/etc/cni/net.d/10-flannel.conf",
  ];
  const mark = marks.find(input.exists);
  return mark === undefined
    ? []
    : [fixedLayer({ "kube-subnet-mgr": "true" }, `file ${mark}`)];
}

function isAgentUnit(unit: UnitCommand): boolean {
  return /(?:^|\/)(?:flanneld[\w.-]*|flandoc)$/.test(unit.argv[0] ?? "");
}

/** What the agent here has, or would have: null when there is none. */
function agentLayer(
  input: DiscoveryInput,
  agent: HostProcess | null,
): SettingLayer | null {
  if (agent !== null) return processLayer(agent);
  // What a unit would start tells nothing of an agent that runs otherwise.
  const unit = input.units.find(isAgentUnit);
  return unit === undefined ? null : unitLayer(unit);
}

/** Flags that mean etcd. */
const ETCD_FLAGS: readonly string[] = [
  ETCD_API,
  ...FLANNELD_FLAGS.map(({ name }) => name)
    .filter((name) => name.startsWith("etcd-")),
];

/** Flags that are of no use but with Kubernetes. */
const API_FLAGS = ["kubeconfig-file", "kube-api-url"] as const;

function named(
  layers: readonly SettingLayer[],
  flags: readonly string[],
): Found | undefined {
  return flags.map((flag) => find(layers, flag))
    .find((found) => found !== null);
}

/**
 * Who names a kubeconfig or an API server, and nothing of etcd, means
 * Kubernetes, unless an agent that runs knows better.
 */
function meantLayers(
  asked: readonly SettingLayer[],
  agent: HostProcess | null,
): SettingLayer[] {
  const api = named(asked, API_FLAGS);
  if (agent !== null || api === undefined) return [];
  return named(asked, ETCD_FLAGS) === undefined
    ? [fixedLayer({ "kube-subnet-mgr": "true" }, api.source)]
    : [];
}

function configOwner(
  asked: readonly SettingLayer[],
  agent: HostProcess | null,
  own: SettingLayer | null,
): ConfigOwner {
  if (find(asked, "net-config-path") !== null) return "person";
  const values = own?.get("kube-subnet-mgr")?.values ?? [];
  if (parseBool(values.at(-1) ?? "") !== true) return null;
  return agent === null ? "unit" : "agent";
}

/** Which store, and whether that is sure. */
function decideStore(
  layers: readonly SettingLayer[],
  agent: HostProcess | null,
  kubernetes: Setting<boolean>,
): { store: Setting<StoreKind>; decided: boolean } {
  const api = find(layers, "etcd-api");
  const asked = api?.values.at(-1);
  // The own flags are stronger than a kube-flannel that was found.
  const forced = asked !== undefined && api?.layer.strict === true;
  if (kubernetes.value && !forced) {
    const { source } = kubernetes;
    return { store: { value: "kubernetes", source }, decided: true };
  }
  if (api !== null && (asked === "v2" || asked === "v3")) {
    const value = asked === "v2" ? "etcd-v2" : "etcd-v3";
    return { store: { value, source: api.source }, decided: true };
  }
  if (api !== null && api.layer.strict) {
    throw new SettingError(
      `Cannot use ${api.source}: expected v2 or v3, got "${asked}"`,
    );
  }
  const { name, version, pid } = agent?.facts ??
    { name: "", version: null, pid: 0 };
  if (name === "flanneld" && version !== null && parseVersion(version)) {
    const value = atLeast(version, "0.18.0") ? "etcd-v3" : "etcd-v2";
    const source = `flanneld ${version} (pid ${pid})`;
    return { store: { value, source }, decided: true };
  }
  return { store: { value: "etcd-v3", source: "default" }, decided: false };
}

/**
 * Discovers all settings.
 *
 * @throws {SettingError} when a flag or variable given to flandoc itself has a
 * value of the wrong form
 */
export function discoverSettings(input: DiscoveryInput): Discovery {
  const asked = [
    flagLayer(input.flags, input.cwd),
    environmentLayer(input.environment, input.cwd),
  ];
  const agent = findAgent(input.processes, asked);
  const own = agentLayer(input, agent);
  const direct = [
    ...asked,
    ...meantLayers(asked, agent),
    ...own === null ? [] : [own],
  ];
  const endpoints = find(direct, "etcd-endpoints");
  // Who names etcd endpoints does not mean a kube-flannel that left its files.
  const layers = endpoints !== null && agent === null
    ? direct
    : [...direct, ...(agent === null ? kubernetesLayers(input) : [])];
  const settings = Object.fromEntries(
    Object.entries(SETTINGS).map((
      [name, row],
    ) => [name, resolve(row, layers, input.exists)]),
  ) as unknown as Omit<Settings, "store">;
  const { store, decided } = decideStore(layers, agent, settings.kubeSubnetMgr);
  return {
    agent,
    settings: { store, ...settings },
    storeDecided: decided,
    isOpen: own === null && named(asked, ETCD_FLAGS) === undefined &&
      settings.kubeSubnetMgr.source === "default",
    configOwner: configOwner(asked, agent, own),
    secrets: {
      etcdEndpoints: endpoints?.values.at(-1)?.split(",") ??
        settings.etcdEndpoints.value,
      etcdPassword: knownPassword(find(layers, "etcd-password")),
    },
  };
}

/** A password, unless what was found is only the mask of one. */
function knownPassword(found: Found | null): string | undefined {
  const password = found?.values.at(-1);
  return password === MASK || password === "" ? undefined : password;
}

/** Settings with another store, once it is known which API holds the config. */
export function withStore(
  settings: Settings,
  value: StoreKind,
  source: string,
): Settings {
  return { ...settings, store: { value, source } };
}
