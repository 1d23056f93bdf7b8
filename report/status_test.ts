import assert from "node:assert/strict";
import type { Language } from "../checks/check.ts";
import { TTL_NOT_ASKED } from "../flannel/lease.ts";
import { known, unknown } from "../snapshot/fact.ts";
import type { Facts, HealthFacts } from "../snapshot/facts.ts";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withoutAgent,
  withProcesses,
} from "../tests/fixtures/changes.ts";
import { dualStackFacts } from "../tests/fixtures/dual_stack.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { given, without } from "../tests/support/judged.ts";
import { agentStatus, renderStatus } from "./status.ts";

const STYLE = {
  language: "en",
  color: false,
  verbose: false,
  columns: 80,
} as const;

function page(status: number, body: string): HealthFacts {
  return { url: "http://127.0.0.1:2401/readyz", status, body, error: null };
}

/** What a status says behind one label. */
function said(
  label: string,
  facts: Facts,
  ready: HealthFacts | null = null,
  metrics: string | null = null,
  language: Language = "en",
): string[] {
  const text = renderStatus(agentStatus(facts, ready, metrics), facts, {
    ...STYLE,
    language,
  });
  const lines = text.trimEnd().split("\n").slice(2);
  const at = lines.findIndex((line) => line.startsWith(`  ${label} `));
  const more = lines.slice(at + 1).findIndex((line) => !/^ {14}/.test(line));
  const end = more < 0 ? lines.length : at + 1 + more;
  return at < 0 ? [] : lines.slice(at, end)
    .map((line) => line.replace(`  ${label} `, "").trim());
}

function ownTtl(ttl: number | null): Facts {
  return withLeases(([own, ...rest]) => [{ ...own!, ttl }, ...rest]);
}

Deno.test("renderStatus() says what is left of the lease, where it is known", () => {
  const cases = [
    [ownTtl(5400), "172.7.21.0/24, 1 h 30 min left"],
    [ownTtl(null), "172.7.21.0/24, reserved: it does not end"],
    [ownTtl(TTL_NOT_ASKED), "172.7.21.0/24"],
    [withLeases(([, ...rest]) => rest), "none"],
  ] as const;
  for (const [facts, text] of cases) {
    assert.deepEqual(said("lease", facts), [text]);
  }
});

Deno.test("renderStatus() counts peers, with one route for all of them too", () => {
  assert.deepEqual(said("peers", healthyFacts()), ["2"]);
  const udp = withConfig('{"Network":"172.7.0.0/16","Backend":{"Type":"udp"}}');
  assert.deepEqual(said("routes", udp), ["1 wanted, 0 present"]);
  assert.deepEqual(said("peers", udp), ["2"]);
});

Deno.test("renderStatus() counts routes wanted and present", () => {
  assert.deepEqual(said("routes", healthyFacts()), ["2 wanted, 2 present"]);
  assert.deepEqual(said("routes", without(healthyFacts(), "routes")), [
    "unknown: not looked at",
  ]);
});

Deno.test("agentStatus() is ready only where the agent says so", () => {
  const facts = healthyFacts();
  const problems = "not ready\nno answer from etcd";
  assert.equal(agentStatus(facts, page(200, "ok"), null).ready, true);
  assert.equal(agentStatus(facts, null, null).ready, null);
  assert.equal(agentStatus(facts, page(404, ""), null).ready, null);
  assert.equal(
    agentStatus(withoutAgent(), page(200, "ok"), null).ready,
    false,
  );
  assert.deepEqual(said("ready", facts, page(503, problems)), [
    "no",
    "no answer from etcd",
  ]);
  assert.deepEqual(said("agent", withoutAgent()), ["none runs here"]);
});

Deno.test("renderStatus() says why it is not known whether the agent is ready", () => {
  const facts = healthyFacts();
  const url = "http://127.0.0.1:2401/readyz";
  const hung = {
    url,
    status: null,
    body: null,
    error: "no answer in time",
  };
  const flandoc = withProcesses((processes) =>
    processes.map((p) => p.name === "flanneld" ? { ...p, name: "flandoc" } : p)
  );
  const cases: readonly (readonly [Facts, HealthFacts | null, string])[] = [
    [flandoc, null, "it does not say: start it with --healthz-port"],
    [
      flandoc,
      hung,
      `it does not say: ${url} gives no answer (no answer in time)`,
    ],
    [facts, page(404, ""), "it does not say: flanneld tells only that it runs"],
    [flandoc, page(404, ""), `it does not say: ${url} answers 404`],
  ];
  for (const [at, answer, text] of cases) {
    assert.deepEqual(said("ready", at, answer), [text]);
  }
  assert.deepEqual(said("就绪", flandoc, hung, null, "zh"), [
    `未知：${url} 没有应答（no answer in time）`,
  ]);
});

