/**
 * A Kubernetes API server for tests: nodes and pods in memory, with the list,
 * watch and patch semantics that clients depend on (resource versions, pages
 * with continue tokens, bookmarks, 410 after compaction, strategic merge on
 * the status subresource, bearer tokens, roles). Every request is recorded.
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts.
 *
 * @module
 */
/** A request as roles see it. */
export interface RecordedRequest {
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: unknown;
  readonly token: string;
  readonly status: number;
}

/** A Node object, the part that matters. */
export interface FakeNode {
  metadata: {
    name: string;
    uid: string;
    resourceVersion: string;
    creationTimestamp: string;
    annotations: Record<string, string>;
    labels: Record<string, string>;
  };
  spec: { podCIDR?: string; podCIDRs?: string[]; [key: string]: unknown };
  status: {
    conditions: { type: string; status: string; [key: string]: unknown }[];
    [key: string]: unknown;
  };
}

/** What a new node has. */
export interface NewNode {
  readonly podCIDRs?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Options of {@linkcode FakeKubeApi}. */
export interface FakeKubeApiOptions {
  /** PEM texts; without them plain HTTP is served. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** @default 0, any */
  readonly port?: number;
}

interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly node: FakeNode;
}

type Write = (line: unknown) => void;

const encoder = new TextEncoder();

/** The server, to be held by `await using`. */
export class FakeKubeApi implements AsyncDisposable {
  /** Every request in the order of their answers. */
  readonly requests: RecordedRequest[] = [];
  /** Tokens that are accepted; null for all, none included. */
  tokens: readonly string[] | null = null;
  /** Pairs `verb resource` that roles do not allow. */
  readonly forbidden = new Set<string>();
  /** While set, requests are not answered. */
  frozen = false;
  /** Answers to give in place of the next ones. */
  readonly failures: Response[] = [];
  /** Verbs the failures are for. @default all */
  failing: readonly string[] | null = null;
  readonly #nodes = new Map<string, FakeNode>();
  readonly #pods = new Map<string, { nodeName?: string }>();
  readonly #configMaps = new Map<string, Readonly<Record<string, string>>>();
  readonly #watches = new Map<Write, () => void>();
  readonly #history: Change[] = [];
  /** What watches are to get when the server goes on. */
  readonly #held: Change[] = [];
  readonly #pages = new Map<string, FakeNode[]>();
  readonly #gate = { open: () => {}, wait: Promise.resolve() };
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();
  readonly #secure: boolean;
  #version = 100;
  #compacted = 0;

  constructor(options: FakeKubeApiOptions = {}) {
    this.#secure = options.tls !== undefined;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: options.port ?? 0,
      signal: this.#stop.signal,
      onListen: () => {},
      ...options.tls ?? {},
    }, (request) => this.#serve(request)) as Deno.HttpServer<Deno.NetAddr>;
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http${this.#secure ? "s" : ""}://127.0.0.1:${this.port}`;
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#watches.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    this.closeWatches();
    // Its clients are done. Deno 2.7 may wait for ever for one that has left.
    this.#stop.abort();
    await this.#server.finished;
  }

  // What the cluster does.

