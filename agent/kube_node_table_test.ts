import assert from "node:assert/strict";
import { annotationNames } from "../stores/kubernetes/annotations.ts";
import { type KubeNode, parseNode } from "../stores/kubernetes/node.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { KubeNodeTable } from "./kube_node_table.ts";
import type { LeaseEvent } from "./subnet_manager.ts";

const NAMES = annotationNames("p.x");

function node(
  name: string,
  podCIDR: string,
  publicIP: string,
  created = "2026-01-01T00:00:00Z",
): KubeNode {
  return parseNode({
    metadata: {
      name,
      creationTimestamp: created,
      annotations: {
        "p.x/kube-subnet-manager": "true",
        "p.x/backend-type": "host-gw",
        "p.x/backend-data": "null",
        "p.x/public-ip": publicIP,
      },
    },
    spec: { podCIDR },
  });
}

function tableOf(...nodes: readonly KubeNode[]) {
  const log = quietLog();
  const table = new KubeNodeTable({
    names: NAMES,
    families: { ipv4: true, ipv6: false },
    nodeName: "own",
    log,
  });
  table.replace(nodes);
  return { table, log };
}

function tell(events: readonly LeaseEvent[]): string[] {
  return events.map((event) =>
    event.type === "put"
      ? `put ${event.lease.key} ${event.lease.attributes.publicIP}`
      : event.type === "remove"
      ? `remove ${event.key}`
      : event.type
  );
}

const A = node("a", "10.1.1.0/24", "192.168.0.1");

Deno.test("KubeNodeTable tells only of what changed for the network", () => {
  const { table } = tableOf(A);
  // A kubelet writes its node every few minutes.
  assert.deepEqual(tell(table.put({ ...A, resourceVersion: "9" })), []);
  assert.deepEqual(
    tell(table.put(node("a", "10.1.1.0/24", "192.168.0.9"))),
    ["put 10.1.1.0-24 192.168.0.9"],
  );
  assert.deepEqual(
    tell(table.put(node("a", "10.1.2.0/24", "192.168.0.9"))),
    ["remove 10.1.1.0-24", "put 10.1.2.0-24 192.168.0.9"],
  );
  assert.deepEqual(tell(table.remove("a")), ["remove 10.1.2.0-24"]);
  assert.deepEqual(tell(table.remove("a")), []);
});

Deno.test("KubeNodeTable takes a node out that flannel no longer manages", () => {
  const { table } = tableOf(A);
  const annotations = { ...A.annotations, "p.x/kube-subnet-manager": "false" };
  assert.deepEqual(tell(table.put({ ...A, annotations })), [
    "remove 10.1.1.0-24",
  ]);
});

Deno.test("KubeNodeTable gives a pod CIDR of two nodes to the older one", () => {
  const { table, log } = tableOf(
    node("young", "10.1.1.0/24", "192.168.0.2", "2026-02-01T00:00:00Z"),
    A,
  );
  assert.deepEqual(
    table.leases().map((lease) => lease.attributes.publicIP),
    ["192.168.0.1"],
  );
  assert.match(log.lines.join(), /W Nodes a and young have one pod CIDR/);
  // The younger may change as it will, and has it when the older one goes.
  assert.deepEqual(
    tell(
      table.put(
        node("young", "10.1.1.0/24", "192.168.0.3", "2026-02-01T00:00:00Z"),
      ),
    ),
    [],
  );
  assert.deepEqual(tell(table.remove("a")), ["put 10.1.1.0-24 192.168.0.3"]);
  assert.equal(log.lines.length, 1);
});

Deno.test("KubeNodeTable keeps the own pod CIDR whoever else has it", () => {
  const { table } = tableOf(
    A,
    node("own", "10.1.1.0/24", "192.168.0.7", "2026-03-01T00:00:00Z"),
  );
  assert.equal(table.leases()[0]?.attributes.publicIP, "192.168.0.7");
  assert.deepEqual(table.othersLeases(), []);
});

Deno.test("KubeNodeTable keeps what a node was while its records are garbled", () => {
  const { table, log } = tableOf(A);
  assert.deepEqual(tell(table.put(node("a", "10.1.1.0/24", "x"))), []);
  assert.deepEqual(tell(table.put(node("a", "10.1.1.0/24", "x"))), []);
  assert.equal(log.lines.length, 1);
  assert.match(log.lines[0] ?? "", /public-ip is no IPv4 address: "x"/);
  // With another pod CIDR there is nothing to be kept.
  assert.deepEqual(tell(table.put(node("a", "10.1.5.0/24", "x"))), [
    "remove 10.1.1.0-24",
  ]);
});

Deno.test("KubeNodeTable.replace() forgets nodes that are gone", () => {
  const { table } = tableOf(A, node("b", "10.1.2.0/24", "192.168.0.2"));
  table.replace([A]);
  assert.deepEqual(table.leases().map(({ key }) => key), ["10.1.1.0-24"]);
});
