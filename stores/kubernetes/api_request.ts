/**
 * Requests as Kubernetes' roles see them: a verb and a resource.
 *
 * @module
 */

/** Verbs and resources that flandoc needs; a role is written from these. */
export type ApiRequest =
  | { readonly verb: "get"; readonly resource: "nodes"; readonly name: string }
  | {
    readonly verb: "get";
    readonly resource: "pods" | "configmaps";
    readonly namespace: string;
    readonly name: string;
  }
  | {
    readonly verb: "list" | "watch";
    readonly resource: "nodes";
    readonly query: Readonly<Record<string, string>>;
  }
  | {
    readonly verb: "patch";
    readonly resource: "nodes/status";
    readonly name: string;
    /** Strategic-merge patch. */
    readonly patch: unknown;
  };

/** Path and query of a request. */
export function apiPath(request: ApiRequest): string {
  switch (request.verb) {
    case "get": {
      const name = encodeURIComponent(request.name);
      if (request.resource === "nodes") return `/api/v1/nodes/${name}`;
      const namespace = encodeURIComponent(request.namespace);
      return `/api/v1/namespaces/${namespace}/${request.resource}/${name}`;
    }
    case "patch":
      return `/api/v1/nodes/${encodeURIComponent(request.name)}/status`;
    default: {
      const query = new URLSearchParams(request.query);
      if (request.verb === "watch") query.set("watch", "true");
      return `/api/v1/nodes?${query}`;
    }
  }
}

/** `get nodes "a"`, for messages. */
export function describeRequest(request: ApiRequest): string {
  const what = `${request.verb} ${request.resource}`;
  if ("query" in request) return what;
  return "namespace" in request
    ? `${what} "${request.namespace}/${request.name}"`
    : `${what} "${request.name}"`;
}
