import { formatLeaseValue } from "../flannel/lease_value.ts";
import type { Lease, LeaseRecord } from "../flannel/lease.ts";
import type { Settings } from "../snapshot/facts.ts";
import { oneLine } from "./one_line.ts";
import { shellQuote } from "./shell_quote.ts";

/** What to do with a key, or ask of the cluster; each API has its own word for it. */
export type EtcdctlVerb = "get" | "put" | "delete" | "list" | "health";

const V2_VERBS: Readonly<Record<EtcdctlVerb, string>> = {
  get: "get",
  put: "set",
  delete: "rm",
  list: "ls",
  health: "cluster-health",
};

const V3_VERBS: Readonly<Record<EtcdctlVerb, string>> = {
  get: "get",
  put: "put",
  delete: "del",
  list: "get --prefix --keys-only",
  health: "endpoint health",
};

/**
 * The etcdctl line a person would type, with the API, endpoints and
 * certificates that flannel uses here. The variable is written for both APIs:
 * etcdctl's default changed from 2 to 3 with etcd 3.4.
 *
 * @param key none for `health`
 * @param api the API to speak. @default the one flannel's records are in
 */
export function etcdctl(
  settings: Settings,
  verb: EtcdctlVerb,
  key?: string,
  value?: string,
  api: "etcd-v2" | "etcd-v3" = storeApi(settings),
): string {
  const v2 = api === "etcd-v2";
  const flags = [
    ["--endpoints", settings.etcdEndpoints.value.join(",")],
    [v2 ? "--ca-file" : "--cacert", settings.etcdCafile.value],
    [v2 ? "--cert-file" : "--cert", settings.etcdCertfile.value],
    [v2 ? "--key-file" : "--key", settings.etcdKeyfile.value],
    [v2 ? "--username" : "--user", settings.etcdUsername.value],
  ].filter(([, value]) => value !== "");
  return [
    `ETCDCTL_API=${v2 ? 2 : 3}`,
    "etcdctl",
    ...flags.map(([name, value]) => `${name}=${shellQuote(value!)}`),
    (v2 ? V2_VERBS : V3_VERBS)[verb],
    ...[key, value].filter((word) => word !== undefined).map(shellQuote),
  ].join(" ");
}

/** The etcd API flannel uses here; v3 where the store is not etcd. */
export function storeApi(settings: Settings): "etcd-v2" | "etcd-v3" {
  return settings.store.value === "etcd-v2" ? "etcd-v2" : "etcd-v3";
}

/** Name of an API in words: `v2` or `v3`. */
export function apiName(api: "etcd-v2" | "etcd-v3"): "v2" | "v3" {
  return api === "etcd-v2" ? "v2" : "v3";
}

/** Full key of the network config. */
export function configKey(settings: Settings): string {
  return `${trimmedPrefix(settings)}/config`;
}

/** Full key of a lease. */
export function leaseKey(settings: Settings, key: string): string {
  return `${subnetsKey(settings)}/${key}`;
}

/** Full key of the directory that holds the leases. */
export function subnetsKey(settings: Settings): string {
  return `${trimmedPrefix(settings)}/subnets`;
}

function trimmedPrefix(settings: Settings): string {
  return settings.etcdPrefix.value.replace(/\/+$/, "");
}

/** Key and value of a record on one line, as evidence. */
export function recordLine(settings: Settings, record: LeaseRecord): string {
  return `${oneLine(leaseKey(settings, record.key))} ${oneLine(record.value)}`;
}

/** Key and value of a lease on one line, as evidence. */
export function leaseLine(settings: Settings, lease: Lease): string {
  const form = settings.store.value === "etcd-v2" ? "v0.11" : "head";
  const value = formatLeaseValue(lease.attributes, form);
  if (settings.store.value === "kubernetes") return `${lease.key} ${value}`;
  return `${leaseKey(settings, lease.key)} ${oneLine(value)}`;
}
