import assert from "node:assert/strict";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withProcesses,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import {
  fixtureSubnetEnv,
  healthyFacts,
} from "../../tests/fixtures/healthy.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { NETWORK_CHANGED } from "./network_changed.ts";

const CHANGED = '{"Network": "172.26.0.0/16", "Backend": {"Type": "host-gw"}}';

/** The facts with the rules of an iptables-save text instead. */
function withRules(text: string, base: Facts): Facts {
  const tables = parseIptables(text).tables;
  return changed({
    netfilter: known([{ backend: "iptables-nft", tables }]),
  }, base);
}

Deno.test("FD109 finds the tutorial's slip: set 172.7.0.0/16, get 172.26.0.0/16", () => {
  const facts = withConfig(CHANGED);
  const { lines } = judged(NETWORK_CHANGED, facts);
  assert.deepEqual(lines.slice(0, 7), [
    "error env-leases: /coreos.com/network/config",
    "  key /coreos.com/network/config",
    `  config ${CHANGED}`,
    "  file FLANNEL_NETWORK=172.7.0.0/16",
    '  lease /coreos.com/network/subnets/172.7.21.0-24 {"PublicIP":"192.168.1.10","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.22.0-24 {"PublicIP":"192.168.1.11","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.23.0-24 {"PublicIP":"192.168.1.12","BackendType":"host-gw"}',
  ]);
  assert.match(
    lines.at(-1)!,
    / set \/coreos.com\/network\/config '\{"Network": "172.7.0.0\/16", "Backend": \{"Type": "host-gw"\}\}'$/,
  );
  assert.deepEqual(sentences(NETWORK_CHANGED, facts), [
    "The config in the store says 172.26.0.0/16, but subnet.env says 172.7.0.0/16 and every lease lies outside the config's network (172.7.21.0/24, 172.7.22.0/24, 172.7.23.0/24): the hosts still work with the former network.",
  ]);
});

Deno.test("FD109 finds the slip the other way round: only a hand-written subnet.env has the old network", () => {
  const facts = withLeases(
    [record("172.26.164.0-24", "192.168.1.10")],
    withConfig(CHANGED),
  );
  assert.deepEqual(sentences(NETWORK_CHANGED, facts), [
    "The config in the store says 172.26.0.0/16, but subnet.env on this host says 172.7.0.0/16: this host still works with another network.",
  ]);
});

Deno.test("FD109 lets a host follow the record where nobody has a lease", () => {
  const facts = withLeases([], withConfig(CHANGED));
  const { lines } = judged(NETWORK_CHANGED, facts);
  assert.equal(lines[0], "error env: /coreos.com/network/config");
  assert.deepEqual(lines.slice(-2), [
    "  $ systemctl restart flanneld",
    "  $ systemctl restart docker",
  ]);
  assert.ok(!lines.join().includes(" set "), lines.join("\n"));
});

Deno.test("FD109 writes no network back that the leases do not have", () => {
  const env = { network: "172.9.0.0/16", subnet: "172.9.21.1/24" };
  const facts = withSubnetEnv(
    fixtureSubnetEnv(env),
    {},
    withConfig(CHANGED),
  );
  const { lines } = judged(NETWORK_CHANGED, facts);
  assert.equal(lines[0], "error env-leases: /coreos.com/network/config");
  assert.match(lines.at(-1)!, /etcdctl .* get /);
});

Deno.test("FD109 writes no config back that flannel would refuse", async (t) => {
  const last = (config: string) =>
    judged(NETWORK_CHANGED, withConfig(config)).lines.at(-1)!;
  await t.step("a SubnetMin of the network it has now", () => {
    const text =
      '{"Network": "172.26.0.0/16", "SubnetMin": "172.26.10.0", "Backend": {"Type": "host-gw"}}';
    assert.match(last(text), / get \/coreos.com\/network\/config$/);
  });
  await t.step("a length that no lease has", () => {
    const text =
      '{"Network": "172.26.0.0/16", "SubnetLen": 26, "Backend": {"Type": "host-gw"}}';
    assert.match(last(text), / get \/coreos.com\/network\/config$/);
  });
});

Deno.test("FD109 does not move a host before most others have moved", () => {
  const facts = withLeases((records) => [
    ...records,
    record("172.26.3.0-24", "192.168.1.13"),
  ], withConfig(CHANGED));
  const { lines } = judged(NETWORK_CHANGED, facts);
  assert.equal(lines[0], "error env: /coreos.com/network/config");
  assert.match(lines.at(-1)!, / get \/coreos.com\/network\/config$/);
});

