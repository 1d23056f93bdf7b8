import type { Settings } from "../../snapshot/facts.ts";

/** JSONPath of what a node has of itself. */
const OWN = {
  CIDRS: ".spec.podCIDRs",
  CREATED: ".metadata.creationTimestamp",
} as const;

/** Names of flannel's annotations, without their prefix. */
const ANNOTATED = {
  "PUBLIC-IP": "public-ip",
  "BACKEND-DATA": "backend-data",
} as const;

/** What can be asked of every node, beside its name. */
export type NodeColumn = keyof typeof OWN | keyof typeof ANNOTATED;

/** flannel's reading of `--kube-annotation-prefix`, for JSONPath. */
function annotationPath(given: string): string {
  const named = given.includes("/") ? given : `${given}/`;
  const prefix = /[/-]$/.test(named) ? named : `${named}-`;
  return `.metadata.annotations.${prefix.replaceAll(".", "\\.")}`;
}

/** The line a person types to see something of every Kubernetes node. */
export function nodeColumns(
  settings: Settings,
  ...columns: readonly NodeColumn[]
): string {
  const path = annotationPath(settings.kubeAnnotationPrefix.value);
  const fields = columns.map((name) =>
    name in OWN
      ? `${name}:${OWN[name as keyof typeof OWN]}`
      : `${name}:${path}${ANNOTATED[name as keyof typeof ANNOTATED]}`
  );
  const all = ["NAME:.metadata.name", ...fields].join(",");
  return `kubectl get nodes -o custom-columns='${all}'`;
}
