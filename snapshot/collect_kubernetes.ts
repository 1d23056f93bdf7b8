/**
 * Records of a network whose store is Kubernetes: its config is a file, its
 * leases are nodes.
 *
 * @module
 */
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { readFileFacts } from "../host/files.ts";
import type { HostProcess } from "../host/processes.ts";
import { readText } from "../host/raw_files.ts";
import {
  annotationNames,
  type Families,
  findNodeName,
  type KubeNode,
  type KubernetesAccessOptions,
  KubernetesClient,
  kubernetesHealth,
  type KubernetesRecords,
  readKubernetesRecords,
  readNetConfigMap,
  resolveAccess,
  SERVICE_ACCOUNT,
} from "../stores/kubernetes.ts";
import { attempt, reasonOf } from "./attempt.ts";
import type { StoreFacts } from "./collect_store.ts";
import { type Fact, isKnown, known, unknown, valueOf } from "./fact.ts";
import type { ConfigRecord, Settings } from "./facts.ts";
import { kubernetesConfig } from "./kubernetes_config.ts";
import type { Discovery } from "./settings.ts";

/** Variables that a pod, or the user's shell, has. */
export type KubernetesEnvironment = Readonly<
  Record<string, string | undefined>
>;

const VARIABLES = [
  "KUBECONFIG",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "NODE_NAME",
  "POD_NAME",
  "POD_NAMESPACE",
];

/** Longest a file of ours may be, bytes. */
const LIMIT = 1 << 20;
/** Deadline of one request, milliseconds. */
const REQUEST_MS = 5000;

/**
 * Directories of the service account of an agent that lives in a container. In
 * many images `/var/run` is a link to `/run`, which would lead out of it.
 */
function serviceAccounts(root: string): readonly string[] {
  return [SERVICE_ACCOUNT.replace(/^\/var/, ""), SERVICE_ACCOUNT]
    .map((directory) => root + directory);
}

/**
 * Where the API server is and who asks: what settings name, else what the
 * agent here uses, else what this shell or pod has.
 */
export function kubernetesAccessOptions(
  settings: Settings,
  agent: Pick<HostProcess, "environment" | "root"> | null,
  environment: KubernetesEnvironment,
): KubernetesAccessOptions {
  const apiUrl = settings.kubeApiUrl.value;
  const named = settings.kubeconfigFile.value;
  const served = agent?.environment["KUBERNETES_SERVICE_HOST"] ?? "";
  // An agent in a container names files of its own.
  const root = agent?.root ?? "";
  const inside = root !== "" && (named === "" || named.startsWith(root));
  const read = (path: string) =>
    readText(inside && !path.startsWith(root) ? root + path : path, LIMIT);
  const own = apiUrl === "" && named === "" && served === "";
  const from = own ? environment : agent?.environment ?? {};
  return {
    apiUrl,
    kubeconfigFile: named,
    kubeconfigList: own ? environment["KUBECONFIG"] ?? "" : "",
    serviceHost: from["KUBERNETES_SERVICE_HOST"] ?? "",
    servicePort: from["KUBERNETES_SERVICE_PORT"] ?? "",
    serviceAccount: serviceAccounts(own ? "" : root),
    readText: own ? (path) => readText(path, LIMIT) : read,
  };
}

/** What this shell or pod has of the variables. */
export function ownEnvironment(): KubernetesEnvironment {
  return Object.fromEntries(
    VARIABLES.map((name) => [name, Deno.env.get(name)]),
  );
}

/** The families that leases are of; both when the config does not tell. */
function familiesOf(record: Fact<ConfigRecord>): Families {
  const text = valueOf(record)?.text ?? "";
  const { config } = parseNetworkConfig(text, { store: "kubernetes" });
  return config === null
    ? { ipv4: true, ipv6: true }
    : { ipv4: config.enableIPv4, ipv6: config.enableIPv6 };
}

/** Settings with the addresses that annotations of the own node set. */
function withNodeAddresses(
  settings: Settings,
  nodes: readonly KubeNode[],
  nodeName: string | undefined,
): Settings {
  const node = nodes.find(({ name }) => name === nodeName);
  if (node === undefined) return settings;
  const names = annotationNames(settings.kubeAnnotationPrefix.value);
  const from = (name: string, setting: Settings["publicIP"]) => {
    const value = node.annotations[name] ?? "";
    const source = `annotation ${name} of node ${node.name}`;
    return value === "" ? setting : { value, source };
  };
  return {
    ...settings,
    publicIP: from(names.nodePublicIP, settings.publicIP),
    publicIPv6: from(names.nodePublicIPv6, settings.publicIPv6),
  };
}

