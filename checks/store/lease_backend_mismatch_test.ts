import assert from "node:assert/strict";
import type { LeaseRecord } from "../../flannel/lease.ts";
import { runChecks } from "../engine.ts";
import { CATALOGUE } from "../mod.ts";
import {
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withProcesses,
} from "../../tests/fixtures/changes.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { LEASE_BACKEND_MISMATCH } from "./lease_backend_mismatch.ts";

const VXLAN = '{"Network": "172.7.0.0/16", "Backend": {"Type": "VxLAN"}}';

/** The tutorial's host between its new config and its agent's restart. */
function changedConfig(base?: Facts): Facts {
  return withConfig(VXLAN, base);
}

Deno.test("FD210 is ok where leases and config name one backend", () => {
  for (const facts of [healthyFacts(), healthyVxlanFacts()]) {
    assert.equal(judged(LEASE_BACKEND_MISMATCH, facts).verdict, "ok");
  }
});

Deno.test("FD210 finds a config that the agent has not read yet", () => {
  const facts = changedConfig();
  assert.deepEqual(judged(LEASE_BACKEND_MISMATCH, facts).lines.slice(-3), [
    '  wanted "Backend": {"Type": "vxlan"}',
    "  $ systemctl restart flanneld",
    "  $ systemctl restart docker",
  ]);
  assert.match(
    sentences(LEASE_BACKEND_MISMATCH, facts)[0]!,
    /^The config says vxlan, but this host has its lease for host-gw:/,
  );
});

Deno.test("FD210 is the one cause while the former backend works on", () => {
  const results = runChecks(CATALOGUE, changedConfig(), { now: () => 0 });
  const failed = results.filter(({ verdict }) => verdict === "failed");
  assert.deepEqual(failed.map(({ check }) => check.code), ["FD210"]);
  const stale = results.find(({ check }) => check.code === "FD403");
  assert.deepEqual(stale?.reason, { kind: "moot", after: "FD210" });
});

Deno.test("FD210 knows that udp's leases name no backend", () => {
  const udp = withConfig('{"Network": "172.7.0.0/16"}');
  assert.match(
    sentences(LEASE_BACKEND_MISMATCH, udp)[0]!,
    /^The config says udp, but this host has its lease for host-gw/,
  );
  const nameless = withLeases(
    (records) =>
      records.map((each) => ({
        ...each,
        value: each.value.replace(/,"BackendType":"host-gw"/, ""),
      })),
    udp,
  );
  assert.equal(judged(LEASE_BACKEND_MISMATCH, nameless).verdict, "ok");
});

Deno.test("FD210 warns of peers of another backend, and nothing follows", () => {
  const facts = withLeases((records) => [
    ...records,
    {
      ...record("172.7.60.0-24", "192.168.1.60"),
      value:
        '{"PublicIP":"192.168.1.60","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"b6:9c:34:00:00:60"}}',
    },
    // A reservation by hand names no backend.
    {
      ...record("172.7.61.0-24", "192.168.1.61", null),
      value: '{"PublicIP":"192.168.1.61"}',
    },
  ]);
  assert.deepEqual(sentences(LEASE_BACKEND_MISMATCH, facts), [
    "There are leases for vxlan (1: 192.168.1.60), while the config and this host have host-gw: this host has no routes to their containers, and they have none to those here.",
  ]);
  const results = runChecks(CATALOGUE, facts, { now: () => 0 });
  const routes = results.find(({ check }) => check.code === "FD401");
  assert.equal(routes?.verdict, "ok");
});

Deno.test("FD210 is an error where every peer has another backend", () => {
  const vxlan = (each: LeaseRecord) => ({
    ...each,
    value: each.value.replace(
      '"host-gw"',
      '"vxlan","BackendData":{"VtepMAC":"b6:9c:34:00:00:60"}',
    ),
  });
  const facts = withLeases(([own, ...peers]) => [
    own!,
    ...peers.map(vxlan),
    {
      ...record("172.7.61.0-24", "192.168.1.61", null),
      value: '{"PublicIP":"192.168.1.61"}',
    },
  ]);
  assert.match(
    judged(LEASE_BACKEND_MISMATCH, facts).lines[0]!,
    /^error all-peers: 172.7.22.0-24$/,
  );
  assert.deepEqual(sentences(LEASE_BACKEND_MISMATCH, facts), [
    "Every other host (2: 192.168.1.11, 192.168.1.12) has its lease for vxlan, while the config and this host have host-gw: this host reaches no container of another host, and none of theirs reaches those here.",
  ]);
  const one = withLeases(([own, first, ...others]) => [
    own!,
    vxlan(first!),
    ...others,
  ]);
  assert.match(
    judged(LEASE_BACKEND_MISMATCH, one).lines[0]!,
    /^warning peers: /,
  );
});

Deno.test("FD210 names Kubernetes' own restart", () => {
  const pod = withProcesses((processes) =>
    processes.map((process) => ({ ...process, unit: null }))
  );
  const { findings } = judged(
    LEASE_BACKEND_MISMATCH,
    changedConfig(onKubernetes(pod)),
  );
  assert.deepEqual(findings[0]?.commands, [
    "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
  ]);
});

Deno.test("FD210 does not apply without a lease, and is unknown without leases", () => {
  assert.equal(
    judged(
      LEASE_BACKEND_MISMATCH,
      withLeases((records) => records.slice(1)),
    ).verdict,
    "skipped: no-lease",
  );
  assert.equal(
    judged(LEASE_BACKEND_MISMATCH, without(healthyFacts(), "leases")).verdict,
    "unknown: not looked at",
  );
});