Deno.test("renderStatus() says in words which peers are left alone", () => {
  const vxlan = (key: string, publicIP: string) => ({
    ...record(key, publicIP),
    value: `{"PublicIP":"${publicIP}","BackendType":"vxlan"}`,
  });
  const facts = withLeases((records) => [
    ...records,
    vxlan("172.7.32.0-24", "192.168.1.32"),
  ]);
  assert.deepEqual(said("peers", facts), [
    "2",
    "172.7.32.0/24 is left alone: its backend is vxlan, here it is host-gw",
  ]);
  assert.deepEqual(said("对端", facts, null, null, "zh"), [
    "2",
    "不使用 172.7.32.0/24：其后端类型是 vxlan，本网络是 host-gw",
  ]);
  const many = withLeases((records) => [
    ...records,
    ...[1, 2, 3, 4, 5].map((n) => vxlan(`172.7.3${n}.0-24`, `192.168.1.3${n}`)),
  ]);
  assert.equal(said("peers", many).at(-1), "and 2 more");
  // A subnet of each family, and a way to one of them.
  const value =
    '{"PublicIP":"192.168.1.11","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:01"}}';
  const dual = withLeases(
    (
      [own],
    ) => [own!, { key: "172.7.22.0-24&fd07:0:0:22::-64", value, ttl: 60 }],
    withConfig(
      '{"Network":"172.7.0.0/16","EnableIPv6":true,"IPv6Network":"fd07::/48","Backend":{"Type":"vxlan"}}',
      dualStackFacts(),
    ),
  );
  assert.deepEqual(said("peers", dual), [
    "1",
    "172.7.22.0/24 and fd07:0:0:22::/64 is reached by one family only: for the other it publishes no VTEP MAC, or no address",
  ]);
});

Deno.test("renderStatus() says why the public IP is not known", () => {
  const facts = {
    ...healthyFacts(),
    node: unknown<never>("no external interface: Failed to find interface"),
  };
  assert.deepEqual(said("public IP", facts), [
    "unknown: no external interface: Failed to find interface",
  ]);
  assert.deepEqual(said("公共 IP", facts, null, null, "zh"), [
    "未知：没有外部网卡：Failed to find interface",
  ]);
  assert.deepEqual(said("public IP", healthyFacts()), ["192.168.1.10 (eth0)"]);
});

Deno.test("renderStatus() calls a Kubernetes lease what it is", () => {
  assert.deepEqual(said("lease", onKubernetes(ownTtl(null))), [
    "172.7.21.0/24, the node's pod CIDR: it does not end",
  ]);
});

Deno.test("renderStatus() says what a store that answers does not let be read", () => {
  const [first] = given(healthyFacts(), "endpoints");
  const reason =
    "Cannot list nodes: the API server does not accept the credentials (kubeconfig /k)";
  const base = changed({
    endpoints: known([{
      ...first!,
      endpoint: "https://10.0.0.1:6443",
      version: "v1.34.1",
      latencyMs: 2,
    }]),
    leaseRecords: unknown(reason),
  }, onKubernetes());
  assert.deepEqual(said("store", base), [
    "https://10.0.0.1:6443 v1.34.1, 2.0 ms",
    `the leases cannot be read: ${reason}`,
  ]);
  // The other lines need not say it again.
  assert.deepEqual(said("lease", base), [
    "unknown: this host's lease is not known: the leases could not be read",
  ]);
  assert.deepEqual(said("租约", base, null, null, "zh"), [
    "未知：不了解本机的租约：读不到租约",
  ]);
  // Once is enough where nothing answers.
  const away = changed({
    endpoints: known([{ ...first!, reachable: false, error: "refused" }]),
  }, base);
  assert.deepEqual(said("store", away), [`${first!.endpoint} refused`]);
  const none = changed({ endpoints: known([]) }, base);
  assert.deepEqual(said("store", none), [
    `the leases cannot be read: ${reason}`,
  ]);
});

Deno.test("renderStatus() adds up the repairs of the agent's metrics", () => {
  const metrics =
    'flandoc_repairs_total{kind="route"} 3\nflandoc_repairs_total{kind="rule"} 2\n';
  const [line] = said("repairs", healthyFacts(), null, metrics);
  assert.match(line ?? "", /^5 /);
  assert.deepEqual(said("repairs", healthyFacts()), []);
});
