import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import type { V2Client } from "./etcd_v2_client.ts";
import {
  excerpt,
  parseObject,
  type V3Client,
  type V3Header,
} from "./etcd_v3_client.ts";
import type { EndpointHealth } from "./store.ts";
import type { HttpAnswer, Transport } from "./transport.ts";

interface StatusAnswer {
  readonly header?: V3Header;
  readonly leader?: string;
  /** Alarms and corruption, etcd 3.4 and newer. */
  readonly errors?: readonly string[];
}

interface AlarmAnswer {
  readonly header?: V3Header;
  readonly alarms?: readonly {
    readonly memberID?: string;
    readonly alarm?: string;
  }[];
}

const UNASKED: Omit<EndpointHealth, "endpoint"> = {
  reachable: false,
  error: null,
  errorKind: null,
  version: null,
  clusterId: null,
  memberId: null,
  healthy: null,
  hasLeader: null,
  alarms: [],
  v2: null,
  v3: null,
  latencyMs: null,
};

/** Clients of a store's endpoints, and how it reads a record. */
export interface HealthClients {
  readonly transport: Transport;
  readonly v3: V3Client;
  readonly v2?: V2Client;
  /** Reads the network config: health is told to anybody, records are not. */
  readonly read: (endpoint: Endpoint) => Promise<unknown>;
}

/** Asks every endpoint, in parallel. Never throws. */
export async function readEtcdHealth(
  clients: HealthClients,
): Promise<EndpointHealth[]> {
  const { transport } = clients;
  return await Promise.all(transport.endpoints.map(async (endpoint) => {
    try {
      return await ask(endpoint, clients);
    } catch (error) {
      return { ...UNASKED, endpoint: endpoint.name, ...failure(error) };
    }
  }));
}

function failure(error: unknown): { error: string; errorKind: string } {
  return error instanceof EndpointError
    ? { error: error.message, errorKind: error.kind }
    : { error: String(error), errorKind: "http" };
}

async function ask(
  endpoint: Endpoint,
  { transport, v3, v2, read }: HealthClients,
): Promise<EndpointHealth> {
  const get = (path: string) =>
    v2
      ? v2.get(endpoint, path)
      : transport.request(endpoint, { method: "GET", path });
  const version = parseVersion(await get("/version"));
  const started = performance.now();
  const health = get("/health").then((answer) => ({
    healthy: parseHealth(answer),
    latencyMs: performance.now() - started,
  })).catch(() => ({ healthy: false, latencyMs: null }));
  const [
    { healthy, latencyMs },
    denied,
    status,
    alarms,
    members,
  ] = await Promise.all([
    health,
    read(endpoint).then(() => ({}), asDenied),
    v3.call<StatusAnswer>(endpoint, "maintenance/status", {}, {
      leaderless: true,
    }).catch(asFailure),
    v3.call<AlarmAnswer>(endpoint, "maintenance/alarm", { action: "GET" })
      .then((answer) => answer.alarms ?? [], () => []),
    get("/v2/stats/self").catch(() => null),
  ]);
  const self = members && parseObject(members.text);
  const hasV2 = members && (members.status === 200 && self !== null ||
    members.status === 401);
  const common = {
    ...UNASKED,
    endpoint: endpoint.name,
    reachable: true,
    ...denied,
  };
  const answered = { ...common, version, healthy, latencyMs, v2: hasV2 };
  if (status instanceof EndpointError) {
    return {
      ...answered,
      ...(self ? v2Identity(self) : {}),
      v3: status.kind === "auth" ? true : status.kind === "api" ? false : null,
    };
  }
  return {
    ...answered,
    v3: true,
    clusterId: hexadecimal(status.header?.cluster_id),
    memberId: hexadecimal(status.header?.member_id),
    hasLeader: (status.leader ?? "0") !== "0",
    alarms: [
      ...new Set(alarms.flatMap(({ alarm }) => alarm ? [alarm] : [])),
    ],
  };
}

/** Only a login that does not do is an endpoint's; a missing key is none's. */
function asDenied(error: unknown): Partial<EndpointHealth> {
  return error instanceof EndpointError && error.kind === "auth"
    ? failure(error)
    : {};
}

function asFailure(error: unknown): EndpointError {
  if (error instanceof EndpointError) return error;
  throw error;
}

/** Throws for what is not etcd. */
function parseVersion(answer: HttpAnswer): string {
  const version = parseObject(answer.text)?.["etcdserver"];
  if (typeof version === "string") return version;
  throw new EndpointError(
    "not-etcd",
    `The endpoint answers, but is not etcd: GET /version gives HTTP ${answer.status}, ${
      excerpt(answer.text)
    }`,
  );
}

function parseHealth(answer: HttpAnswer): boolean {
  const health = parseObject(answer.text)?.["health"];
  return health === "true" || health === true;
}

function v2Identity(
  self: Record<string, unknown>,
): { memberId: string | null; hasLeader: boolean | null } {
  const id = self["id"];
  const info = self["leaderInfo"] as Record<string, unknown> | undefined;
  const leader = info?.["leader"];
  return {
    memberId: typeof id === "string" ? id : null,
    hasLeader: typeof leader === "string" ? leader !== "" : null,
  };
}

/** As etcdctl prints ids. */
function hexadecimal(id: string | undefined): string | null {
  return id !== undefined && /^\d+$/.test(id) ? BigInt(id).toString(16) : null;
}
