import { deepStrictEqual } from "node:assert/strict";
import type { Lease } from "./lease.ts";
import { parseNetworkConfig } from "./network_config.ts";
import { ownNetworks } from "./own_networks.ts";
import { parseLease } from "./parse_lease.ts";

const { config } = parseNetworkConfig(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd05::/48"}',
);

Deno.test("ownNetworks() has a network for each subnet of a lease", () => {
  const lease = (key: string) =>
    parseLease({ key, value: '{"PublicIP":"192.168.1.1"}', ttl: 1 }) as Lease;
  const four = { family: 4, network: "10.5.0.0/16", subnet: "10.5.1.0/24" };
  const six = { family: 6, network: "fd05::/48", subnet: "fd05:0:0:1::/64" };
  deepStrictEqual(ownNetworks(config!, lease("10.5.1.0-24")), [four]);
  deepStrictEqual(
    ownNetworks(config!, lease("10.5.1.0-24&fd05:0:0:1::-64")),
    [four, six],
  );
  deepStrictEqual(ownNetworks(config!, null), []);
});
