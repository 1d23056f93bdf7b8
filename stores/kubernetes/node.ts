/**
 * What flannel needs of a Kubernetes node.
 *
 * @module
 */
import { KubernetesError } from "./kubernetes_error.ts";

/** A node, without the rest: images alone may be ten times as much. */
export interface KubeNode {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** RFC 3339. */
  readonly created: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** `podCIDRs`, or `podCIDR` alone, as written; empty when not assigned. */
  readonly podCIDRs: readonly string[];
  /** Condition NetworkUnavailable, or null when there is none. */
  readonly networkUnavailable: {
    readonly status: string;
    readonly reason: string;
  } | null;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * Reads a Node object of the API.
 *
 * @throws {KubernetesError} of kind `not-kubernetes` when it has no name
 */
export function parseNode(object: unknown): KubeNode {
  const { metadata, spec, status } = fieldsOf(object);
  const meta = fieldsOf(metadata);
  const name = textOf(meta["name"]);
  if (name === "") {
    throw new KubernetesError(
      "not-kubernetes",
      "Cannot read node: expected an object with metadata.name",
    );
  }
  const { podCIDR, podCIDRs } = fieldsOf(spec);
  const several = listOf(podCIDRs).map(textOf).filter((text) => text !== "");
  const single = textOf(podCIDR);
  const annotations = Object.entries(fieldsOf(meta["annotations"]))
    .filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return {
    name,
    uid: textOf(meta["uid"]),
    resourceVersion: textOf(meta["resourceVersion"]),
    created: textOf(meta["creationTimestamp"]),
    annotations: Object.fromEntries(annotations),
    podCIDRs: several.length > 0 ? several : single === "" ? [] : [single],
    networkUnavailable: conditionOf(fieldsOf(status)),
  };
}

function conditionOf(status: Fields): KubeNode["networkUnavailable"] {
  const condition = listOf(status["conditions"]).map(fieldsOf)
    .find(({ type }) => type === "NetworkUnavailable");
  return condition === undefined ? null : {
    status: textOf(condition["status"]),
    reason: textOf(condition["reason"]),
  };
}
