import assert from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { EndpointHealth } from "../../stores/store.ts";
import { onKubernetes, withSettings } from "../../tests/fixtures/changes.ts";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { STORE_DEGRADED } from "./store_degraded.ts";
import { STORE_UNREACHABLE } from "./store_unreachable.ts";

type Change = Partial<EndpointHealth> | null;

/** The three endpoints, each with changes or as it is. */
function endpoints(...changes: Change[]): Facts {
  const facts = healthyFacts();
  return {
    ...facts,
    endpoints: known(
      given(facts, "endpoints").map((endpoint, index) => ({
        ...endpoint,
        ...changes[index],
      })),
    ),
  };
}

function down(errorKind: string | null, error: string): Change {
  return {
    reachable: false,
    error,
    errorKind,
    version: null,
    clusterId: null,
    memberId: null,
    healthy: null,
    hasLeader: null,
    v2: null,
    v3: null,
    latencyMs: null,
  };
}

const REFUSED = down("refused", "connection refused");

Deno.test("FD201 gives each endpoint's error when none can be used", () => {
  const facts = endpoints(REFUSED, REFUSED, REFUSED);
  const { lines } = judged(STORE_UNREACHABLE, facts);
  assert.deepEqual(lines.slice(0, 5), [
    "error refused: https://192.168.1.10:2379,https://192.168.1.11:2379,https://192.168.1.12:2379",
    "  endpoint https://192.168.1.10:2379  connection refused",
    "  endpoint https://192.168.1.11:2379  connection refused",
    "  endpoint https://192.168.1.12:2379  connection refused",
    "  $ curl --cacert /opt/flannel/cert/ca.pem --cert /opt/flannel/cert/client.pem --key /opt/flannel/cert/client-key.pem https://192.168.1.10:2379/health",
  ]);
  assert.deepEqual(sentences(STORE_UNREACHABLE, facts), [
    "No etcd endpoint accepts a connection: nothing listens there.",
  ]);
});

Deno.test("FD201 has a sentence for every kind of failure", async (t) => {
  const kinds = {
    timeout: "No etcd endpoint answers in time.",
    dns: "No etcd endpoint can be found: the names do not resolve.",
    "tls-untrusted":
      "No etcd endpoint can be trusted: the certificates they show are not signed by /opt/flannel/cert/ca.pem.",
    "tls-name":
      "No etcd endpoint can be trusted: the certificates they show do not name the addresses they are asked by.",
    "tls-expired":
      "No etcd endpoint can be used: a certificate is expired or not valid yet.",
    "tls-client-certificate":
      "No etcd endpoint accepts this host's client certificate /opt/flannel/cert/client.pem.",
    "not-etcd": "What answers at the etcd endpoints is not etcd.",
    auth:
      "etcd asks for a user and a password, and none is configured (--etcd-username, --etcd-password).",
    http: "Every etcd endpoint answers with an error.",
    file:
      "The etcd endpoints cannot be asked: a certificate or key file cannot be read.",
    scheme:
      "The etcd endpoints speak plain HTTP and are asked by https://: --etcd-endpoints needs http://.",
    tls: "No etcd endpoint can be used: the TLS handshake fails.",
    closed: "Every etcd endpoint hangs up without an answer.",
    unreachable:
      "No etcd endpoint can be reached: this host has no route to them.",
    invalid: "No etcd endpoint is a URL such as http://192.168.1.10:2379.",
    "a-kind-of-later": "No etcd endpoint can be used.",
  };
  for (const [kind, sentence] of Object.entries(kinds)) {
    await t.step(kind, () => {
      const each = down(kind, "why");
      const facts = endpoints(each, each, each);
      assert.deepEqual(sentences(STORE_UNREACHABLE, facts), [sentence]);
    });
  }
});

Deno.test("FD201 finds that etcd is there for others only", () => {
  const denied = {
    ...given(healthyFacts(), "endpoints")[0]!,
    error: "etcd does not accept user and password",
    errorKind: "auth",
  };
  const facts = withSettings(
    { etcdUsername: "flannel" },
    endpoints(denied, denied, REFUSED),
  );
  assert.deepEqual(sentences(STORE_UNREACHABLE, facts), [
    "No etcd endpoint lets this host read: user and password are not accepted, or the user's role does not reach /coreos.com/network/config.",
  ]);
  const some = endpoints(denied, given(healthyFacts(), "endpoints")[1]!);
  assert.equal(judged(STORE_UNREACHABLE, some).verdict, "ok");
});

Deno.test("FD201 says so when the endpoints fail for different reasons", () => {
  const facts = endpoints(REFUSED, down("timeout", "no answer"), REFUSED);
  assert.deepEqual(sentences(STORE_UNREACHABLE, facts), [
    "No etcd endpoint can be used, each for its own reason.",
  ]);
});

