import assert from "node:assert/strict";
import { known, unknown } from "../../snapshot/fact.ts";
import {
  onKubernetes,
  withConfig,
  withFlannel,
  withSettings,
} from "../../tests/fixtures/changes.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { CONFIG_API_MISMATCH } from "./config_api_mismatch.ts";

const TEXT = '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}';

Deno.test("FD103 finds a config that only the v3 API has", () => {
  const facts = withConfig({ text: null, otherApi: known(TEXT) });
  const { lines } = judged(CONFIG_API_MISMATCH, facts);
  assert.deepEqual(lines.slice(0, 2), [
    "error other-api: /coreos.com/network/config",
    `  found ${TEXT}`,
  ]);
  assert.match(lines[2]!, /^ {2}\$ ETCDCTL_API=3 etcdctl .* get /);
  assert.match(
    lines[3]!,
    /^ {2}\$ ETCDCTL_API=3 etcdctl .* \/coreos.com\/network\/subnets$/,
  );
  assert.match(
    lines[4]!,
    /^ {2}\$ ETCDCTL_API=2 etcdctl .* set \/coreos.com\/network\/config '\{"Network".* {3}# only where no host has a lease in the v3 API$/,
  );
  assert.deepEqual(sentences(CONFIG_API_MISMATCH, facts), [
    "The network config is under /coreos.com/network/config in the etcd v3 API only; flannel reads the v2 API here and finds nothing.",
  ]);
});

Deno.test("FD103 finds a flanneld that reads the other API than was looked at", async (t) => {
  const cases = [
    ["v0.17.0", "etcd-v2", "ok"],
    ["v0.17.0", "etcd-v3", "failed"],
    ["v0.18.0", "etcd-v2", "failed"],
    ["v0.18.0", "etcd-v3", "ok"],
    ["v0.28.9", "etcd-v3", "ok"],
  ] as const;
  for (const [version, store, verdict] of cases) {
    await t.step(`${version} ${store}`, () => {
      const facts = withFlannel(version, withSettings({ store }));
      assert.equal(judged(CONFIG_API_MISMATCH, facts).verdict, verdict);
    });
  }
  assert.deepEqual(
    sentences(
      CONFIG_API_MISMATCH,
      withFlannel("v0.28.9", withSettings({ store: "etcd-v2" })),
    ),
    [
      "flanneld v0.28.9 reads the etcd v3 API only, but the records were looked for in v2: what is found there is not what this flanneld works with.",
    ],
  );
});

Deno.test("FD103 only mentions a different config in the other API", () => {
  const other = TEXT.replace("172.7", "172.26");
  const facts = withConfig({ otherApi: known(other) });
  assert.equal(
    judged(CONFIG_API_MISMATCH, facts).lines[0],
    "info differ: /coreos.com/network/config",
  );
});

Deno.test("FD103 says nothing of an equal config, or of an API it cannot ask", () => {
  for (const otherApi of [known(`${TEXT}\n`), unknown("v3 is off")]) {
    const facts = withConfig({ otherApi });
    assert.equal(judged(CONFIG_API_MISMATCH, facts).verdict, "ok");
  }
});

Deno.test("FD103 is not ok where there is no config and one API was not asked", () => {
  const facts = withConfig({ text: null, otherApi: unknown("v3 is off") });
  assert.equal(
    judged(CONFIG_API_MISMATCH, facts).verdict,
    "skipped: not-asked",
  );
});

Deno.test("FD103 does not apply to Kubernetes", () => {
  assert.equal(
    judged(CONFIG_API_MISMATCH, onKubernetes()).verdict,
    "skipped: kubernetes",
  );
});
