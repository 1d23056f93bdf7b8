import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import { readLines } from "./read_lines.ts";
import type { EtcdOptions } from "./store.ts";
import type { HttpAnswer, HttpStream, Transport } from "./transport.ts";

/** Header of every answer; 64-bit numbers are decimal text. */
export interface V3Header {
  readonly cluster_id?: string;
  readonly member_id?: string;
  readonly revision?: string;
}

/** A key with its value, both base64. */
export interface V3KeyValue {
  readonly key?: string;
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
  /** Absent or "0" without lease. */
  readonly lease?: string;
}

/** Answer of `kv/range`; what is zero or empty is left out by the gateway. */
export interface V3Range {
  readonly header?: V3Header;
  readonly kvs?: readonly V3KeyValue[];
  readonly more?: boolean;
  /** Keys in the range, those included that were filtered out. */
  readonly count?: string;
}

/** A gRPC status as the gateway writes it. */
export interface V3Status {
  readonly code: number;
  readonly message: string;
}

/** A refusal of etcd's by gRPC code, for callers that can use some of them. */
export class V3Error extends EndpointError {
  constructor(readonly code: number, message: string) {
    super("http", `etcd answers: ${message}`, {
      final: true,
      maybeDone: false,
    });
  }
}

/** gRPC codes, `google.golang.org/grpc/codes`. */
export const CODE = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unauthenticated: 16,
} as const;

const DEFINITE: ReadonlySet<number> = new Set([
  CODE.notFound,
  CODE.resourceExhausted,
  CODE.failedPrecondition,
  CODE.outOfRange,
]);

// The gateway's path changed: /v3 since etcd 3.4, /v3beta in 3.3, /v3alpha
// before (etcd Documentation/dev-guide/api_grpc_gateway.md).
const PREFIXES = ["/v3", "/v3beta", "/v3alpha"] as const;

/** Calls of etcd's JSON gateway at one endpoint, with login. */
export class V3Client {
  readonly transport: Transport;
  readonly #username: string;
  readonly #password: string;
  readonly #prefixes = new Map<Endpoint, string>();
  #token: string | null = null;

  constructor(transport: Transport, options: EtcdOptions) {
    this.transport = transport;
    const inUrl = transport.endpoints.find(({ username }) => username !== null);
    this.#username = options.username || (inUrl?.username ?? "");
    this.#password = options.password || (inUrl?.password ?? "");
  }

  /**
   * One call.
   *
   * @param method such as `kv/range`
   * @throws {EndpointError} and its subclass {@linkcode V3Error}
   */
  async call<T extends { readonly header?: V3Header }>(
    endpoint: Endpoint,
    method: string,
    message: unknown,
    options: {
      readonly signal?: AbortSignal | undefined;
      /** Also ask a member that has no leader. @default false */
      readonly leaderless?: boolean;
    } = {},
  ): Promise<T> {
    return await this.#withLogin(endpoint, options.signal, async () => {
      const { status, text } = await this.#post(
        endpoint,
        method,
        message,
        options,
      );
      const answer = parseObject(text);
      // Every answer has a header but this one, which is {} without alarms.
      const isEtcd = answer !== null &&
        ("header" in answer || method === "maintenance/alarm");
      if (status === 200 && isEtcd) return answer as T;
      throw statusError(status, answer, text);
    });
  }

  /** Opens a stream; its lines are for {@linkcode readLines}. */
  async stream(
    endpoint: Endpoint,
    method: string,
    message: unknown,
    signal: AbortSignal,
  ): Promise<HttpStream> {
    return await this.#withLogin(endpoint, signal, async () => {
      const known = this.#prefixes.get(endpoint);
      let refusal = statusError(404, null, "");
      for (const prefix of known ? [known] : PREFIXES) {
        const stream = await this.transport.open(endpoint, {
          method: "POST",
          path: `${prefix}/${method}`,
          headers: this.#headers(false),
          body: JSON.stringify(message),
        }, signal);
        if (stream.status === 200) return stream;
        const text = await this.#firstLine(stream);
        refusal = statusError(stream.status, parseObject(text), text);
        if (stream.status !== 404) break;
      }
      throw refusal;
    });
  }

  /** What a stream that was refused says, and its end. */
  async #firstLine(stream: HttpStream): Promise<string> {
    const timer = setTimeout(() => stream.close(), this.transport.timeoutMs);
    try {
      for await (const line of readLines(stream.body)) return line;
      return "";
    } catch {
      return "";
    } finally {
      clearTimeout(timer);
      stream.close();
    }
  }

  /** Makes the next call log in anew. */
  forgetLogin(): void {
    this.#token = null;
  }

  async #withLogin<T>(
    endpoint: Endpoint,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T>,
  ): Promise<T> {
    if (this.#username === "") return await attempt();
    // Twice: a token ends after five minutes unused, with a restart of its
    // member, and when users change; the second attempt has a new one.
    if (this.#token === null) await this.#login(endpoint, signal);
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof EndpointError) || error.kind !== "auth") {
        throw error;
      }
      await this.#login(endpoint, signal);
      return await attempt();
    }
  }

  async #login(endpoint: Endpoint, signal?: AbortSignal): Promise<void> {
    this.#token = "";
    const { status, text } = await this.#post(endpoint, "auth/authenticate", {
      name: this.#username,
      password: this.#password,
    }, { signal });
    const answer = parseObject(text);
    if (status === 200 && typeof answer?.["token"] === "string") {
      this.#token = answer["token"];
      return;
    }
    this.#token = null;
    const { message } = statusOf(answer);
    // clientv3 goes on without a token then, and so does flannel.
    if (/authentication is not enabled/.test(message)) {
      this.#token = "";
      return;
    }
    if (/authentication failed|user name|invalid user/i.test(message)) {
      throw new EndpointError(
        "auth",
        `etcd refuses the password of user "${this.#username}"`,
        { final: true, maybeDone: false },
      );
    }
    throw statusError(status, answer, text);
  }

  async #post(
    endpoint: Endpoint,
    method: string,
    message: unknown,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly leaderless?: boolean;
    },
  ): Promise<HttpAnswer> {
    const known = this.#prefixes.get(endpoint);
    let answer: HttpAnswer | undefined;
    for (const prefix of known ? [known] : PREFIXES) {
      answer = await this.transport.request(endpoint, {
        method: "POST",
        path: `${prefix}/${method}`,
        headers: this.#headers(options.leaderless ?? false),
        body: JSON.stringify(message),
      }, options.signal);
      // An unknown path is answered in plain text, an unknown key or lease in
      // JSON.
      if (answer.status !== 404 || parseObject(answer.text)) {
        if (answer.status === 200) this.#prefixes.set(endpoint, prefix);
        return answer;
      }
    }
    if (!answer) throw new EndpointError("api", "No path of the v3 gateway");
    return answer;
  }

  #headers(leaderless: boolean): Record<string, string> {
    return {
      "Content-Type": "application/json",
      ...(leaderless ? {} : { "Grpc-Metadata-Hasleader": "true" }),
      ...(this.#token ? { Authorization: this.#token } : {}),
    };
  }
}

