/**
 * flanneld's settings as flandoc discovers them. Defaults and variables are
 * those of `flannel/flags.ts`.
 *
 * @module
 */
import {
  flagSpecification,
  flagVariable,
  FLANNELD_FLAGS,
} from "../flannel/flags.ts";
import { ETCD_API } from "./flag_values.ts";

/** How the text of a setting is read. */
export type SettingKind =
  | "text"
  | "path"
  | "list"
  | "repeat"
  | "boolean"
  | "number"
  | "port";

/** One setting's flag and form. */
export interface SettingRow {
  readonly flag: string;
  readonly kind: SettingKind;
}

/** All settings but the store, by member of `Settings`. */
export const SETTINGS = {
  etcdEndpoints: { flag: "etcd-endpoints", kind: "list" },
  etcdPrefix: { flag: "etcd-prefix", kind: "text" },
  etcdCafile: { flag: "etcd-cafile", kind: "path" },
  etcdCertfile: { flag: "etcd-certfile", kind: "path" },
  etcdKeyfile: { flag: "etcd-keyfile", kind: "path" },
  etcdUsername: { flag: "etcd-username", kind: "text" },
  iface: { flag: "iface", kind: "repeat" },
  ifaceRegex: { flag: "iface-regex", kind: "repeat" },
  ifaceCanReach: { flag: "iface-can-reach", kind: "text" },
  publicIP: { flag: "public-ip", kind: "text" },
  publicIPv6: { flag: "public-ipv6", kind: "text" },
  subnetFile: { flag: "subnet-file", kind: "path" },
  kubeSubnetMgr: { flag: "kube-subnet-mgr", kind: "boolean" },
  kubeApiUrl: { flag: "kube-api-url", kind: "text" },
  kubeconfigFile: { flag: "kubeconfig-file", kind: "path" },
  kubeAnnotationPrefix: { flag: "kube-annotation-prefix", kind: "text" },
  netConfigPath: { flag: "net-config-path", kind: "path" },
  ipMasq: { flag: "ip-masq", kind: "boolean" },
  iptablesForwardRules: { flag: "iptables-forward-rules", kind: "boolean" },
  iptablesResync: { flag: "iptables-resync", kind: "number" },
  subnetLeaseRenewMargin: {
    flag: "subnet-lease-renew-margin",
    kind: "number",
  },
  healthzIP: { flag: "healthz-ip", kind: "text" },
  healthzPort: { flag: "healthz-port", kind: "port" },
} as const satisfies Record<string, SettingRow>;

/** flannel's default of a flag, as text; empty for none. */
export function defaultOf(flag: string): string {
  return flagSpecification(flag)?.default ?? "";
}

/** flandoc's own variable of a flag, stronger than flanneld's: `FLANDOC_ETCD_PREFIX`. */
export function flandocVariable(flag: string): string {
  return flagVariable(flag).replace(/^FLANNELD_/, "FLANDOC_");
}

/** Variables that discovery reads, each named so that permissions can be. */
export const SETTING_VARIABLES: readonly string[] = [
  ...FLANNELD_FLAGS.map((flag) => flag.name),
  ETCD_API,
].flatMap((flag) => [flandocVariable(flag), flagVariable(flag)]);

/** The variables among {@linkcode SETTING_VARIABLES} that are set. */
export function settingEnvironment(
  get: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of SETTING_VARIABLES) {
    const value = get(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
}
