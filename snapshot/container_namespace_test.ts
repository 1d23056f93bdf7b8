import assert from "node:assert/strict";
import {
  fixtureAddress,
  fixtureLink,
  fixtureRoute,
  healthyFacts,
} from "../tests/fixtures/healthy.ts";
import { containerNamespace } from "./container_namespace.ts";
import { known, unknown } from "./fact.ts";
import type { Facts } from "./facts.ts";

/** What flandoc finds in a container of the healthy host. */
function inside(changes: Partial<Facts> = {}): Facts {
  return healthyFacts({
    links: known([
      fixtureLink(1, "lo", { loopback: true }),
      fixtureLink(2, "eth0", { kind: "veth" }),
    ]),
    addresses: known([fixtureAddress("eth0", "172.7.21.2", 24)]),
    routes: known([
      fixtureRoute("0.0.0.0/0", "eth0", { gateway: "172.7.21.1" }),
      fixtureRoute("172.7.21.0/24", "eth0"),
    ]),
    ...changes,
  });
}

Deno.test("containerNamespace() tells a container from its host", async (t) => {
  const found = {
    device: "eth0",
    address: "172.7.21.2",
    subnet: "172.7.21.0/24",
    gateway: "172.7.21.1",
  };
  await t.step("a container", () => {
    assert.deepEqual(containerNamespace(inside()), found);
    // By the leases alone, and by subnet.env alone.
    assert.deepEqual(
      containerNamespace(inside({ subnetEnv: unknown("no file") })),
      found,
    );
    assert.deepEqual(
      containerNamespace(inside({ leases: unknown("no etcd") })),
      found,
    );
  });
  const hosts: Readonly<Record<string, Facts>> = {
    "a host": healthyFacts(),
    "a host whose underlay is one end of a pair": inside({
      addresses: known([
        fixtureAddress("eth0", "172.26.216.163", 24),
        fixtureAddress("docker0", "172.7.21.1", 24),
      ]),
      routes: known([
        fixtureRoute("0.0.0.0/0", "eth0", { gateway: "172.26.216.1" }),
      ]),
    }),
    "a host that holds the first address itself": inside({
      addresses: known([
        fixtureAddress("eth0", "172.7.21.2", 24),
        fixtureAddress("docker0", "172.7.21.1", 24),
      ]),
    }),
    "a host whose LAN overlaps the network": inside({
      links: known([fixtureLink(2, "eth0")]),
    }),
    "a gateway that is not the subnet's first": inside({
      routes: known([
        fixtureRoute("0.0.0.0/0", "eth0", { gateway: "172.7.21.254" }),
      ]),
    }),
    "two ways out": inside({
      routes: known([
        fixtureRoute("0.0.0.0/0", "eth0", { gateway: "172.7.21.1" }),
        fixtureRoute("0.0.0.0/0", "eth1", { gateway: "10.0.0.1" }),
      ]),
    }),
    "nothing known of the network": inside({
      leases: unknown("no etcd"),
      subnetEnv: unknown("no file"),
    }),
    "nothing known of the kernel": inside({
      links: unknown("no netlink"),
      addresses: unknown("no netlink"),
      routes: unknown("no netlink"),
    }),
  };
  for (const [name, facts] of Object.entries(hosts)) {
    await t.step(name, () => assert.equal(containerNamespace(facts), null));
  }
});
