/**
 * Names of flannel's annotations on nodes.
 *
 * @module
 */

/** Names of all annotations of one prefix. */
export interface AnnotationNames {
  readonly subnetManager: string;
  readonly backendType: string;
  readonly backendData: string;
  readonly backendV6Data: string;
  readonly publicIP: string;
  readonly publicIPv6: string;
  readonly publicIPOverwrite: string;
  readonly publicIPv6Overwrite: string;
  readonly nodePublicIP: string;
  readonly nodePublicIPv6: string;
}

const PREFIX = /(?:[a-z0-9_-]+\.)+[a-z0-9_-]+\/(?:[a-z0-9_-]+-)?$/;

/**
 * Names under a value of `--kube-annotation-prefix`: `a.b` is `a.b/NAME`,
 * `a.b/c` is `a.b/c-NAME`.
 *
 * Source: flannel v0.28.9 pkg/subnet/kube/annotations.go.
 *
 * @throws {SyntaxError} for a prefix that flannel refuses
 */
export function annotationNames(given: string): AnnotationNames {
  let prefix = given.includes("/") ? given : `${given}/`;
  if (!/[/-]$/.test(prefix)) prefix += "-";
  if (prefix.split("/").length > 2 || !PREFIX.test(prefix)) {
    throw new SyntaxError(
      `Cannot use --kube-annotation-prefix: expected a DNS name, perhaps with "/NAME", in lower case, got "${given}"`,
    );
  }
  return {
    subnetManager: `${prefix}kube-subnet-manager`,
    backendType: `${prefix}backend-type`,
    backendData: `${prefix}backend-data`,
    backendV6Data: `${prefix}backend-v6-data`,
    publicIP: `${prefix}public-ip`,
    publicIPv6: `${prefix}public-ipv6`,
    publicIPOverwrite: `${prefix}public-ip-overwrite`,
    publicIPv6Overwrite: `${prefix}public-ipv6-overwrite`,
    nodePublicIP: `${prefix}node-public-ip`,
    nodePublicIPv6: `${prefix}node-public-ipv6`,
  };
}