  addNode(name: string, wanted: NewNode = {}): FakeNode {
    const cidrs = [...wanted.podCIDRs ?? []];
    const node: FakeNode = {
      metadata: {
        name,
        uid: crypto.randomUUID(),
        resourceVersion: "",
        creationTimestamp: new Date(1.7e12 + this.#version * 1000)
          .toISOString(),
        annotations: { ...wanted.annotations },
        labels: { "kubernetes.io/os": "linux" },
      },
      spec: cidrs.length === 0 ? {} : { podCIDR: cidrs[0]!, podCIDRs: cidrs },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    };
    this.#nodes.set(name, node);
    this.#changed("ADDED", node);
    return node;
  }

  /** A copy of a node, as it is now. */
  node(name: string): FakeNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`There is no node ${name}`);
    return structuredClone(node);
  }

  /** Changes a node as kubectl would. */
  editNode(name: string, edit: (node: FakeNode) => void): void {
    const node = this.node(name);
    edit(node);
    this.#nodes.set(name, node);
    this.#changed("MODIFIED", node);
  }

  deleteNode(name: string): void {
    const node = this.node(name);
    this.#nodes.delete(name);
    this.#changed("DELETED", node);
  }

  /** A pod; without a node it is not scheduled. */
  addPod(namespace: string, name: string, nodeName?: string): void {
    this.#pods.set(
      `${namespace}/${name}`,
      nodeName === undefined ? {} : { nodeName },
    );
  }

  /** A ConfigMap, in place of one of its name. */
  addConfigMap(
    namespace: string,
    name: string,
    data: Readonly<Record<string, string>>,
  ): void {
    this.#configMaps.set(`${namespace}/${name}`, data);
  }

  // What the server does.

  /** Forgets the history: older watches get 410, and so do pages. */
  compact(): void {
    this.#history.length = 0;
    this.#compacted = this.#version;
    this.#pages.clear();
  }

  /** Ends all watches, as at the end of their time. */
  closeWatches(): void {
    for (const close of [...this.#watches.values()]) close();
  }

  /** Tells all watches the version, and nothing else. */
  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version) };
    const object = { kind: "Node", apiVersion: "v1", metadata };
    for (const write of this.#watches.keys()) {
      write({ type: "BOOKMARK", object });
    }
  }

  /** Sends a line as it is to all watches. */
  sendRaw(line: unknown): void {
    for (const write of this.#watches.keys()) write(line);
  }

  /** Takes connections and does not answer. */
  freeze(): void {
    this.frozen = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate.wait = promise;
    this.#gate.open = resolve;
  }

  thaw(): void {
    this.frozen = false;
    for (const change of this.#held.splice(0)) this.#tell(change);
    this.#gate.open();
  }

  /** Verbs and resources that were asked for, without doubles, sorted. */
  rules(): string[] {
    return [...new Set(this.requests.map((r) => `${r.verb} ${r.resource}`))]
      .filter((rule) => !rule.endsWith("/version"))
      .sort();
  }

  /** Requests of one verb and resource. */
  asked(verb: string, resource: string): RecordedRequest[] {
    return this.requests.filter((r) =>
      r.verb === verb && r.resource === resource
    );
  }

  #changed(type: Change["type"], node: FakeNode): void {
    node.metadata.resourceVersion = String(++this.#version);
    const change = {
      version: this.#version,
      type,
      node: structuredClone(node),
    };
    this.#history.push(change);
    if (this.frozen) this.#held.push(change);
    else this.#tell(change);
  }

  #tell(change: Change): void {
    for (const write of this.#watches.keys()) write(lineOf(change));
  }

  async #serve(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const target = targetOf(request.method, url);
    const text = await request.text();
    if (this.frozen) await this.#gate.wait;
    const token = (request.headers.get("authorization") ?? "")
      .replace("Bearer ", "");
    const body: unknown = text === "" ? null : JSON.parse(text);
    const contentType = request.headers.get("content-type") ?? "";
    const query = Object.fromEntries(url.searchParams);
    const response = this.#refused(target, token) ??
      this.#answer(target, query, contentType, body);
    this.requests.push({
      ...target,
      query,
      contentType,
      body,
      token,
      status: response.status,
    });
    return response;
  }

  #refused(
    { verb, resource }: Target,
    token: string,
  ): Response | null {
    if (this.failing === null || this.failing.includes(verb)) {
      const failure = this.failures.shift();
      if (failure !== undefined) return failure;
    }
    if (resource === "/version") return null;
    if (this.tokens !== null && !this.tokens.includes(token)) {
      return status(401, "Unauthorized", "Unauthorized");
    }
    if (!this.forbidden.has(`${verb} ${resource}`)) return null;
    const message =
      `${resource} is forbidden: User "system:serviceaccount:kube-system:flandoc" cannot ${verb} resource "${resource}" in API group "" at the cluster scope`;
    return status(403, "Forbidden", message);
  }

  #answer(
    { verb, resource, name }: Target,
    query: Readonly<Record<string, string>>,
    contentType: string,
    body: unknown,
  ): Response {
    switch (`${verb} ${resource}`) {
      case "get /version":
        return Response.json({ major: "1", gitVersion: "v1.34.1" });
      case "get pods":
        return this.#getPod(name);
      case "get configmaps":
        return this.#getConfigMap(name);
      case "get nodes":
        return this.#getNode(name);
      case "list nodes":
        return this.#list(query);
      case "watch nodes":
        return this.#watch(query);
      case "patch nodes/status":
        return contentType === "application/strategic-merge-patch+json"
          ? this.#patchStatus(name, body)
          : status(415, "UnsupportedMediaType", `not ${contentType}`);
      default:
        return status(404, "NotFound", "the server could not find it");
    }
  }

  #getConfigMap(name: string): Response {
    const data = this.#configMaps.get(name);
    return data === undefined
      ? status(404, "NotFound", `configmaps "${name}" not found`)
      : Response.json({ kind: "ConfigMap", apiVersion: "v1", data });
  }

  #getPod(name: string): Response {
    const pod = this.#pods.get(name);
    return pod === undefined
      ? status(404, "NotFound", `pods "${name}" not found`)
      : Response.json({ kind: "Pod", metadata: { name }, spec: pod });
  }

  #getNode(name: string): Response {
    const node = this.#nodes.get(name);
    return node === undefined
      ? status(404, "NotFound", `nodes "${name}" not found`)
      : Response.json({ kind: "Node", apiVersion: "v1", ...node });
  }

  #list(query: Readonly<Record<string, string>>): Response {
    const token = query["continue"] ?? "";
    const all = token === "" ? this.#selected(query) : this.#pages.get(token);
    if (all === undefined) {
      return status(
        410,
        "Expired",
        "The provided continue parameter is too old",
      );
    }
    const limit = Number(query["limit"] ?? "0") || all.length;
    const rest = all.slice(limit);
    const next = rest.length === 0 ? "" : crypto.randomUUID();
    if (next !== "") this.#pages.set(next, rest);
    return Response.json({
      kind: "NodeList",
      apiVersion: "v1",
      metadata: {
        resourceVersion: String(this.#version),
        ...next === "" ? {} : { continue: next },
      },
      items: all.slice(0, limit),
    });
  }

  #selected(query: Readonly<Record<string, string>>): FakeNode[] {
    const isSelected = selector(query);
    return [...this.#nodes.values()].filter(isSelected)
      .map((node) => structuredClone(node));
  }

  #watch(query: Readonly<Record<string, string>>): Response {
    const from = Number(query["resourceVersion"]);
    if (from < this.#compacted) {
      return status(410, "Expired", `too old resource version: ${from}`);
    }
    const isSelected = selector(query);
    const missed = this.#history.filter(({ version }) => version > from);
    let write: Write;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const raw = (line: unknown) =>
          controller.enqueue(encoder.encode(
            typeof line === "string" ? line : `${JSON.stringify(line)}\n`,
          ));
        write = (line) => {
          const { object } = line as { object?: FakeNode };
          const named = object?.spec !== undefined;
          if (!named || isSelected(object)) raw(line);
        };
        this.#watches.set(write, () => {
          this.#watches.delete(write);
          controller.close();
        });
        for (const change of missed) write(lineOf(change));
      },
      cancel: () => void this.#watches.delete(write),
    });
    return new Response(body, {
      headers: { "content-type": "application/json" },
    });
  }

  #patchStatus(name: string, patch: unknown): Response {
    if (!this.#nodes.has(name)) return this.#getNode(name);
    const { metadata, status: state } = patch as {
      readonly metadata?: {
        readonly annotations?: Readonly<Record<string, string | null>>;
      };
      readonly status?: {
        readonly conditions?: FakeNode["status"]["conditions"];
      };
    };
    const before = JSON.stringify(this.node(name));
    const node = this.node(name);
    const { annotations } = node.metadata;
    for (const [key, value] of Object.entries(metadata?.annotations ?? {})) {
      if (value === null) delete annotations[key];
      else annotations[key] = value;
    }
    // Conditions are merged by their type; spec is not touched by /status.
    for (const condition of state?.conditions ?? []) {
      const { conditions } = node.status;
      const at = conditions.findIndex(({ type }) => type === condition.type);
      if (at < 0) conditions.push(condition);
      else conditions[at] = { ...conditions[at], ...condition };
    }
    // A patch that changes nothing makes no new version.
    if (JSON.stringify(node) !== before) {
      this.#nodes.set(name, node);
      this.#changed("MODIFIED", node);
    }
    return this.#getNode(name);
  }
}

