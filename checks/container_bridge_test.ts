import { deepStrictEqual } from "node:assert/strict";
import {
  fixtureAddress,
  fixtureLink,
  healthyFacts,
  healthyVxlanFacts,
} from "../tests/fixtures/healthy.ts";
import type { Facts } from "../snapshot/facts.ts";
import { containerBridge } from "./container_bridge.ts";

function given(facts: Facts) {
  const { node, links, addresses } = facts;
  if (!("known" in node && "known" in links && "known" in addresses)) {
    throw new Error("Cannot test: the fixture has unknown facts");
  }
  return {
    node: node.known,
    links: links.known,
    addresses: addresses.known,
  };
}

Deno.test("containerBridge() finds the bridge that holds the subnet", () => {
  deepStrictEqual(containerBridge(given(healthyFacts())), "docker0");
});

Deno.test("containerBridge() does not take the tunnel device for it", () => {
  const facts = given(healthyVxlanFacts());
  deepStrictEqual(containerBridge(facts), "docker0");
  const withoutBridge = {
    ...facts,
    addresses: facts.addresses.filter((a) => a.device !== "docker0"),
  };
  deepStrictEqual(containerBridge(withoutBridge), null);
});

Deno.test("containerBridge() does not mind the bridge's name", () => {
  const facts = given(healthyFacts());
  const renamed = {
    ...facts,
    links: [fixtureLink(9, "br-flannel", { kind: "bridge" })],
    addresses: [fixtureAddress("br-flannel", "172.7.21.1", 24)],
  };
  deepStrictEqual(containerBridge(renamed), "br-flannel");
});

Deno.test("containerBridge() prefers a bridge with containers to one left over", () => {
  const facts = given(healthyFacts());
  const bridge = (index: number, name: string, up: boolean) =>
    fixtureLink(index, name, { kind: "bridge", up, carrier: up });
  const both = {
    ...facts,
    links: [bridge(8, "docker0", false), bridge(9, "br-flannel", true)],
    addresses: ["docker0", "br-flannel"].map((name) =>
      fixtureAddress(name, "172.7.21.1", 24)
    ),
  };
  deepStrictEqual(containerBridge(both), "br-flannel");
});

Deno.test("containerBridge() knows none without a lease", () => {
  const facts = given(healthyFacts());
  deepStrictEqual(
    containerBridge({ ...facts, node: { ...facts.node, lease: null } }),
    null,
  );
});
