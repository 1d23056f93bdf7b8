import type { LeaseAttributes } from "../../flannel/lease.ts";
import type { AnnotationNames } from "./annotations.ts";
import type { KubeNode } from "./node.ts";

/** Backends that publish IPv6 without data of their own for it. */
const PLAIN_IPV6 = new Set(["host-gw", "extension"]);

/** Backends that have a part of a family only with data for it. */
const WITH_DATA = new Set(["vxlan", "wireguard"]);

/**
 * The annotations that a node with such a lease is to have, with the text that
 * flannel writes and compares byte for byte. The overwrite annotations, which
 * an administrator sets where nodes are behind NAT, replace the addresses.
 *
 * Source: flannel v0.28.9 pkg/subnet/kube/kube.go AcquireLease.
 */
export function wantedAnnotations(
  attributes: LeaseAttributes,
  names: AnnotationNames,
  node: Pick<KubeNode, "annotations">,
): Readonly<Record<string, string>> {
  const { backendType, backendData, backendV6Data } = attributes;
  const wanted: Record<string, string> = {
    [names.subnetManager]: "true",
    [names.backendType]: backendType,
  };
  const given = (name: string) => node.annotations[name] ?? "";
  if (backendData !== null || !WITH_DATA.has(backendType)) {
    wanted[names.backendData] = JSON.stringify(backendData);
    wanted[names.publicIP] = given(names.publicIPOverwrite) ||
      attributes.publicIP;
  }
  const hasIpv6 = backendV6Data !== null
    ? WITH_DATA.has(backendType)
    : PLAIN_IPV6.has(backendType);
  if (attributes.publicIPv6 !== null && hasIpv6) {
    wanted[names.backendV6Data] = JSON.stringify(backendV6Data);
    wanted[names.publicIPv6] = given(names.publicIPv6Overwrite) ||
      attributes.publicIPv6;
  }
  return wanted;
}

/** Those of the wanted annotations that a node does not have so. */
export function differingAnnotations(
  wanted: Readonly<Record<string, string>>,
  node: Pick<KubeNode, "annotations">,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, text]) =>
      node.annotations[name] !== text
    ),
  );
}
