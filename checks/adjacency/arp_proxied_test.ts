import { deepStrictEqual } from "node:assert/strict";
import type { Facts } from "../../snapshot/facts.ts";
import { known } from "../../snapshot/fact.ts";
import { onKubernetes } from "../../tests/fixtures/changes.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  largeNetwork,
  withArp,
  withForwarding,
} from "../../tests/fixtures/segment.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { ARP_PROXIED } from "./arp_proxied.ts";

const ALIBABA = "ee:ff:ff:ff:ff:ff";
const BLOCKED = { bridgeReached: false };

/** The tutorial's cloud: one MAC for all, container packets dropped. */
function cloud(mac = ALIBABA, facts = healthyFacts()): Facts {
  return withForwarding(
    withArp(facts, {
      "192.168.1.11": [mac],
      "192.168.1.12": [mac],
      "192.168.1.254": [mac],
    }),
    { "172.7.22.0/24": BLOCKED, "172.7.23.0/24": BLOCKED },
  );
}

const ETCDCTL =
  "  $ ETCDCTL_API=2 etcdctl --endpoints=https://192.168.1.10:2379,https://192.168.1.11:2379,https://192.168.1.12:2379" +
  " --ca-file=/opt/flannel/cert/ca.pem --cert-file=/opt/flannel/cert/client.pem --key-file=/opt/flannel/cert/client-key.pem" +
  ` set /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}'`;
const RESTART = "  $ systemctl restart flanneld docker   # on every host";

Deno.test("FD502 is ok where every peer has a MAC of its own", () => {
  deepStrictEqual(judged(ARP_PROXIED, healthyFacts()).verdict, "ok");
});

Deno.test("FD502 has nothing to judge where all peers are encapsulated", () => {
  deepStrictEqual(
    judged(ARP_PROXIED, cloud(ALIBABA, healthyVxlanFacts())).verdict,
    "skipped: no-direct-peers",
  );
});

Deno.test("FD502 finds the tutorial's cloud and names both ways out", () => {
  deepStrictEqual(judged(ARP_PROXIED, cloud()).lines, [
    `error cloud: ${ALIBABA}`,
    `  answer ARP, Reply 192.168.1.11 is-at ${ALIBABA}`,
    `  answer ARP, Reply 192.168.1.12 is-at ${ALIBABA}`,
    `  answer ARP, Reply 192.168.1.254 is-at ${ALIBABA}`,
    "  route 172.7.21.0/24 via 192.168.1.10",
    "  route 172.7.22.0/24 via 192.168.1.11",
    "  route 172.7.23.0/24 via 192.168.1.12",
    ETCDCTL,
    RESTART,
  ]);
  deepStrictEqual(
    sentences(ARP_PROXIED, cloud())[0]!.slice(0, 118),
    "eth0 gets an answer to every ARP request, all from ee:ff:ff:ff:ff:ff, with which Alibaba Cloud answers for 3 addresses",
  );
});

Deno.test("FD502 finds it with two hosts, where one MAC is peer and gateway", () => {
  const two = withForwarding(
    withArp(healthyFacts(), {
      "192.168.1.11": ["02:00:00:00:00:fe"],
      "192.168.1.254": ["02:00:00:00:00:fe"],
    }),
    { "172.7.22.0/24": BLOCKED },
  );
  deepStrictEqual(judged(ARP_PROXIED, two).lines.slice(0, 5), [
    "error default: 02:00:00:00:00:fe",
    "  answer ARP, Reply 192.168.1.11 is-at 02:00:00:00:00:fe",
    "  answer ARP, Reply 192.168.1.254 is-at 02:00:00:00:00:fe",
    "  route 172.7.21.0/24 via 192.168.1.10",
    "  route 172.7.22.0/24 via 192.168.1.11",
  ]);
});

Deno.test("FD502 is ok where somebody has added the cloud's routes", () => {
  const facts = withForwarding(cloud(), {
    "172.7.22.0/24": { bridgeReached: true },
    "172.7.23.0/24": { bridgeReached: true },
  });
  deepStrictEqual(judged(ARP_PROXIED, facts).verdict, "ok");
});

