import assert from "node:assert/strict";
import { parseLease } from "../../flannel/parse_lease.ts";
import { annotationNames } from "./annotations.ts";
import { type KubeNode, parseNode } from "./node.ts";
import { leaseRecordsOf, nodeLease } from "./node_lease.ts";
import { podCidrsOf } from "./pod_cidrs.ts";

const P = "flannel.alpha.coreos.com";
const NAMES = annotationNames(P);
const V4 = { ipv4: true, ipv6: false };
const DUAL = { ipv4: true, ipv6: true };

function node(
  podCIDRs: readonly string[],
  annotations: Readonly<Record<string, string>>,
  name = "n",
): KubeNode {
  const prefixed = Object.entries(annotations)
    .map(([key, value]) => [`${P}/${key}`, value]);
  return parseNode({
    metadata: { name, annotations: Object.fromEntries(prefixed) },
    spec: { podCIDR: podCIDRs[0], podCIDRs },
  });
}

const VXLAN = {
  "kube-subnet-manager": "true",
  "backend-type": "vxlan",
  "backend-data": '{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}',
  "public-ip": "192.168.64.3",
};

const VXLAN_DUAL = {
  ...VXLAN,
  "backend-v6-data": '{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}',
  "public-ipv6": "fd01::3",
};

Deno.test("leaseRecordsOf() gives what etcd would hold", () => {
  const nodes = [
    node(["10.244.2.0/24", "fd00:10:244:2::/64"], VXLAN_DUAL, "b"),
    node(["10.244.1.0/24"], {
      "kube-subnet-manager": "true",
      "backend-type": "host-gw",
      "backend-data": "null",
      "public-ip": "192.168.1.10",
    }, "a"),
    node(["10.244.3.0/24"], { ...VXLAN, "kube-subnet-manager": "yes" }, "c"),
  ];
  assert.deepEqual(leaseRecordsOf(nodes, NAMES, DUAL), [{
    key: "10.244.1.0-24",
    value:
      '{"PublicIP":"192.168.1.10","PublicIPv6":null,"BackendType":"host-gw"}',
    ttl: null,
  }, {
    key: "10.244.2.0-24&fd00:10:244:2::-64",
    value:
      '{"PublicIP":"192.168.64.3","PublicIPv6":"fd01::3","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}}',
    ttl: null,
  }]);
});

Deno.test("nodeLease() leaves out a family that the network has not", () => {
  const read = nodeLease(
    node(["fd00:10:244:2::/64", "10.244.2.0/24"], VXLAN_DUAL),
    NAMES,
    V4,
  );
  assert.equal(read.kind, "lease");
  if (read.kind !== "lease") return;
  assert.equal(read.lease.key, "10.244.2.0-24");
  assert.equal(read.lease.ipv6Subnet, null);
  assert.equal(read.lease.attributes.publicIPv6, null);
  assert.equal(read.problem, null);
});

Deno.test("nodeLease() of IPv6 only has the zero address for IPv4", () => {
  const read = nodeLease(
    node(["fd00:10:244:2::/64"], VXLAN_DUAL),
    NAMES,
    { ipv4: false, ipv6: true },
  );
  assert.equal(read.kind, "lease");
  if (read.kind !== "lease") return;
  assert.equal(read.lease.key, "0.0.0.0-0&fd00:10:244:2::-64");
  assert.equal(read.lease.attributes.publicIP, "0.0.0.0");
  const [record] = leaseRecordsOf(
    [node(["fd00:10:244:2::/64"], VXLAN_DUAL)],
    NAMES,
    { ipv4: false, ipv6: true },
  );
  assert.deepEqual(parseLease(record!), read.lease);
});

Deno.test("nodeLease() keeps the family that works of two", () => {
  const read = nodeLease(
    node(["10.244.2.0/24", "fd00::/64"], VXLAN),
    NAMES,
    DUAL,
  );
  assert.equal(read.kind, "lease");
  if (read.kind !== "lease") return;
  assert.equal(read.lease.key, "10.244.2.0-24");
  assert.match(read.problem ?? "", /public-ipv6 is missing/);
});

Deno.test("nodeLease() says what is wrong with a node", async (t) => {
  const cases: readonly (readonly [string, KubeNode, RegExp])[] = [
    ["no pod CIDR", node([], VXLAN), /pod cidr not assigned/],
    [
      "an address that is none",
      node(["10.244.2.0/24"], { ...VXLAN, "public-ip": "10.0.0" }),
      /public-ip is no IPv4 address: "10\.0\.0"/,
    ],
    [
      "IPv6 only where the network is IPv4",
      node(["fd00::/64"], VXLAN),
      /it has no IPv4 pod CIDR/,
    ],
  ];
  for (const [name, given, message] of cases) {
    await t.step(name, () => {
      const read = nodeLease(given, NAMES, V4);
      assert.equal(read.kind, "problem");
      assert.match(read.kind === "problem" ? read.problem : "", message);
    });
  }
});

Deno.test("nodeLease() takes garbled backend data for none, and says so", () => {
  const read = nodeLease(
    node(["10.244.2.0/24"], { ...VXLAN, "backend-data": "{VNI" }),
    NAMES,
    V4,
  );
  assert.equal(read.kind, "lease");
  if (read.kind !== "lease") return;
  assert.equal(read.lease.attributes.backendData, null);
  assert.match(read.problem ?? "", /backend-data is not JSON/);
});

Deno.test("podCidrsOf() sorts by family and refuses the rest", async (t) => {
  const cases = [
    [["10.244.1.0/24"], { subnet: "10.244.1.0/24", ipv6Subnet: null }],
    [["fd00:0::/64", "10.244.1.9/24"], {
      subnet: "10.244.1.0/24",
      ipv6Subnet: "fd00::/64",
    }],
    [[], /pod cidr not assigned/],
    [["10.1.0.0/24", "10.2.0.0/24"], /two pod CIDRs of one family/],
    [["10.1.0.0/24", "fd00::/64", "fd01::/64"], /has 3 pod CIDRs/],
    [["10.1.0.0"], /bad pod CIDR: "10\.1\.0\.0"/],
  ] as const;
  for (const [cidrs, wanted] of cases) {
    await t.step(cidrs.join(",") || "none", () => {
      const read = podCidrsOf(node(cidrs, {}));
      if (wanted instanceof RegExp) assert.match(String(read), wanted);
      else assert.deepEqual(read, wanted);
    });
  }
});

Deno.test("parseNode() takes podCIDR where there is no podCIDRs", () => {
  const read = parseNode({
    metadata: { name: "n" },
    spec: { podCIDR: "10.1.0.0/24" },
    status: {
      conditions: [
        { type: "Ready", status: "True" },
        { type: "NetworkUnavailable", status: "True", reason: "NoRoute" },
      ],
    },
  });
  assert.deepEqual(read.podCIDRs, ["10.1.0.0/24"]);
  assert.deepEqual(read.networkUnavailable, {
    status: "True",
    reason: "NoRoute",
  });
  assert.throws(() => parseNode({ kind: "Status" }), /metadata\.name/);
});
