/**
 * This host's own node in Kubernetes.
 *
 * @module
 */
import type { KubernetesClient } from "../stores/kubernetes/client.ts";
import { type KubeNode, parseNode } from "../stores/kubernetes/node.ts";
import {
  findNodeName,
  type PodIdentity,
} from "../stores/kubernetes/node_name.ts";

/** The condition's texts, as flannel has them. */
const REASON = "FlannelIsUp";
const MESSAGE = "Flannel is running on this node";

/** Reads and writes the own node. */
export class KubeOwnNode {
  readonly #client: KubernetesClient;
  readonly #identity: PodIdentity;
  #name: string | null = null;

  constructor(client: KubernetesClient, identity: PodIdentity) {
    this.#client = client;
    this.#identity = identity;
  }

  /** Name of the node; asked of the API when no variable tells it. */
  async name(signal: AbortSignal): Promise<string> {
    return this.#name ??= await findNodeName(
      this.#client,
      this.#identity,
      signal,
    );
  }

  /** The node as it is now. Throws a KubernetesError. */
  async get(signal: AbortSignal): Promise<KubeNode> {
    const name = await this.name(signal);
    return parseNode(
      await this.#client.request(
        { verb: "get", resource: "nodes", name },
        signal,
      ),
    );
  }

  /**
   * Writes annotations; the node as it is then. flannel patches the status
   * subresource, so that its role need not touch anything else of nodes.
   */
  async annotate(
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<KubeNode> {
    return await this.#patch({ metadata: { annotations } }, signal);
  }

  /** Tells the scheduler that the network is there. */
  async setNetworkAvailable(
    signal: AbortSignal,
    now: Date = new Date(),
  ): Promise<KubeNode> {
    const time = now.toISOString().replace(/\.\d+/, "");
    return await this.#patch({
      status: {
        conditions: [{
          type: "NetworkUnavailable",
          status: "False",
          reason: REASON,
          message: MESSAGE,
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        }],
      },
    }, signal);
  }

  async #patch(patch: unknown, signal: AbortSignal): Promise<KubeNode> {
    const name = await this.name(signal);
    return parseNode(
      await this.#client.request({
        verb: "patch",
        resource: "nodes/status",
        name,
        patch,
      }, signal),
    );
  }
}
