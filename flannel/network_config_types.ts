/**
 * Shape of a valid flannel network configuration.
 *
 * @module
 */

/** Backends of flannel v0.28.9 and v0.11.0, lower case. */
export type BackendType = string;

/** vxlan options with flannel's defaults filled in. */
export interface VxlanOptions {
  readonly vni: number;
  /** 0 when not configured: the kernel default 8472. */
  readonly port: number;
  /** 0 when not configured: the external interface's MTU. */
  readonly mtu: number;
  readonly gbp: boolean;
  readonly learning: boolean;
  readonly directRouting: boolean;
}

/** The range subnets of one family are taken from. */
export interface SubnetRange {
  /** Canonical CIDR, host bits masked off. */
  readonly network: string;
  /** Prefix length of each subnet. */
  readonly subnetLen: number;
  /** First and last subnet address that may be allocated. */
  readonly subnetMin: string;
  readonly subnetMax: string;
}

/** A parsed, validated network configuration (flannel pkg/subnet/config.go). */
export interface NetworkConfig {
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly enableNFTables: boolean;
  /** Null when IPv4 is off. */
  readonly ipv4: SubnetRange | null;
  /** Null when IPv6 is off. */
  readonly ipv6: SubnetRange | null;
  /** Lower-cased type; `udp` when the config has no Backend. */
  readonly backendType: BackendType;
  /** Whether `Backend` was present at all. */
  readonly backendGiven: boolean;
  /** The Backend object as written. */
  readonly backendOptions: Readonly<Record<string, unknown>>;
  /** Decoded when backendType is vxlan. */
  readonly vxlan?: VxlanOptions;
  /** UDP port of the udp backend; present when backendType is udp. */
  readonly udpPort?: number;
}

/** Contents of subnet.env. */
export interface SubnetEnv {
  /** CIDR as written (network address), or null. */
  readonly network: string | null;
  /** CIDR as written: the subnet's first address with its length, or null. */
  readonly subnet: string | null;
  readonly ipv6Network: string | null;
  readonly ipv6Subnet: string | null;
  readonly mtu: number;
  readonly ipMasq: boolean;
}
