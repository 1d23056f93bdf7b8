/**
 * Nodes as leases.
 *
 * @module
 */
import {
  formatIpv4,
  formatIpv6,
  parseIpv4,
  parseIpv6,
} from "../../flannel/address.ts";
import type { Lease, LeaseRecord } from "../../flannel/lease.ts";
import { formatLeaseValue } from "../../flannel/lease_value.ts";
import { formatSubnetKey } from "../../flannel/subnet_key.ts";
import type { AnnotationNames } from "./annotations.ts";
import type { KubeNode } from "./node.ts";
import { podCidrsOf } from "./pod_cidrs.ts";

/** The families a network has. */
export interface Families {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** What a node is to the network. */
export type NodeLease =
  | {
    readonly kind: "lease";
    readonly lease: Lease;
    /** What is amiss with it all the same, or null. */
    readonly problem: string | null;
  }
  /** A node of the network whose lease cannot be read. */
  | { readonly kind: "problem"; readonly problem: string }
  /** flannel does not look after it. */
  | { readonly kind: "none" };

/** One family's part of a lease. */
interface Part {
  readonly subnet: string;
  readonly address: string;
  readonly data: unknown;
}

/**
 * Reads a node's lease. A node with only one of two families has a lease of
 * that one: flannel drops such a node and with it what works.
 *
 * Source: flannel v0.28.9 pkg/subnet/kube/kube.go nodeToLease.
 */
export function nodeLease(
  node: KubeNode,
  names: AnnotationNames,
  families: Families,
): NodeLease {
  if (node.annotations[names.subnetManager] !== "true") return { kind: "none" };
  const cidrs = podCidrsOf(node);
  if (typeof cidrs === "string") return { kind: "problem", problem: cidrs };
  const problems: string[] = [];
  const part = (family: 4 | 6, subnet: string | null) =>
    readPart(node, names, family, subnet, problems);
  const v4 = families.ipv4 ? part(4, cidrs.subnet) : null;
  const v6 = families.ipv6 ? part(6, cidrs.ipv6Subnet) : null;
  const problem = problems.length === 0
    ? null
    : `Node "${node.name}": ${problems.join("; ")}`;
  if (v4 === null && v6 === null) {
    return { kind: "problem", problem: problem ?? "" };
  }
  const lease: Lease = {
    key: formatSubnetKey(v4?.subnet ?? null, v6?.subnet ?? null),
    subnet: v4?.subnet ?? null,
    ipv6Subnet: v6?.subnet ?? null,
    attributes: {
      publicIP: v4?.address ?? "0.0.0.0",
      publicIPv6: v6?.address ?? null,
      backendType: node.annotations[names.backendType] ?? "",
      backendData: v4?.data ?? null,
      backendV6Data: v6?.data ?? null,
    },
    ttl: null,
  };
  return { kind: "lease", lease, problem };
}

function readPart(
  { annotations }: KubeNode,
  names: AnnotationNames,
  family: 4 | 6,
  subnet: string | null,
  problems: string[],
): Part | null {
  if (subnet === null) {
    problems.push(`it has no IPv${family} pod CIDR`);
    return null;
  }
  const name = family === 4 ? names.publicIP : names.publicIPv6;
  const text = annotations[name] ?? "";
  const address = canonical(family, text);
  if (address === null) {
    problems.push(
      text === ""
        ? `annotation ${name} is missing`
        : `annotation ${name} is no IPv${family} address: "${text}"`,
    );
    return null;
  }
  const data = family === 4 ? names.backendData : names.backendV6Data;
  return { subnet, address, data: readData(annotations, data, problems) };
}

function canonical(family: 4 | 6, text: string): string | null {
  if (family === 4) {
    const address = parseIpv4(text);
    return address === null ? null : formatIpv4(address);
  }
  const address = parseIpv6(text);
  return address === null ? null : formatIpv6(address);
}

function readData(
  annotations: KubeNode["annotations"],
  name: string,
  problems: string[],
): unknown {
  const text = annotations[name];
  // A node that was written before the backend had data has none.
  if (text === undefined || text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    problems.push(`annotation ${name} is not JSON: "${text}"`);
    return null;
  }
}

/** A lease as etcd would hold it: for judging by the same rules. */
export function leaseRecord(lease: Lease): LeaseRecord {
  return {
    key: lease.key,
    value: formatLeaseValue(lease.attributes),
    ttl: null,
  };
}

/** Records of all nodes of the network, in the order of their names. */
export function leaseRecordsOf(
  nodes: readonly KubeNode[],
  names: AnnotationNames,
  families: Families,
): readonly LeaseRecord[] {
  return [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((node) => nodeLease(node, names, families))
    .flatMap((it) => it.kind === "lease" ? [leaseRecord(it.lease)] : []);
}