Deno.test("FD109 finds leases that are all of another network", () => {
  const facts = withSubnetEnv(
    fixtureSubnetEnv({ network: "172.26.0.0/16", subnet: "172.26.1.1/24" }),
    {},
    withConfig(CHANGED),
  );
  assert.deepEqual(sentences(NETWORK_CHANGED, facts), [
    "The config in the store says 172.26.0.0/16, but every lease lies outside it (172.7.21.0/24, 172.7.22.0/24, 172.7.23.0/24): no host has taken a subnet of this network yet.",
  ]);
  const missing = withSubnetEnv(null, {}, withConfig(CHANGED));
  assert.match(judged(NETWORK_CHANGED, missing).lines[0]!, /^error leases:/);
});

Deno.test("FD109 finds rules that are all made for another network", () => {
  const rules = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.26.0.0/16 -d 172.26.0.0/16 -j RETURN
-A POSTROUTING -s 172.26.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
COMMIT
`;
  const facts = withRules(rules, healthyFacts());
  assert.deepEqual(sentences(NETWORK_CHANGED, facts), [
    "The config in the store says 172.7.0.0/16, but flannel's netfilter rules on this host are made for 172.26.0.0/16.",
  ]);
  assert.deepEqual(
    judged(NETWORK_CHANGED, facts).lines.filter((line) => / \$ sys/.test(line)),
    ["  $ systemctl restart flanneld"],
  );
  const beside = withProcesses((processes) => {
    const flanneld = processes.find(({ name }) => name === "flanneld")!;
    return [...processes, { ...flanneld, pid: 900 }];
  }, facts);
  assert.equal(judged(NETWORK_CHANGED, beside).verdict, "ok");
  const both = withRules(
    rules.replace("COMMIT", "") +
      rules.split("\n").slice(2, 4).join("\n").replaceAll("172.26", "172.7") +
      "\nCOMMIT\n",
    healthyFacts(),
  );
  assert.equal(judged(NETWORK_CHANGED, both).verdict, "ok");
});

Deno.test("FD109 leaves a single lease outside to FD207", () => {
  const facts = withLeases((records) => [
    ...records,
    record("172.26.1.0-24", "192.168.1.99"),
  ]);
  assert.equal(judged(NETWORK_CHANGED, facts).verdict, "ok");
});

Deno.test("FD109 compares networks, not their spelling", () => {
  const facts = withSubnetEnv(
    fixtureSubnetEnv({ network: '"172.7.0.0/16"' }),
    {},
    withConfig('{"Network": "172.7.9.0/16", "Backend": {"Type": "host-gw"}}'),
  );
  assert.equal(judged(NETWORK_CHANGED, facts).verdict, "ok");
});

Deno.test("FD109 knows the comma lists of v0.21 to v0.24", () => {
  const facts = withSubnetEnv(
    fixtureSubnetEnv({ network: "10.1.0.0/16,172.7.0.0/16" }),
  );
  assert.equal(judged(NETWORK_CHANGED, facts).verdict, "ok");
});

Deno.test("FD109 looks at subnet.env under Kubernetes, not at leases", () => {
  const facts = onKubernetes(withConfig(CHANGED));
  assert.equal(
    judged(NETWORK_CHANGED, facts).lines[0],
    "error env: /coreos.com/network/config",
  );
});

Deno.test("FD109 compares the IPv6 network too", () => {
  const text =
    '{"EnableIPv6": true, "Network": "172.7.0.0/16", "IPv6Network": "fd00:7::/48", "Backend": {"Type": "host-gw"}}';
  const env = fixtureSubnetEnv() + "FLANNEL_IPV6_NETWORK=fd00:8::/48\n" +
    "FLANNEL_IPV6_SUBNET=fd00:8:0:1::1/64\n";
  const facts = withSubnetEnv(env, {}, withConfig(text));
  // v0.11 knows no IPv6; the fixture's flanneld is that.
  assert.equal(judged(NETWORK_CHANGED, facts).verdict, "ok");
  const newer = changed({ processes: known([]) }, facts);
  assert.deepEqual(sentences(NETWORK_CHANGED, newer), [
    "The config in the store says fd00:7::/48, but subnet.env on this host says fd00:8::/48: this host still works with another network.",
  ]);
});
