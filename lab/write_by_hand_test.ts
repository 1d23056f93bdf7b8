import assert from "node:assert/strict";
import { planLab } from "./lab_plan.ts";
import { parseLabSpec } from "./parse_lab_spec.ts";
import {
  bridgeAddress,
  hostScript,
  leaseKey,
  leaseValue,
  subnetEnv,
} from "./write_by_hand.ts";

function host(config: unknown, more = {}) {
  const plan = planLab(parseLabSpec({ hosts: 3, config, ...more }));
  const node = plan.nodes.find((each) => each.name === "node-1");
  assert.ok(node);
  return { plan, node };
}

const HOST_GW = { Network: "172.7.0.0/16", Backend: { Type: "host-gw" } };
const VXLAN = {
  Network: "172.7.0.0/16",
  Backend: { Type: "vxlan", VNI: 42, Port: 4790, DirectRouting: true },
};

Deno.test("hostScript() has a route for each peer, host-gw", () => {
  const { plan, node } = host(HOST_GW);
  assert.equal(
    hostScript(plan, node),
    `\
ip route add 172.7.22.0/24 via 172.26.216.12 dev eth0
ip route add 172.7.23.0/24 via 172.26.216.13 dev eth0
iptables -w -A FORWARD -s 172.7.0.0/16 -j ACCEPT
iptables -w -A FORWARD -d 172.7.0.0/16 -j ACCEPT
`,
  );
});

Deno.test("hostScript() goes direct on the own segment only, vxlan", () => {
  const { plan, node } = host(VXLAN, { segments: 2 });
  assert.equal(
    hostScript(plan, node),
    `\
ip link add flannel.42 address 02:fd:00:00:00:01 type vxlan id 42 local 172.26.216.11 dev eth0 dstport 4790 nolearning
ip link set flannel.42 mtu 1450 up
ip address add 172.7.21.0/32 dev flannel.42
ip neighbour replace 172.7.22.0 lladdr 02:fd:00:00:00:02 dev flannel.42 nud permanent
bridge fdb replace 02:fd:00:00:00:02 dev flannel.42 dst 172.26.217.12 self permanent
ip route add 172.7.22.0/24 via 172.7.22.0 dev flannel.42 onlink
ip route add 172.7.23.0/24 via 172.26.216.13 dev eth0
iptables -w -A FORWARD -s 172.7.0.0/16 -j ACCEPT
iptables -w -A FORWARD -d 172.7.0.0/16 -j ACCEPT
`,
  );
});

Deno.test("hostScript() leaves out what host-gw cannot reach", () => {
  const { plan, node } = host(HOST_GW, { segments: 2 });
  assert.doesNotMatch(hostScript(plan, node), /172\.7\.22\.0/);
});

Deno.test("leaseKey(), leaseValue() and subnetEnv() are flanneld's, byte for byte", () => {
  const { plan, node } = host(VXLAN);
  assert.equal(leaseKey(node), "172.7.21.0-24");
  assert.equal(
    leaseValue(plan, node),
    '{"PublicIP":"172.26.216.11","BackendType":"vxlan","BackendData":{"VtepMAC":"02:fd:00:00:00:01"}}',
  );
  assert.equal(
    subnetEnv(plan, node),
    "FLANNEL_NETWORK=172.7.0.0/16\nFLANNEL_SUBNET=172.7.21.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n",
  );
  assert.equal(bridgeAddress(node), "172.7.21.1/24");
});

Deno.test("leaseValue() has no backend type for udp", () => {
  const { plan, node } = host({ Network: "172.7.0.0/16" });
  assert.equal(leaseValue(plan, node), '{"PublicIP":"172.26.216.11"}');
});

Deno.test("hostScript() has flanneld's four rules with --ip-masq", () => {
  const { plan, node } = host(HOST_GW, { agentFlags: ["--ip-masq"] });
  const rules = hostScript(plan, node).split("\n")
    .filter((line) => line.includes("POSTROUTING"));
  assert.deepEqual(rules, [
    "iptables -w -t nat -A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
    "iptables -w -t nat -A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
    "iptables -w -t nat -A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN",
    "iptables -w -t nat -A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE --random-fully",
  ]);
  assert.match(subnetEnv(plan, node), /^FLANNEL_IPMASQ=true$/m);
});
