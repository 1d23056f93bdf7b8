import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import { excerpt, parseObject } from "./etcd_v3_client.ts";
import type { EtcdOptions } from "./store.ts";
import type {
  HttpAnswer,
  HttpRequest,
  HttpStream,
  Transport,
} from "./transport.ts";

/** A key or directory of the v2 API. */
export interface V2Node {
  readonly key?: string;
  readonly value?: string;
  readonly dir?: boolean;
  /** Seconds; absent for what does not expire. */
  readonly ttl?: number;
  readonly createdIndex?: number;
  readonly modifiedIndex?: number;
  readonly nodes?: readonly V2Node[];
}

/** An answer that is no error. */
export interface V2Answer {
  readonly action: string;
  readonly node: V2Node;
  /** `X-Etcd-Index`: the store's index when it answered. */
  readonly index: number;
}

/** Error numbers of etcd v2, etcd 2.3 error/error.go. */
export const V2_CODE = {
  keyNotFound: 100,
  testFailed: 101,
  notDirectory: 104,
  nodeExists: 105,
  unauthorized: 110,
  raftInternal: 300,
  indexCleared: 401,
} as const;

/** A refusal by error number, for callers that can use some of them. */
export class V2Error extends EndpointError {
  constructor(
    readonly code: number,
    message: string,
    /** Index of the store when it refused. */
    readonly index: number,
  ) {
    super("http", `etcd answers: ${message} (${code})`, {
      final: true,
      maybeDone: false,
    });
  }
}

/** Requests of etcd's v2 keys API at one endpoint. */
export class V2Client {
  readonly transport: Transport;
  readonly #username: string | undefined;
  readonly #password: string | undefined;

  constructor(transport: Transport, options: EtcdOptions) {
    this.transport = transport;
    this.#username = options.username;
    this.#password = options.password;
  }

  /**
   * One request of `/v2/keys`.
   *
   * @param query such as `quorum=true`, without question mark
   * @param form body of a PUT
   * @throws {EndpointError} and its subclass {@linkcode V2Error}
   */
  async keys(
    endpoint: Endpoint,
    method: "GET" | "PUT" | "DELETE",
    key: string,
    query: string,
    form?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<V2Answer> {
    const answer = await this.transport.request(
      endpoint,
      this.#request(endpoint, method, key, query, form),
      signal,
    );
    return parseAnswer(answer);
  }

  /** Opens a long poll; the headers come at once, the body with the event. */
  async poll(
    endpoint: Endpoint,
    key: string,
    query: string,
    signal: AbortSignal,
  ): Promise<HttpStream> {
    const request = this.#request(endpoint, "GET", key, query);
    return await this.transport.open(endpoint, request, signal);
  }

  /** A GET of another path, with the login. */
  async get(
    endpoint: Endpoint,
    path: string,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    return await this.transport.request(endpoint, {
      method: "GET",
      path,
      headers: this.#login(endpoint),
    }, signal);
  }

  #request(
    endpoint: Endpoint,
    method: "GET" | "PUT" | "DELETE",
    key: string,
    query: string,
    form?: Readonly<Record<string, string>>,
  ): HttpRequest {
    const path = key.split("/").map(encodeURIComponent).join("/");
    return {
      method,
      path: `/v2/keys${path}${query === "" ? "" : `?${query}`}`,
      headers: {
        ...this.#login(endpoint),
        ...(form
          ? { "Content-Type": "application/x-www-form-urlencoded" }
          : {}),
      },
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
    };
  }

  #login(endpoint: Endpoint): Record<string, string> {
    const username = this.#username || endpoint.username;
    if (!username) return {};
    const password = this.#password || (endpoint.password ?? "");
    const bytes = new TextEncoder().encode(`${username}:${password}`);
    return { Authorization: `Basic ${bytes.toBase64()}` };
  }
}

/**
 * An answer of the keys API.
 *
 * @throws {EndpointError}
 */
export function parseAnswer(answer: HttpAnswer): V2Answer {
  const { status, headers, text } = answer;
  const fields = parseObject(text);
  const index = Number(headers.get("X-Etcd-Index") ?? 0);
  const code = fields?.["errorCode"];
  if (typeof code === "number") {
    throw codeError(code, fields ?? {}, index);
  }
  if (status === 401 || status === 403) throw authError();
  if (status === 404) {
    throw new EndpointError(
      "api",
      "The endpoint has no v2 API: etcd 3.4 and 3.5 serve it only with --enable-v2, 3.6 not at all",
      { maybeDone: false },
    );
  }
  const node = fields?.["node"];
  const action = fields?.["action"];
  const isAnswer = typeof action === "string" && typeof node === "object" &&
    node !== null;
  if (isAnswer && status < 300) return { action, node, index };
  if (status >= 300) {
    const message = fields?.["message"];
    const said = typeof message === "string" ? `: ${message}` : "";
    throw new EndpointError(
      "http",
      `The endpoint answers HTTP ${status}${said}`,
    );
  }
  throw new EndpointError(
    "not-etcd",
    `The answer is not etcd's: ${excerpt(text)}`,
  );
}

function codeError(
  code: number,
  fields: Record<string, unknown>,
  index: number,
): EndpointError {
  if (code === V2_CODE.unauthorized) return authError();
  const message = [fields["message"], fields["cause"]]
    .filter((part) => typeof part === "string" && part !== "").join(": ");
  if (code >= V2_CODE.raftInternal && code !== V2_CODE.indexCleared) {
    // Raft had no leader or no time: another member may do better.
    return new EndpointError("http", `etcd answers: ${message} (${code})`);
  }
  const said = Number(fields["index"] ?? 0);
  return new V2Error(code, message, index || said);
}

function authError(): EndpointError {
  return new EndpointError(
    "auth",
    "etcd refuses access: the user or the password is wrong or missing (--etcd-username, --etcd-password), or the role does not allow it",
    { final: true, maybeDone: false },
  );
}
