/**
 * A host-gw or vxlan network of any size for measurements, as seen by its
 * first host: 172.16.0.1 on `eth0`, subnet 10.0.1.0/24.
 *
 * @module
 */
import { expectedState } from "../flannel/expected.ts";
import type { ExpectedState, LocalNode } from "../flannel/expected_types.ts";
import type { Lease, LeaseRecord } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { isLeaseProblem, parseLease } from "../flannel/parse_lease.ts";
import { TestNetns } from "../tests/support/netns.ts";

/** A network and what it implies for its first host. */
export interface BenchNetwork {
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  readonly state: ExpectedState;
}

/** A network with so many peers, at most 65,000. */
export function benchNetwork(
  backend: "host-gw" | "vxlan",
  peers: number,
): BenchNetwork {
  const parsed = parseNetworkConfig(
    JSON.stringify({ Network: "10.0.0.0/8", Backend: { Type: backend } }),
  );
  const { config } = parsed;
  if (config === null) {
    throw new Error("Cannot make network: config is invalid");
  }
  const leases = Array.from(
    { length: peers + 1 },
    (_, index) => leaseOf(backend, index),
  );
  const node: LocalNode = {
    device: "eth0",
    deviceMtu: 1500,
    address: "172.16.0.1",
    ipv6Address: null,
    publicIP: "172.16.0.1",
    publicIPv6: null,
    lease: leases[0] ?? null,
  };
  const expectation = expectedState({ config, leases, node });
  if (!("state" in expectation)) {
    throw new Error(`Cannot make network: no model of ${backend}`);
  }
  return { config, node, state: expectation.state };
}

/** A namespace that is the network's first host. */
export function benchHost(): TestNetns {
  return new TestNetns(
    "link set lo up",
    "link add eth0 type veth peer name peer0",
    "address add 172.16.0.1/12 dev eth0",
    "link set eth0 up",
    "link set peer0 up",
  );
}

/** Public IP of a host by its position, 172.16.0.1 for 0. */
export function publicIPOf(index: number): string {
  const host = index + 1;
  return `172.${16 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
}

/** The record of a host by its position, as a store keeps it. */
export function leaseRecordOf(backend: string, index: number): LeaseRecord {
  const number = index + 1;
  const octets = [number >> 16, (number >> 8) & 255, number & 255]
    .map((octet) => octet.toString(16).padStart(2, "0"));
  return {
    key: `10.${number >> 8}.${number & 255}.0-24`,
    value: JSON.stringify({
      PublicIP: publicIPOf(index),
      BackendType: backend,
      ...(backend === "vxlan"
        ? { BackendData: { VNI: 1, VtepMAC: `02:00:00:${octets.join(":")}` } }
        : {}),
    }),
    ttl: 86400,
  };
}

function leaseOf(backend: string, index: number): Lease {
  const lease = parseLease(leaseRecordOf(backend, index));
  if (isLeaseProblem(lease)) throw new Error("Cannot make network: bad lease");
  return lease;
}
