import { deepStrictEqual } from "node:assert/strict";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withoutRoute, withRoutes } from "../../tests/fixtures/routes.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { PEER_NOT_ONLINK } from "./peer_not_onlink.ts";

Deno.test("FD408 is ok where every peer is on-link", () => {
  deepStrictEqual(judged(PEER_NOT_ONLINK, healthyFacts()).verdict, "ok");
});

Deno.test("FD408 has nothing to judge where all peers are encapsulated", () => {
  deepStrictEqual(
    judged(PEER_NOT_ONLINK, withoutRoute(healthyVxlanFacts(), "192.168.1.0/24"))
      .verdict,
    "skipped: no-direct-peers",
  );
});

Deno.test("FD408 finds peers behind a router, once a router", () => {
  const facts = withoutRoute(healthyFacts(), "192.168.1.0/24");
  deepStrictEqual(judged(PEER_NOT_ONLINK, facts).lines, [
    "error: 192.168.1.254",
    "  found 192.168.1.11 via 192.168.1.254 dev eth0",
    "  wanted 172.7.22.0/24 via 192.168.1.11 dev eth0",
    "  found 192.168.1.12 via 192.168.1.254 dev eth0",
    "  wanted 172.7.23.0/24 via 192.168.1.12 dev eth0",
    "  $ ETCDCTL_API=2 etcdctl --endpoints=https://192.168.1.10:2379,https://192.168.1.11:2379,https://192.168.1.12:2379" +
    " --ca-file=/opt/flannel/cert/ca.pem --cert-file=/opt/flannel/cert/client.pem --key-file=/opt/flannel/cert/client-key.pem" +
    ` set /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan","DirectRouting":true}}'`,
    "  $ systemctl restart flanneld docker   # on every host",
  ]);
  deepStrictEqual(
    sentences(PEER_NOT_ONLINK, facts)[0]!.slice(0, 71),
    "2 of 2 peers are behind the router 192.168.1.254, not on eth0's segment",
  );
});

Deno.test("FD408 asks only what the kernel asks: the device's own routes", () => {
  // Host traffic to one peer by another way leaves the next hop valid.
  const facts = withRoutes(healthyFacts(), (routes) => [
    ...routes,
    fixtureRoute("192.168.1.11/32", "eth1"),
  ]);
  deepStrictEqual(judged(PEER_NOT_ONLINK, facts).verdict, "ok");
});

Deno.test("FD408 leaves peers on another interface to FD407", () => {
  const facts = withRoutes(
    withoutRoute(healthyFacts(), "192.168.1.0/24"),
    (routes) => [...routes, fixtureRoute("192.168.1.0/24", "eth1")],
  );
  deepStrictEqual(judged(PEER_NOT_ONLINK, facts).verdict, "ok");
});

Deno.test("FD408 is unknown without the routes", () => {
  deepStrictEqual(
    judged(PEER_NOT_ONLINK, without(healthyFacts(), "routes")).verdict,
    "unknown: not looked at",
  );
});
