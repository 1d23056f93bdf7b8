import assert from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { CertificateFacts, Facts } from "../../snapshot/facts.ts";
import {
  onKubernetes,
  type SettingValues,
  withSettings,
} from "../../tests/fixtures/changes.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { matchesName } from "./matches_name.ts";
import { STORE_CERTIFICATE } from "./store_certificate.ts";

/** The healthy certificates with every one of a role changed. */
function certificates(
  role: CertificateFacts["role"],
  change: Partial<CertificateFacts>,
  settings: SettingValues = {},
): Facts {
  const facts = withSettings(settings);
  return {
    ...facts,
    certificates: known(
      given(facts, "certificates").map((certificate) =>
        certificate.role === role ? { ...certificate, ...change } : certificate
      ),
    ),
  };
}

Deno.test("FD202 finds certificates that are not valid now", async (t) => {
  const cases: readonly (readonly [Partial<CertificateFacts>, string])[] = [
    [
      { notAfter: "2026-11-20T00:00:00Z" },
      "The certificate /opt/flannel/cert/client.pem (CN=client) ended on 2026-11-20T00:00:00Z.",
    ],
    [
      { notBefore: "2026-12-01T00:00:00Z" },
      "The certificate /opt/flannel/cert/client.pem (CN=client) is valid from 2026-12-01T00:00:00Z on; this host's clock says 2026-11-22T06:00:00Z.",
    ],
    [
      { notAfter: "2026-12-02T06:00:00Z" },
      "The certificate /opt/flannel/cert/client.pem (CN=client) ends in 10 days, on 2026-12-02T06:00:00Z.",
    ],
    [
      { error: "no such file" },
      "/opt/flannel/cert/client.pem cannot be used: no such file.",
    ],
  ];
  for (const [change, sentence] of cases) {
    await t.step(sentence, () => {
      const facts = certificates("client", change);
      assert.deepEqual(sentences(STORE_CERTIFICATE, facts), [sentence]);
    });
  }
});

Deno.test("FD202 warns thirty days ahead, not earlier", () => {
  const at = (notAfter: string) =>
    judged(STORE_CERTIFICATE, certificates("ca", { notAfter })).lines[0];
  assert.equal(
    at("2026-12-22T05:59:59Z"),
    "warning expiring: /opt/flannel/cert/ca.pem",
  );
  assert.equal(at("2026-12-22T06:00:00Z"), undefined);
});

Deno.test("FD202 shows subject, issuer and dates, and how to see them", () => {
  const facts = certificates("client", { notAfter: "2026-11-20T00:00:00Z" });
  assert.deepEqual(judged(STORE_CERTIFICATE, facts).lines, [
    "error expired: /opt/flannel/cert/client.pem",
    "  certificate /opt/flannel/cert/client.pem  CN=client  issuer CN=etcd-ca  2026-01-01T00:00:00Z to 2026-11-20T00:00:00Z",
    "  $ openssl x509 -in /opt/flannel/cert/client.pem -noout -subject -dates",
  ]);
});

Deno.test("FD202 finds a server certificate without the endpoint's address", () => {
  const facts = certificates("server", { sans: ["DNS:etcd", "IP:10.0.0.1"] });
  assert.equal(
    sentences(STORE_CERTIFICATE, facts)[0],
    "The certificate that https://192.168.1.10:2379 shows does not name 192.168.1.10; it names DNS:etcd, IP:10.0.0.1.",
  );
  assert.equal(judged(STORE_CERTIFICATE, facts).findings.length, 3);
});

Deno.test("FD202 finds a server certificate of another CA, and says that once", () => {
  const facts = certificates("server", {
    trusted: false,
    issuer: "CN=other-ca",
    sans: [],
  });
  assert.equal(
    sentences(STORE_CERTIFICATE, facts)[0],
    "The certificate that https://192.168.1.10:2379 shows is signed by CN=other-ca, not by the CA in /opt/flannel/cert/ca.pem.",
  );
  assert.equal(judged(STORE_CERTIFICATE, facts).findings.length, 3);
});

