/**
 * HTTP to one Kubernetes API server.
 *
 * @module
 */
import { abortableBody, untilAborted } from "../abortable.ts";
import { classifyError } from "../classify_error.ts";
import { Deadline } from "../deadline.ts";
import { parseEndpoint } from "../endpoint.ts";
import { EndpointError } from "../endpoint_error.ts";
import { createPemClient } from "../http_client.ts";
import { readLines } from "../read_lines.ts";
import { ReloadingClient } from "../reloading_client.ts";
import type { KubernetesAccess, Pem } from "./access.ts";
import { apiPath, type ApiRequest, describeRequest } from "./api_request.ts";
import { BearerToken } from "./bearer_token.ts";
import { KubernetesError } from "./kubernetes_error.ts";
import { refusal } from "./refusal.ts";

/** Options of {@linkcode KubernetesClient}. */
export interface KubernetesClientOptions {
  readonly access: KubernetesAccess;
  /** Deadline of a request, milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Reads the token's file. @default Deno.readTextFileSync */
  readonly readText?: (path: string) => string;
  /** Told of every answer, of none with status 0: for metrics. */
  readonly onAnswer?: (verb: string, status: number, ms: number) => void;
}

const JSON_TYPE = "application/json";
const STRATEGIC = "application/strategic-merge-patch+json";

/** Requests with a deadline each; see {@linkcode ApiRequest}. */
export class KubernetesClient {
  readonly access: KubernetesAccess;
  readonly #options: KubernetesClientOptions;
  readonly #timeoutMs: number;
  readonly #token: BearerToken;
  readonly #closing = new AbortController();
  readonly #client: ReloadingClient;