async function openClient(
  options: KubernetesAccessOptions,
): Promise<Fact<KubernetesClient>> {
  try {
    return known(
      new KubernetesClient({
        access: await resolveAccess(options),
        timeoutMs: REQUEST_MS,
        ...options.readText === undefined ? {} : { readText: options.readText },
      }),
    );
  } catch (error) {
    return unknown(reasonOf(error));
  }
}

/** What the API server tells, as facts of the store and as it was. */
export interface Cluster {
  readonly facts: StoreFacts;
  readonly nodes: readonly KubeNode[];
}

/**
 * Reads config and nodes. Nothing here throws.
 *
 * @param deadlineMs of everything asked of the API server, milliseconds
 */
export async function collectKubernetes(
  discovery: KubernetesDiscovery,
  deadlineMs: number,
  environment: KubernetesEnvironment = ownEnvironment(),
): Promise<StoreFacts> {
  return (await collectCluster(discovery, deadlineMs, environment)).facts;
}

/** What of a discovery matters here. */
export type KubernetesDiscovery = Pick<
  Discovery,
  "settings" | "agent" | "configOwner"
>;

/** As {@linkcode collectKubernetes}, with the nodes. */
export async function collectCluster(
  { settings, agent, configOwner }: KubernetesDiscovery,
  deadlineMs: number,
  environment: KubernetesEnvironment,
): Promise<Cluster> {
  const path = settings.netConfigPath;
  const config: ReadConfig = (readMap) =>
    kubernetesConfig(readFileFacts(path.value), path, configOwner, readMap);
  const client = await openClient(
    kubernetesAccessOptions(settings, agent, environment),
  );
  if (!isKnown(client)) {
    const none = unknown<never>(client.unknown);
    const configRecord = await config(() => Promise.resolve(none));
    const leaseRecords = none;
    const facts = {
      settings,
      endpoints: known([]),
      configRecord,
      leaseRecords,
    };
    return { facts, nodes: [] };
  }
  const asked = await ask(
    client.known,
    settings,
    config,
    { ...environment, ...agent?.environment },
    deadlineMs,
  );
  const { endpoints, records, nodeName, configRecord } = asked;
  const nodes = valueOf(records)?.nodes ?? [];
  return {
    nodes,
    facts: {
      settings: withNodeAddresses(settings, nodes, valueOf(nodeName)),
      endpoints,
      configRecord,
      leaseRecords: isKnown(records)
        ? known(records.known.leaseRecords)
        : records,
    },
  };
}

/** Reads the config, given how to ask for a ConfigMap. */
type ReadConfig = (
  readMap: Parameters<typeof kubernetesConfig>[3],
) => ReturnType<typeof kubernetesConfig>;

interface Asked {
  readonly endpoints: StoreFacts["endpoints"];
  readonly records: Fact<KubernetesRecords>;
  readonly nodeName: Fact<string>;
  readonly configRecord: StoreFacts["configRecord"];
}

async function ask(
  client: KubernetesClient,
  settings: Settings,
  config: ReadConfig,
  environment: KubernetesEnvironment,
  deadlineMs: number,
): Promise<Asked> {
  const prefix = settings.kubeAnnotationPrefix.value;
  const from = <T>(work: (signal: AbortSignal) => Promise<T>) =>
    attempt("the Kubernetes API", deadlineMs, work);
  const reading = config(() =>
    from((signal) => readNetConfigMap(client, signal))
  );
  const families = reading.then(familiesOf);
  try {
    const [endpoints, records, nodeName, configRecord] = await Promise.all([
      from(async (signal) => [await kubernetesHealth(client, signal)]),
      from((s) => readKubernetesRecords(client, prefix, families, s)),
      from((signal) =>
        findNodeName(client, {
          nodeName: environment["NODE_NAME"] ?? "",
          podName: environment["POD_NAME"] ?? "",
          podNamespace: environment["POD_NAMESPACE"] ?? "",
        }, signal)
      ),
      reading,
    ]);
    return { endpoints, records, nodeName, configRecord };
  } finally {
    client.close();
  }
}
