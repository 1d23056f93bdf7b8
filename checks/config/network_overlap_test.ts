import assert from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Address, Route } from "../../flannel/kernel.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withDocker,
  withLeases,
  withSettings,
} from "../../tests/fixtures/changes.ts";
import {
  fixtureAddress,
  fixtureLink,
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { NETWORK_OVERLAP } from "./network_overlap.ts";

function withAddress(...more: Address[]): Facts {
  const facts = healthyFacts();
  return changed({
    addresses: known([...given(facts, "addresses"), ...more]),
  });
}

function withRoute(...more: Route[]): Facts {
  const facts = healthyFacts();
  return changed({ routes: known([...given(facts, "routes"), ...more]) });
}

function withDockerNetwork(name: string, subnet: string): Facts {
  const docker = given(healthyFacts(), "docker")!;
  return withDocker({
    networks: [...docker.networks, {
      name,
      bridge: "br-5e1c2d3f4a5b",
      subnets: [subnet],
      gateway: null,
      ipMasquerade: true,
      mtu: null,
    }],
  });
}

Deno.test("FD107 finds a host address inside the network", () => {
  const facts = withAddress(fixtureAddress("eth1", "172.7.200.9", 24));
  assert.deepEqual(judged(NETWORK_OVERLAP, facts).lines, [
    "error address: inet 172.7.200.9/24 scope global eth1",
    "  address inet 172.7.200.9/24 scope global eth1",
  ]);
  assert.deepEqual(sentences(NETWORK_OVERLAP, facts), [
    "172.7.200.9 on eth1 lies inside the overlay network 172.7.0.0/16: what this address stands for and a container may have the same address.",
  ]);
});

Deno.test("FD107 warns of a network that is part of the hosts' own", () => {
  const facts = withAddress(fixtureAddress("eth1", "172.0.0.9", 8));
  assert.deepEqual(sentences(NETWORK_OVERLAP, facts), [
    "The overlay network 172.7.0.0/16 lies inside 172.0.0.9/8, the network of eth1: hosts there whose address is in 172.7.0.0/16 cannot be reached from here.",
  ]);
  assert.match(judged(NETWORK_OVERLAP, facts).lines[0]!, /^warning lan:/);
});

Deno.test("FD107 leaves the bridge, the tunnel device and loopback alone", () => {
  const vxlan = healthyVxlanFacts();
  assert.equal(judged(NETWORK_OVERLAP, vxlan).verdict, "ok");
  // A bridge of another name on the own subnet, and one that docker0 was.
  const facts = changed({
    links: known([
      ...given(vxlan, "links"),
      fixtureLink(9, "br0", { kind: "bridge" }),
    ]),
    addresses: known([
      ...given(vxlan, "addresses"),
      fixtureAddress("br0", "172.7.21.1", 24),
      fixtureAddress("docker0", "172.7.99.1", 24),
      fixtureAddress("lo", "172.7.0.5", 32, { scope: "host" }),
    ]),
  }, vxlan);
  assert.equal(judged(NETWORK_OVERLAP, facts).verdict, "ok");
});

Deno.test("FD107 finds peers whose public IP is in the network", () => {
  const facts = withLeases((records) => [
    ...records,
    record("172.7.40.0-24", "172.7.1.4"),
  ]);
  assert.deepEqual(judged(NETWORK_OVERLAP, facts).lines, [
    "error public-ip: 172.7.1.4",
    "  lease 172.7.40.0-24 172.7.1.4",
  ]);
  const many = withLeases((records) => [
    ...records,
    ...Array.from(
      { length: 30 },
      (_, n) => record(`172.7.${100 + n}.0-24`, `172.7.1.${n}`),
    ),
  ]);
  assert.deepEqual(sentences(NETWORK_OVERLAP, many), [
    "The public IPs of 30 peers lie inside the overlay network 172.7.0.0/16: packets for the peers themselves may be sent into the overlay.",
  ]);
});

Deno.test("FD107 finds etcd inside the network, by address only", () => {
  const facts = withSettings({
    etcdEndpoints: ["https://172.7.3.3:2379", "https://etcd.example:2379"],
  });
  assert.deepEqual(judged(NETWORK_OVERLAP, facts).lines, [
    "error endpoint: https://172.7.3.3:2379",
    "  endpoint https://172.7.3.3:2379",
  ]);
  assert.equal(judged(NETWORK_OVERLAP, onKubernetes(facts)).verdict, "ok");
});

Deno.test("FD107 finds a Docker network inside the network", () => {
  const facts = withDockerNetwork("shop", "172.7.128.0/20");
  assert.deepEqual(judged(NETWORK_OVERLAP, facts).lines, [
    "error docker-network: shop",
    "  device br-5e1c2d3f4a5b 172.7.128.0/20",
    "  $ docker network inspect shop",
  ]);
  assert.equal(
    judged(NETWORK_OVERLAP, withDockerNetwork("shop", "172.18.0.0/16")).verdict,
    "ok",
  );
});

Deno.test("FD107 says a Docker network once, not its address and route again", () => {
  const base = withDockerNetwork("shop", "172.7.128.0/20");
  const facts = changed({
    addresses: known([
      ...given(base, "addresses"),
      fixtureAddress("br-5e1c2d3f4a5b", "172.7.128.1", 20),
    ]),
    routes: known([
      ...given(base, "routes"),
      fixtureRoute("172.7.128.0/20", "br-5e1c2d3f4a5b", { protocol: 2 }),
    ]),
  }, base);
  assert.equal(judged(NETWORK_OVERLAP, facts).findings.length, 1);
});

Deno.test("FD107 minds docker0's own network only beside a CNI plugin", () => {
  const wide = '{"Network": "172.16.0.0/12", "Backend": {"Type": "host-gw"}}';
  const docker = withDocker({
    networks: [{
      ...given(healthyFacts(), "docker")!.networks[0]!,
      subnets: ["172.17.0.0/16"],
    }],
  }, withConfig(wide));
  assert.equal(judged(NETWORK_OVERLAP, docker).verdict, "ok");
  assert.deepEqual(
    judged(NETWORK_OVERLAP, onKubernetes(docker)).findings.map((f) =>
      f.subject
    ),
    ["bridge"],
  );
});

Deno.test("FD107 finds foreign routes inside and around the network", () => {
  const facts = withRoute(
    fixtureRoute("172.7.128.0/17", "tun0", { gateway: "10.8.0.1" }),
    fixtureRoute("172.0.0.0/8", "eth0", { gateway: "192.168.1.254" }),
  );
  assert.deepEqual(judged(NETWORK_OVERLAP, facts).lines, [
    "warning route: 172.7.128.0/17 via 10.8.0.1 dev tun0",
    "  route 172.7.128.0/17 via 10.8.0.1 dev tun0",
    "info route-around: 172.0.0.0/8 via 192.168.1.254 dev eth0",
    "  route 172.0.0.0/8 via 192.168.1.254 dev eth0",
  ]);
});

Deno.test("FD107 leaves flannel's routes, stale ones, and halves of the default alone", () => {
  const facts = withRoute(
    fixtureRoute("172.7.66.0/24", "eth0", { gateway: "192.168.1.66" }),
    fixtureRoute("172.7.22.128/25", "tun0", { gateway: "10.8.0.1" }),
    fixtureRoute("128.0.0.0/1", "tun0", { gateway: "10.8.0.1" }),
    fixtureRoute("172.7.21.0/24", "lo", { type: "blackhole" }),
  );
  assert.equal(judged(NETWORK_OVERLAP, facts).verdict, "ok");
});