Deno.test("FD502 lists only the routes that the cloud lacks", () => {
  const facts = withForwarding(cloud(), {
    "172.7.22.0/24": { bridgeReached: true },
  });
  const { lines } = judged(ARP_PROXIED, facts);
  deepStrictEqual(lines[0], `error partly: ${ALIBABA}`);
  deepStrictEqual(
    lines.filter((line) => line.startsWith("  route")),
    ["  route 172.7.23.0/24 via 192.168.1.12"],
  );
});

Deno.test("FD502 only warns where no host answers an echo request", () => {
  const silent = { hostReached: false, bridgeReached: false };
  const facts = withForwarding(cloud(), {
    "172.7.22.0/24": silent,
    "172.7.23.0/24": silent,
  });
  deepStrictEqual(
    judged(ARP_PROXIED, facts).lines[0],
    `warning unproved: ${ALIBABA}`,
  );
});

Deno.test("FD502 only warns of Kubernetes nodes, which may have no pod yet", () => {
  deepStrictEqual(
    judged(ARP_PROXIED, onKubernetes(cloud())).lines[0],
    `warning cloud: ${ALIBABA}`,
  );
});

Deno.test("FD502 leaves a router that is a peer itself alone while packets pass", () => {
  const facts = withArp(healthyFacts(), {
    "192.168.1.11": ["52:54:00:aa:01:11"],
    "192.168.1.12": ["52:54:00:aa:01:12"],
    "192.168.1.254": ["52:54:00:aa:01:12"],
  });
  deepStrictEqual(judged(ARP_PROXIED, facts).verdict, "ok");
});

Deno.test("FD502 leaves an address with two MACs to FD503", () => {
  const facts = withForwarding(
    withArp(healthyFacts(), {
      "192.168.1.11": ["52:54:00:aa:01:11", "52:54:00:aa:01:99"],
      "192.168.1.12": ["52:54:00:aa:01:99", "52:54:00:aa:01:12"],
    }),
    { "172.7.22.0/24": BLOCKED },
  );
  deepStrictEqual(judged(ARP_PROXIED, facts).verdict, "ok");
});

Deno.test("FD502 writes the config for etcd v3 and for Kubernetes", () => {
  const facts = cloud();
  const settings = given(facts, "settings");
  const store = (value: "etcd-v3" | "kubernetes") =>
    judged(ARP_PROXIED, {
      ...facts,
      settings: known({ ...settings, store: { value, source: "default" } }),
    }).findings[0]!.commands;
  deepStrictEqual(
    store("etcd-v3")[0]!.replace(/--endpoints=\S+ /, ""),
    "ETCDCTL_API=3 etcdctl --cacert=/opt/flannel/cert/ca.pem --cert=/opt/flannel/cert/client.pem --key=/opt/flannel/cert/client-key.pem" +
      ` put /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}'`,
  );
  deepStrictEqual(store("kubernetes"), [
    "kubectl -n kube-flannel edit configmap kube-flannel-cfg",
    "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
  ]);
});

Deno.test("FD502 says 300 peers in one finding", () => {
  const facts = largeNetwork(healthyFacts(), 300);
  const arp = given(facts, "arp");
  const proxied = {
    ...facts,
    arp: known({
      ...arp,
      answers: arp.answers.map((a) => ({ ...a, macs: [ALIBABA] })),
    }),
  };
  const { findings } = judged(ARP_PROXIED, proxied);
  deepStrictEqual(findings.length, 1);
  deepStrictEqual(findings[0]!.evidence.length, 204);
  deepStrictEqual((findings[0]!.arguments.routes as string[]).length, 301);
});

Deno.test("FD502 is unknown without the forwarding probe", () => {
  deepStrictEqual(
    judged(ARP_PROXIED, without(cloud(), "forwarding")).verdict,
    "unknown: not looked at",
  );
});