Deno.test("FD201 finds an etcd without the API that flannel reads", () => {
  const off = { v2: false };
  assert.deepEqual(sentences(STORE_UNREACHABLE, endpoints(off, off, REFUSED)), [
    "etcd answers, but without the v2 API that flannel reads here: no endpoint runs with --enable-v2.",
  ]);
  const v3 = withSettings({ store: "etcd-v3" }, endpoints(off, off, off));
  assert.equal(judged(STORE_UNREACHABLE, v3).verdict, "ok");
  const none = { v3: false };
  assert.deepEqual(
    sentences(
      STORE_UNREACHABLE,
      withSettings({ store: "etcd-v3" }, endpoints(none, none, none)),
    ),
    ["etcd answers, but without the v3 API that flannel reads here."],
  );
});

Deno.test("FD201 does not take an API that was not asked for a missing one", () => {
  const unasked = { v2: null };
  const facts = endpoints(unasked, { v2: false }, { v2: false });
  assert.equal(judged(STORE_UNREACHABLE, facts).verdict, "ok");
});

Deno.test("FD201 finds that no endpoint is configured", () => {
  const facts = { ...healthyFacts(), endpoints: known([]) };
  assert.match(judged(STORE_UNREACHABLE, facts).lines[0]!, /^error none:/);
});

Deno.test("FD201 leaves it to FD203 when one endpoint serves", () => {
  const facts = endpoints(REFUSED, REFUSED, null);
  assert.equal(judged(STORE_UNREACHABLE, facts).verdict, "ok");
  assert.deepEqual(sentences(STORE_DEGRADED, facts), [
    "The etcd endpoint https://192.168.1.10:2379 cannot be used; 1 of 3 can.",
    "The etcd endpoint https://192.168.1.11:2379 cannot be used; 1 of 3 can.",
  ]);
  assert.match(judged(STORE_DEGRADED, facts).lines[0]!, /^warning down:/);
});

Deno.test("FD203 finds what keeps leases from being renewed", async (t) => {
  const cases: readonly (readonly [Change, string, string])[] = [
    [
      { hasLeader: false, healthy: false },
      "error no-leader",
      "The etcd member at https://192.168.1.10:2379 has no leader: nothing can be written, so no lease can be renewed.",
    ],
    [
      { healthy: false },
      "warning unhealthy",
      "The etcd member at https://192.168.1.10:2379 says it is not healthy.",
    ],
    [
      { alarms: ["NOSPACE"], healthy: false },
      "error nospace",
      "etcd at https://192.168.1.10:2379 has the alarm NOSPACE: its database has reached its quota and every write is refused, renewals of leases too.",
    ],
    [
      { alarms: ["CORRUPT"] },
      "error corrupt",
      "etcd at https://192.168.1.10:2379 has the alarm CORRUPT: its data differs from the other members'.",
    ],
    [
      { alarms: ["LATER"] },
      "warning alarm",
      "etcd at https://192.168.1.10:2379 has the alarm LATER.",
    ],
    [
      { v2: false },
      "warning no-v2",
      "etcd at https://192.168.1.10:2379 does not serve the v2 API that flannel reads here, though other endpoints do.",
    ],
    [
      { clusterId: "deadbeef00000001" },
      "error clusters",
      "The endpoints belong to 2 different etcd clusters (deadbeef00000001, cdf818194e3a8c32): each holds other leases, and which of them a host sees is chance.",
    ],
  ];
  for (const [change, head, sentence] of cases) {
    await t.step(head, () => {
      const facts = endpoints(change);
      const { lines, findings } = judged(STORE_DEGRADED, facts);
      assert.equal(findings.length, 1);
      assert.equal(lines[0]!.split(":")[0], head);
      assert.deepEqual(sentences(STORE_DEGRADED, facts), [sentence]);
    });
  }
});

Deno.test("FD203 shows what a member said of itself", () => {
  const facts = endpoints({ hasLeader: false, alarms: ["NOSPACE"] });
  assert.deepEqual(
    judged(STORE_DEGRADED, facts).lines[1],
    [
      "  endpoint https://192.168.1.10:2379",
      "etcd 3.4.23",
      "cluster cdf818194e3a8c32",
      "no leader",
      "NOSPACE",
    ].join("  "),
  );
});

Deno.test("FD203 does not mind a v2 API that is off for flannel with v3", () => {
  const facts = withSettings({ store: "etcd-v3" }, endpoints({ v2: false }));
  assert.equal(judged(STORE_DEGRADED, facts).verdict, "ok");
});

Deno.test("FD201 and FD203 do not apply to Kubernetes", () => {
  for (const check of [STORE_UNREACHABLE, STORE_DEGRADED]) {
    const facts = onKubernetes(endpoints(REFUSED, REFUSED, REFUSED));
    assert.equal(judged(check, facts).verdict, "skipped: kubernetes");
  }
});