/** JSON that is an object, else null. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}

/** Code and message of a gateway's error, in its unary or its stream form. */
export function statusOf(answer: unknown): V3Status {
  const fields = answer as Record<string, unknown> | null;
  const inner = fields?.["error"];
  const body = typeof inner === "object" && inner !== null
    ? inner as Record<string, unknown>
    : fields ?? {};
  const code = body["grpc_code"] ?? body["code"];
  const message = body["message"] ?? body["error"];
  return {
    code: typeof code === "number" ? code : -1,
    message: typeof message === "string" ? message : "",
  };
}

/** The error for an answer that is not the one asked for. */
export function statusError(
  status: number,
  answer: Record<string, unknown> | null,
  text: string,
): EndpointError {
  const { code, message } = statusOf(answer);
  if (
    code === CODE.unauthenticated || code === CODE.permissionDenied ||
    isAuthMessage(message)
  ) return authError(message);
  if (DEFINITE.has(code)) return new V3Error(code, message);
  if (message !== "") {
    const definite =
      /no leader|not capable|too many requests|request is too large/
        .test(message);
    return new EndpointError("http", `etcd answers: ${message}`, {
      maybeDone: !definite,
      final: code === CODE.invalidArgument,
    });
  }
  if (status === 404) {
    return new EndpointError(
      "api",
      "The endpoint has no v3 API (the JSON gateway of etcd 3.2 and newer)",
      { maybeDone: false },
    );
  }
  if (status === 401 || status === 403) return authError(`HTTP ${status}`);
  if (status === 200) {
    return new EndpointError(
      "not-etcd",
      `The answer is not etcd's: ${excerpt(text)}`,
    );
  }
  return new EndpointError("http", `The endpoint answers HTTP ${status}`);
}

function isAuthMessage(message: string): boolean {
  return /user name is empty|user name not found|invalid auth token|permission denied|revision of auth store is old|PermissionDenied/i
    .test(message);
}

function authError(message: string): EndpointError {
  return new EndpointError(
    "auth",
    /user name is empty/.test(message)
      ? "etcd requires a user and a password (--etcd-username, --etcd-password)"
      : `etcd refuses access: ${message.replace(/^etcdserver: /, "")}`,
    { final: true, maybeDone: false },
  );
}

/** The beginning of a text, on one line, quoted. */
export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line === ""
    ? "it is empty"
    : `"${line.length > 60 ? `${line.slice(0, 60)}…` : line}"`;
}
