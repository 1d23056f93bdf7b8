/**
 * flanneld's own flags, with the same names and meaning, for every command
 * that has to find the network. Values stay text here: `snapshot/` gives them
 * their meaning together with what it discovers.
 *
 * @module
 */

function text(brief: string, placeholder: string) {
  return {
    kind: "parsed",
    parse: String,
    brief,
    placeholder,
    optional: true,
  } as const;
}

function repeatable(brief: string, placeholder: string) {
  return { ...text(brief, placeholder), variadic: true } as const;
}

function boolean(brief: string) {
  return {
    kind: "boolean",
    brief,
    optional: true,
    withNegated: false,
  } as const;
}

/** Where the records are and which interface is external. */
export const NETWORK_FLAGS = {
  etcdApi: {
    kind: "enum",
    values: ["v2", "v3"],
    brief:
      "Which etcd API holds the records (default: what the agent here reads)",
    optional: true,
  },
  etcdEndpoints: text("Comma-delimited etcd endpoints", "urls"),
  etcdPrefix: text("Prefix of the keys", "path"),
  etcdCafile: text("CA certificate of etcd", "file"),
  etcdCertfile: text("Client certificate for etcd", "file"),
  etcdKeyfile: text("Key of the client certificate", "file"),
  etcdUsername: text("User of etcd", "name"),
  etcdPassword: text(
    "Password of etcd; better in FLANDOC_ETCD_PASSWORD",
    "text",
  ),
  kubeSubnetMgr: boolean("Records are in Kubernetes"),
  kubeApiUrl: text("Kubernetes API server", "url"),
  kubeconfigFile: text("kubeconfig", "file"),
  kubeAnnotationPrefix: text("Prefix of node annotations", "prefix"),
  netConfigPath: text("Network config file in Kubernetes mode", "file"),
  iface: repeatable("External interface, by name or address", "iface"),
  ifaceRegex: repeatable("External interface, by regular expression", "regex"),
  ifaceCanReach: text(
    "External interface: the one that reaches this address",
    "ip",
  ),
  publicIp: text("Address other hosts send to", "ip"),
  publicIpv6: text("IPv6 address other hosts send to", "ip"),
  subnetFile: text("Where subnet.env is", "file"),
  ipMasq: boolean("Whether flanneld masquerades what leaves the network"),
  healthzIp: text("Address of the agent's health port", "ip"),
  healthzPort: text("The agent's health port, 0 for none", "port"),
} as const;

/** Parsed values of the flags above, by camel-case name. */
export type FlagValues = Readonly<
  Record<string, string | boolean | readonly string[] | undefined>
>;

/** Flags only the agent has. */
export const AGENT_FLAGS = {
  subnetLeaseRenewMargin: text(
    "Minutes before expiry to renew the lease, 1 to 1439",
    "minutes",
  ),
  ipMasqFullyRandomDisable: boolean("Masquerade without --random-fully"),
  iptablesResync: text(
    "Seconds between checks of the firewall rules",
    "seconds",
  ),
  iptablesForwardRules: boolean(
    "Add rules that accept forwarded traffic (default true)",
  ),
  ipBlackholeRoute: boolean("Keep a blackhole route for the own subnet"),
  setNodeNetworkUnavailable: boolean(
    "Set the node's NetworkUnavailable condition (default true)",
  ),
} as const;

/** The values that were given, with flanneld's names: `etcd-endpoints` → values. */
export function givenFlags(flags: FlagValues): Map<string, string[]> {
  const names = Object.keys({ ...NETWORK_FLAGS, ...AGENT_FLAGS });
  const given = new Map<string, string[]>();
  for (const name of names) {
    const value = flags[name];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) {
      continue;
    }
    given.set(kebab(name), [value].flat().map(String));
  }
  return given;
}

function kebab(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
