import { abortableBody, untilAborted } from "./abortable.ts";
import { classifyError } from "./classify_error.ts";
import { Deadline } from "./deadline.ts";
import { type Endpoint, endpointUrl, parseEndpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import { createHttpClient } from "./http_client.ts";
import { ReloadingClient } from "./reloading_client.ts";
import { type EtcdOptions, StoreUnavailable } from "./store.ts";

/** One HTTP request. */
export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Path and query, such as `/v2/keys/a?quorum=true`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A complete answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** An answer whose body still comes. */
export interface HttpStream {
  readonly status: number;
  readonly headers: Headers;
  /** To be read once; throws the signal's reason when that aborts. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Hangs up; to be called in every case. */
  close(): void;
}

/** An answer larger than this is none of etcd's, bytes. */
const BODY_LIMIT = 128 * 1024 * 1024;

/**
 * The limit of an answer that does not begin as JSON, bytes: something that
 * pours out other text is to be told within the deadline on a slow machine,
 * too.
 */
const TEXT_LIMIT = 1024 * 1024;

/**
 * HTTP to the members of one etcd cluster: a deadline on every request, and
 * failover that begins at the endpoint which answered last.
 */
export class Transport {
  readonly endpoints: readonly Endpoint[];
  readonly timeoutMs: number;
  readonly #options: EtcdOptions;
  readonly #closing = new AbortController();
  readonly #client: ReloadingClient;
  #pinned = 0;

  constructor(options: EtcdOptions) {
    const secure = Boolean(options.certfile || options.cafile);
    this.endpoints = options.endpoints.map((text) =>
      parseEndpoint(text, secure)
    );
    this.timeoutMs = options.timeoutMs ?? 3_000;
    this.#options = options;
    const { cafile, certfile, keyfile } = options;
    this.#client = new ReloadingClient({
      files: [cafile, certfile, keyfile].filter((file) => file !== undefined),
      make: () => createHttpClient(options),
    });
  }

  /** Aborts when the transport is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends everything under way and frees the connections. */
  close(): void {
    if (this.closed.aborted) return;
    this.#closing.abort(new Error("Store is closed"));
    this.#client.close();
  }

  /** The endpoint that answered last, else the first; null without any. */
  get current(): Endpoint | null {
    return this.endpoints[this.#pinned] ?? null;
  }

  /** Makes the endpoint the first one asked. */
  pin(endpoint: Endpoint): void {
    const index = this.endpoints.indexOf(endpoint);
    if (index >= 0) this.#pinned = index;
  }

  /** Makes the one after this endpoint the first one asked. */
  skip(endpoint: Endpoint): void {
    const index = this.endpoints.indexOf(endpoint);
    if (index >= 0 && index === this.#pinned) {
      this.#pinned = (index + 1) % this.endpoints.length;
    }
  }

  /**
   * Runs `attempt` at one endpoint after the other until one succeeds.
   *
   * @param action for the message: `Cannot ACTION: …`
   * @param options `repeat: false` for what must not be done twice: then an
   * endpoint that may have done it is the last one asked.
   * @throws {StoreUnavailable} when none succeeds, and the signal's reason.
   */
  async failover<T>(
    action: string,
    attempt: (endpoint: Endpoint) => Promise<T>,
    options: { readonly repeat?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const causes: { endpoint: string; error: string; kind: string }[] = [];
    const count = this.endpoints.length;
    const first = this.#pinned;
    for (let i = 0; i < count; i++) {
      const endpoint = this.endpoints[(first + i) % count];
      if (!endpoint) break;
      options.signal?.throwIfAborted();
      try {
        const result = await attempt(endpoint);
        this.pin(endpoint);
        return result;
      } catch (error) {
        options.signal?.throwIfAborted();
        this.closed.throwIfAborted();
        if (!(error instanceof EndpointError)) throw error;
        const { kind, message } = error;
        causes.push({ endpoint: endpoint.name, error: message, kind });
        if (error.final) break;
        if (options.repeat === false && error.maybeDone) break;
      }
    }
    const detail = count === 0
      ? "no etcd endpoint is given"
      : causes.map(({ endpoint, error }) => `${endpoint}: ${error}`).join("; ");
    throw new StoreUnavailable(`Cannot ${action}: ${detail}`, causes);
  }

  /**
   * One request, answer and body within the deadline.
   *
   * @throws {EndpointError}
   */
  async request(
    endpoint: Endpoint,
    request: HttpRequest,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    const deadline = new Deadline(this.timeoutMs, [signal, this.closed]);
    try {
      return await this.#twice(endpoint, request, deadline, async () => {
        const response = await this.#fetch(endpoint, request, deadline.signal);
        const text = await readText(response, deadline.signal);
        return { status: response.status, headers: response.headers, text };
      });
    } finally {
      deadline.clear();
    }
  }

  /**
   * Sends a request whose answer has no end. The deadline holds up to the
   * headers; the body ends with the signal, with the server, or by `close`.
   *
   * @throws {EndpointError}
   */
  async open(
    endpoint: Endpoint,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<HttpStream> {
    const deadline = new Deadline(this.timeoutMs, [signal, this.closed]);
    try {
      const response = await this.#twice(
        endpoint,
        request,
        deadline,
        () => this.#fetch(endpoint, request, deadline.signal),
      );
      deadline.disarm();
      return {
        status: response.status,
        headers: response.headers,
        body: this.#explained(endpoint, response, deadline),
        close: () => {
          deadline.cancel();
          // Where nobody reads, nobody else frees the connection.
          if (!response.body?.locked) response.body?.cancel().catch(() => {});
        },
      };
    } catch (error) {
      deadline.clear();
      throw error;
    }
  }

  async #fetch(
    endpoint: Endpoint,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const init: RequestInit & { client?: Deno.HttpClient } = {
      method: request.method,
      redirect: "manual",
      signal,
      headers: { ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
      client: this.#client.get(),
    };
    const fetching = fetch(endpointUrl(endpoint, request.path), init);
    return await untilAborted(fetching, signal);
  }

  /**
   * Runs `attempt` and puts what it throws into words. A connection that was
   * closed is tried once more where the request changes nothing: a pooled
   * connection may have died with a server that is back since.
   */
  async #twice<T>(
    endpoint: Endpoint,
    request: HttpRequest,
    deadline: Deadline,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const reading = request.method === "GET" || isRead(request.path);
    for (let round = reading ? 0 : 1;; round++) {
      try {
        return await attempt();
      } catch (error) {
        const failure = this.#explain(endpoint, error, deadline);
        if (failure.kind !== "closed" || round > 0) {
          throw await this.#diagnose(endpoint, failure, deadline);
        }
      }
    }
  }

  async *#explained(
    endpoint: Endpoint,
    response: Response,
    deadline: Deadline,
  ): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* abortableBody(response, deadline.signal);
    } catch (error) {
      throw this.#explain(endpoint, error, deadline);
    }
  }

  #explain(
    endpoint: Endpoint,
    error: unknown,
    deadline: Deadline,
  ): EndpointError {
    if (deadline.expired) {
      return new EndpointError(
        "timeout",
        `No answer within ${this.timeoutMs} ms`,
      );
    }
    deadline.signal.throwIfAborted();
    return classifyError(error, {
      endpoint,
      cafile: this.#options.cafile,
      certfile: this.#options.certfile,
    });
  }

  async #diagnose(
    endpoint: Endpoint,
    failure: EndpointError,
    deadline: Deadline,
  ): Promise<EndpointError> {
    if (failure.kind !== "closed" && failure.kind !== "scheme") return failure;
    // Loaded when something is wrong: a start does without.
    const { diagnoseClosed } = await import("./diagnose_closed.ts");
    const found = await diagnoseClosed(
      endpoint,
      { certfile: this.#options.certfile },
      Math.min(1_000, this.timeoutMs),
    );
    deadline.signal.throwIfAborted();
    if (!found) return failure;
    // What the probe found explains this failure, but does not prove that the
    // request was not carried out.
    const { maybeDone } = failure;
    return new EndpointError(found.kind, found.message, { maybeDone });
  }
}

/** Requests of the v3 gateway are all POST; these change nothing. */
function isRead(path: string): boolean {
  return /\/(range|timetolive|status|watch)$/.test(path) ||
    path.endsWith("/maintenance/alarm");
}

async function readText(
  response: Response,
  signal: AbortSignal,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  let limit = TEXT_LIMIT;
  for await (const chunk of abortableBody(response, signal)) {
    size += chunk.length;
    text += decoder.decode(chunk, { stream: true });
    if (size > limit && /^\s*[{[]/.test(text)) limit = BODY_LIMIT;
    if (size > limit) {
      throw new EndpointError(
        "not-etcd",
        `The answer has more than ${limit} bytes`,
      );
    }
  }
  return text + decoder.decode();
}