Deno.test("FD202 accuses a client certificate of another CA only when etcd refuses it", () => {
  const facts = certificates("client", { trusted: false, issuer: "CN=users" });
  assert.equal(judged(STORE_CERTIFICATE, facts).verdict, "ok");
  const refused: Facts = {
    ...facts,
    endpoints: known(
      given(facts, "endpoints").map((endpoint) => ({
        ...endpoint,
        reachable: false,
        errorKind: "tls-client-certificate",
      })),
    ),
  };
  assert.deepEqual(sentences(STORE_CERTIFICATE, refused), [
    "etcd refuses the client certificate /opt/flannel/cert/client.pem, which is signed by CN=users.",
  ]);
});

Deno.test("FD202 finds a key that everybody may read, not one for a group", () => {
  const facts = certificates("key", { mode: 0o644 });
  assert.deepEqual(judged(STORE_CERTIFICATE, facts).lines, [
    "warning key-readable: /opt/flannel/cert/client-key.pem",
    "  certificate /opt/flannel/cert/client-key.pem",
    "  $ chmod o-rwx /opt/flannel/cert/client-key.pem",
  ]);
  const group = certificates("key", { mode: 0o640 });
  assert.equal(judged(STORE_CERTIFICATE, group).verdict, "ok");
});

Deno.test("FD202 leaves an endpoint that shows no certificate to FD201", () => {
  const facts = certificates("server", { error: "connection refused" });
  assert.equal(judged(STORE_CERTIFICATE, facts).verdict, "ok");
});

Deno.test("FD202 finds a certificate without its key, and a CA that v3 ignores", () => {
  assert.deepEqual(
    sentences(STORE_CERTIFICATE, withSettings({ etcdKeyfile: "" })),
    [
      "A client certificate needs both --etcd-certfile and --etcd-keyfile; only --etcd-certfile is given.",
    ],
  );
  const caOnly = { etcdKeyfile: "", etcdCertfile: "" };
  assert.equal(
    judged(STORE_CERTIFICATE, withSettings(caOnly)).verdict,
    "ok",
  );
  assert.deepEqual(
    sentences(
      STORE_CERTIFICATE,
      withSettings({ ...caOnly, store: "etcd-v3" }),
    ),
    [
      "flannel with the v3 API uses --etcd-cafile /opt/flannel/cert/ca.pem only together with a client certificate and key; it ignores it here.",
    ],
  );
});

Deno.test("FD202 does not apply without TLS, or to Kubernetes", () => {
  const plain = withSettings({
    etcdEndpoints: ["http://127.0.0.1:2379"],
    etcdCafile: "",
    etcdCertfile: "",
    etcdKeyfile: "",
  });
  assert.equal(judged(STORE_CERTIFICATE, plain).verdict, "skipped: plain");
  assert.equal(
    judged(STORE_CERTIFICATE, onKubernetes()).verdict,
    "skipped: kubernetes",
  );
});

Deno.test("matchesName() matches as Go does", () => {
  const sans = ["DNS:*.etcd.example", "DNS:Node1", "IP:10.0.0.1", "IP:fd00::1"];
  const named = { sans, subject: "CN=node9" };
  const bare = { sans: [], subject: "O=shop, CN=node9" };
  const cases: readonly (readonly [typeof named, string, boolean, boolean])[] =
    [
      [named, "10.0.0.1", false, true],
      [named, "10.0.0.2", false, false],
      [named, "fd00:0::1", false, true],
      [named, "node1", false, true],
      [named, "NODE1.", false, true],
      [named, "a.etcd.example", false, true],
      [named, "a.b.etcd.example", false, false],
      [named, "etcd.example", false, false],
      [named, "node9", true, false],
      [bare, "node9", true, true],
      [bare, "node9", false, false],
      [{ sans: ["DNS:10.0.0.1"], subject: "" }, "10.0.0.1", true, false],
      [{ sans: [], subject: "CN=10.0.0.1" }, "10.0.0.1", true, false],
    ];
  for (const [certificate, host, commonName, wanted] of cases) {
    assert.equal(matchesName(certificate, host, commonName), wanted, host);
  }
});
