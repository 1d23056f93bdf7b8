import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes_error.ts";
import { type KubeNode, parseNode } from "./node.ts";

/** Nodes at one moment. */
export interface NodeList {
  readonly nodes: readonly KubeNode[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
}

/**
 * Nodes in one page: a node may have 15 kB. With 500, which client-go takes,
 * reading 5,000 nodes needs 50 MB more and no less time.
 */
const PAGE = 100;

/** Pages that grew too old under the reading, before all is asked at once. */
const STALE_PAGES = 3;

/** What to list or watch. */
export interface NodeSelection {
  /** Only the node of this name. @default all */
  readonly name?: string;
  /** @default 100 */
  readonly pageSize?: number;
}

/** The query that selects nodes. */
export function selectorOf(
  { name }: NodeSelection,
): Readonly<Record<string, string>> {
  return name === undefined ? {} : { fieldSelector: `metadata.name=${name}` };
}

/**
 * All nodes, page by page. When the server forgets where the pages come from
 * (410) it is begun anew, and in the end everything is asked in one answer.
 *
 * @throws {KubernetesError}, or the signal's reason
 */
export async function listNodes(
  client: KubernetesClient,
  selection: NodeSelection = {},
  signal?: AbortSignal,
): Promise<NodeList> {
  for (let round = 1;; round++) {
    const limit = round > STALE_PAGES ? null : selection.pageSize ?? PAGE;
    try {
      return await listPages(client, selection, limit, signal);
    } catch (error) {
      const stale = error instanceof KubernetesError && error.kind === "gone";
      if (!stale || limit === null) throw error;
    }
  }
}

async function listPages(
  client: KubernetesClient,
  selection: NodeSelection,
  limit: number | null,
  signal: AbortSignal | undefined,
): Promise<NodeList> {
  const nodes: KubeNode[] = [];
  for (let next = "";;) {
    const answer = await client.request({
      verb: "list",
      resource: "nodes",
      query: {
        ...selectorOf(selection),
        ...limit === null ? {} : { limit: String(limit) },
        ...next === "" ? {} : { continue: next },
      },
    }, signal);
    const page = answer as {
      readonly items?: unknown;
      readonly metadata?: {
        readonly continue?: unknown;
        readonly resourceVersion?: unknown;
      };
    } | null;
    const version = page?.metadata?.resourceVersion;
    if (!Array.isArray(page?.items) || typeof version !== "string") {
      throw new KubernetesError(
        "not-kubernetes",
        "Cannot list nodes: expected a NodeList",
      );
    }
    for (const item of page.items) nodes.push(parseNode(item));
    const token = page.metadata?.continue;
    next = typeof token === "string" ? token : "";
    if (next === "") return { nodes, resourceVersion: version };
  }
}