function lineOf({ type, node }: Change) {
  return { type, object: { kind: "Node", apiVersion: "v1", ...node } };
}

function selector(
  query: Readonly<Record<string, string>>,
): (node: FakeNode) => boolean {
  const name = /^metadata\.name=(.+)$/.exec(query["fieldSelector"] ?? "")?.[1];
  return (node) => name === undefined || node.metadata.name === name;
}

interface Target {
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
}

function targetOf(method: string, url: URL): Target {
  const { pathname, searchParams } = url;
  const node = /^\/api\/v1\/nodes(?:\/([^/]+)(\/status)?)?$/.exec(pathname);
  if (node !== null) {
    const [, name, status] = node;
    const read = name !== undefined
      ? "get"
      : searchParams.get("watch") === "true"
      ? "watch"
      : "list";
    return {
      verb: method === "GET" ? read : method.toLowerCase(),
      resource: status === undefined ? "nodes" : "nodes/status",
      name: decodeURIComponent(name ?? ""),
    };
  }
  const [, namespace, resource, name] =
    /^\/api\/v1\/namespaces\/([^/]+)\/(pods|configmaps)\/([^/]+)$/
      .exec(pathname) ?? [];
  return resource === undefined
    ? { verb: method.toLowerCase(), resource: pathname, name: "" }
    : { verb: "get", resource, name: `${namespace}/${name}` };
}

function status(code: number, reason: string, message: string): Response {
  return Response.json(
    {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      reason,
      message,
      code,
    },
    { status: code },
  );
}
