import assert from "node:assert/strict";
import { planLab } from "./lab_plan.ts";
import { parseLabSpec } from "./parse_lab_spec.ts";

function plan(data: unknown = {}) {
  return planLab(parseLabSpec(data));
}

Deno.test("planLab() gives every node a name, a namespace and an address", () => {
  const { nodes, netns, endpoints } = plan({ name: "demo", hosts: 2 });
  assert.deepEqual(
    nodes.map(({ name, netns, address, gateway, subnet }) =>
      [name, netns, address, gateway, subnet].join(" ")
    ),
    [
      "etcd-1 flandoc-demo-etcd-1 172.26.216.2 172.26.216.1 ",
      "node-1 flandoc-demo-node-1 172.26.216.11 172.26.216.1 172.7.21.0/24",
      "node-2 flandoc-demo-node-2 172.26.216.12 172.26.216.1 172.7.22.0/24",
    ],
  );
  assert.deepEqual(netns[0], "flandoc-demo-switch");
  assert.equal(netns.length, 4);
  assert.deepEqual(endpoints, ["http://172.26.216.2:2379"]);
});

Deno.test("planLab() names https endpoints, one for each member", () => {
  assert.deepEqual(plan({ etcd: { tls: true, members: 3 } }).endpoints, [
    "https://172.26.216.2:2379",
    "https://172.26.216.3:2379",
    "https://172.26.216.4:2379",
  ]);
});

Deno.test("planLab() takes given addresses and subnets first", () => {
  const { nodes } = plan({
    addresses: ["172.26.216.164"],
    subnets: ["172.7.164.0/24"],
  });
  assert.deepEqual(nodes.slice(1).map((node) => [node.address, node.subnet]), [
    ["172.26.216.164", "172.7.164.0/24"],
    ["172.26.216.12", "172.7.22.0/24"],
  ]);
});

Deno.test("planLab() puts hosts on two segments by turns", () => {
  const { nodes } = plan({ hosts: 3, segments: 2 });
  assert.deepEqual(
    nodes.slice(1).map(({ address, gateway }) => `${address} ${gateway}`),
    [
      "172.26.216.11 172.26.216.1",
      "172.26.217.12 172.26.217.1",
      "172.26.216.13 172.26.216.1",
    ],
  );
});

Deno.test("planLab() follows the config", async (t) => {
  const cases: [
    config: string,
    network: string | null,
    subnet: string | null,
  ][] = [
    ['{"Network":"10.5.0.0/16"}', "10.5.0.0/16", "10.5.21.0/24"],
    ['{"Network":"10.5.0.0/16","SubnetLen":26}', "10.5.0.0/16", "10.5.5.64/26"],
    ['{"Network":"10.5.4.0/22"}', "10.5.4.0/22", "10.5.5.0/24"],
    ["not json", null, null],
    ["[]", null, null],
    ['{"Network":7}', null, null],
  ];
  for (const [config, network, subnet] of cases) {
    await t.step(config, () => {
      const found = plan({ config });
      assert.equal(found.network, network);
      assert.equal(found.nodes[1]?.subnet, subnet);
    });
  }
});

Deno.test("planLab() lower-cases the backend, absent is udp", () => {
  assert.equal(
    plan({ config: { Backend: { Type: "VxLAN" } } }).backend,
    "vxlan",
  );
  assert.equal(plan({ config: { Network: "10.5.0.0/16" } }).backend, "udp");
});