  /** @throws {KubernetesError} of kind `config` for certificates at fault */
  constructor(options: KubernetesClientOptions) {
    const { access, readText } = options;
    this.access = access;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#token = new BearerToken({
      token: access.token,
      tokenFile: access.tokenFile,
      ...readText === undefined ? {} : { readText },
    });
    const { ca, cert, key } = access;
    const read = readText ?? Deno.readTextFileSync;
    const again = (pem: Pem | null) =>
      pem?.file === undefined ? pem : { ...pem, text: read(pem.file) };
    this.#client = new ReloadingClient({
      files: [ca, cert, key].flatMap((pem) => pem?.file ?? []),
      make: () =>
        createPemClient({ ca: again(ca), cert: again(cert), key: again(key) }),
    });
    try {
      this.#client.get();
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      throw new KubernetesError("config", error.message);
    }
  }

  /** Ends everything under way and frees the connections. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new Error("Client is closed"));
    this.#client.close();
  }

  /**
   * One request; the answer's JSON.
   *
   * @throws {KubernetesError}, or the signal's reason
   */
  async request(request: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    const deadline = this.#deadline(signal);
    try {
      const response = await this.#send(request, deadline);
      const text = await this.#text(response, request, deadline);
      return this.#decode(request, text);
    } finally {
      deadline.clear();
    }
  }

  /**
   * The server's version such as `v1.34.1`, and how long it took to say so.
   *
   * @throws {KubernetesError}, or the signal's reason
   */
  async version(
    signal?: AbortSignal,
  ): Promise<{ readonly version: string; readonly latencyMs: number }> {
    const deadline = this.#deadline(signal);
    const started = performance.now();
    try {
      // Everybody may ask for it: no role is needed.
      const response = await this.#guard(
        "ask for the version",
        deadline,
        () => this.#fetch("/version", { method: "GET" }, deadline),
      );
      const text = await readAll(response, deadline.signal);
      const latencyMs = performance.now() - started;
      const match = /"gitVersion":\s*"([^"]+)"/.exec(text);
      if (match === null) {
        throw new KubernetesError(
          "not-kubernetes",
          `What answers at ${this.access.server} is no Kubernetes API server`,
          { status: response.status },
        );
      }
      return { version: match[1]!, latencyMs };
    } finally {
      deadline.clear();
    }
  }

  /**
   * Lines of an answer without end. The deadline holds up to the headers.
   *
   * @param onOpen called when the server has begun to answer
   * @throws {KubernetesError}, or the signal's reason
   */
  async *lines(
    request: ApiRequest,
    signal: AbortSignal,
    onOpen?: () => void,
  ): AsyncGenerator<string, void, void> {
    const deadline = this.#deadline(signal);
    try {
      const response = await this.#send(request, deadline);
      deadline.disarm();
      onOpen?.();
      yield* readLines(abortableBody(response, deadline.signal));
    } catch (error) {
      throw this.#explain(describeRequest(request), error, deadline);
    } finally {
      deadline.cancel();
    }
  }

  #deadline(signal: AbortSignal | undefined): Deadline {
    return new Deadline(this.#timeoutMs, [signal, this.#closing.signal]);
  }

  /** Sends; a token that was refused is read again, once. */
  async #send(request: ApiRequest, deadline: Deadline): Promise<Response> {
    for (let round = 0;; round++) {
      const started = performance.now();
      const tell = (status: number) =>
        this.#options.onAnswer?.(
          request.verb,
          status,
          performance.now() - started,
        );
      const response = await this.#guard(
        describeRequest(request),
        deadline,
        () => this.#fetch(apiPath(request), initOf(request), deadline),
      ).catch((error) => {
        if (error instanceof KubernetesError) tell(0);
        throw error;
      });
      const { status, headers } = response;
      tell(status);
      if (response.ok) return response;
      const text = await this.#text(response, request, deadline);
      if (status === 401 && round === 0 && this.#token.refused()) continue;
      throw refusal(request, { status, headers, text }, this.access.source);
    }
  }

  async #fetch(
    path: string,
    init: RequestInit,
    deadline: Deadline,
  ): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Accept", JSON_TYPE);
    headers.set("User-Agent", "flandoc");
    const token = this.#token.get();
    if (token !== null) headers.set("Authorization", `Bearer ${token}`);
    const { signal } = deadline;
    const fetching = fetch(this.access.server + path, {
      ...init,
      headers,
      signal,
      redirect: "manual",
      client: this.#client.get(),
    });
    return await untilAborted(fetching, signal);
  }

  #text(
    response: Response,
    request: ApiRequest,
    deadline: Deadline,
  ): Promise<string> {
    return this.#guard(
      describeRequest(request),
      deadline,
      () => readAll(response, deadline.signal),
    );
  }

  #decode(request: ApiRequest, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new KubernetesError(
        "not-kubernetes",
        `Cannot ${
          describeRequest(request)
        }: the answer is not JSON: is ${this.access.server} a Kubernetes API server?`,
      );
    }
  }

  async #guard<T>(
    what: string,
    deadline: Deadline,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#explain(what, error, deadline);
    }
  }

  #explain(what: string, error: unknown, deadline: Deadline): unknown {
    if (error instanceof KubernetesError) return error;
    const { server, ca, cert } = this.access;
    if (deadline.expired) {
      return new KubernetesError(
        "timeout",
        `Cannot ${what}: no answer from ${server} within ${this.#timeoutMs} ms`,
      );
    }
    if (deadline.signal.aborted) return deadline.signal.reason;
    const { kind, message } = classifyError(error, {
      endpoint: parseEndpoint(server),
      cafile: ca?.source ?? "this system's trust store",
      certfile: cert?.source ?? "(none is configured)",
    });
    return new KubernetesError(
      kind === "not-etcd" ? "not-kubernetes" : kind,
      `Cannot ${what}: ${message}`,
    );
  }
}

function initOf(request: ApiRequest): RequestInit {
  if (request.verb !== "patch") return { method: "GET" };
  return {
    method: "PATCH",
    headers: { "Content-Type": STRATEGIC },
    body: JSON.stringify(request.patch),
  };
}

async function readAll(
  response: Response,
  signal: AbortSignal,
): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  for await (const chunk of abortableBody(response, signal)) {
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}
