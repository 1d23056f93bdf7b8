/**
 * The Docker daemon's HTTP interface, as far as flandoc asks it.
 *
 * @module
 */

/** Where a daemon listens: a socket's path, or an `http://` URL. */
export type DockerEndpoint =
  | { readonly socket: string }
  | { readonly url: string };

/** What `GET /info` answers, in part. */
export interface DockerInfo {
  readonly ServerVersion?: string;
  readonly LiveRestoreEnabled?: boolean;
}

/** One network of `GET /networks`, in part. */
export interface DockerNetworkAnswer {
  readonly Name: string;
  readonly Id: string;
  readonly Driver: string;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly IPAM?: {
    readonly Config?:
      | readonly { readonly Subnet?: string; readonly Gateway?: string }[]
      | null;
  } | null;
}

/** One container of `GET /containers/json`, in part. */
export interface DockerContainerAnswer {
  readonly Names?: readonly string[];
  readonly NetworkSettings?: {
    readonly Networks?:
      | Readonly<
        Record<string, { readonly IPAddress?: string } | null>
      >
      | null;
  } | null;
}

/** Everything flandoc asks a daemon. */
export interface DockerAnswers {
  readonly info: DockerInfo;
  readonly networks: readonly DockerNetworkAnswer[];
  readonly containers: readonly DockerContainerAnswer[];
}

async function get(
  client: Deno.HttpClient | undefined,
  base: string,
  path: string,
  timeoutMs: number,
): Promise<unknown> {
  const response = await fetch(base + path, {
    ...client === undefined ? {} : { client },
    signal: AbortSignal.timeout(timeoutMs),
    redirect: "manual",
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`Cannot ask Docker: GET ${path} gave ${response.status}`);
  }
  return await response.json();
}

/**
 * Asks a daemon for its information, networks and containers, at once.
 *
 * @throws {Error} when it does not answer in time, or answers something else
 */
export async function askDocker(
  endpoint: DockerEndpoint,
  timeoutMs = 2000,
): Promise<DockerAnswers> {
  const client = "socket" in endpoint
    ? Deno.createHttpClient({
      proxy: { transport: "unix", path: endpoint.socket },
    })
    : undefined;
  // An address, not a name: Deno looks a name up before it dials the socket,
  // and waits for ever for a name server that the host cannot reach.
  const base = "socket" in endpoint ? "http://127.0.0.1" : endpoint.url;
  try {
    const [info, networks, containers] = await Promise.all([
      get(client, base, "/info", timeoutMs),
      get(client, base, "/networks", timeoutMs),
      get(client, base, "/containers/json", timeoutMs),
    ]);
    if (!Array.isArray(networks) || !Array.isArray(containers)) {
      throw new TypeError("Cannot ask Docker: GET /networks gave no list");
    }
    return { info: info as DockerInfo, networks, containers };
  } finally {
    client?.close();
  }
}
