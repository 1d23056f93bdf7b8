import assert from "node:assert/strict";
import {
  onKubernetes,
  withConfig,
  withFlannel,
} from "../../tests/fixtures/changes.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { CONFIG_INVALID } from "./config_invalid.ts";

/** Config text, variant, sentence. */
const CASES: readonly (readonly [string, string, string])[] = [
  [
    "{“Network”: “10.5.0.0/16”}",
    "not-json",
    "The network config is not JSON (line 1, column 2): flanneld cannot read it.",
  ],
  [
    '{"Network": "10.5.0.0/16",}',
    "not-json",
    "The network config is not JSON (line 1, column 27): flanneld cannot read it.",
  ],
  [
    '["10.5.0.0/16"]',
    "not-object",
    "The network config is JSON, but not an object in braces: flanneld cannot read it.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetLen": "24"}',
    "wrong-type",
    'SubnetLen has a value of the wrong kind, "24": flanneld cannot read the network config.',
  ],
  [
    '{"EnableIPv4": false, "Network": "10.5.0.0/16"}',
    "no-family",
    "EnableIPv4 and EnableIPv6 are both off: flanneld ends because it has no address family to serve.",
  ],
  [
    '{"Backend": {"Type": "vxlan"}}',
    "network-missing",
    "Network is missing: flannel has no range to take subnets from.",
  ],
  [
    '{"Network": "10.5.0.0/29"}',
    "network-too-small",
    "Network 10.5.0.0/29 is too small to be cut into subnets.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetLen": 31}',
    "subnet-len-too-long",
    "SubnetLen 31 makes each host's subnet too small to hold containers.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetLen": 17}',
    "subnet-len-too-short",
    "SubnetLen 17 leaves room for fewer than four subnets in the network.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetMin": "10.6.0.0"}',
    "subnet-min-outside",
    "SubnetMin 10.6.0.0 lies outside the network.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetMax": "10.6.0.0"}',
    "subnet-max-outside",
    "SubnetMax 10.6.0.0 lies outside the network.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetMin": "10.5.1.7"}',
    "subnet-min-unaligned",
    "SubnetMin 10.5.1.7 is not the first address of a subnet.",
  ],
  [
    '{"Network": "10.5.0.0/16", "SubnetMax": "10.5.9.7"}',
    "subnet-max-unaligned",
    "SubnetMax 10.5.9.7 is not the first address of a subnet.",
  ],
  [
    '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "VNI": 99999999}}',
    "backend-option",
    "Backend.VNI 99999999 is not a value that this backend takes: flanneld ends at start.",
  ],
];

Deno.test("FD102 says which of flannel's rules is broken", async (t) => {
  for (const [text, variant, sentence] of CASES) {
    await t.step(`${variant} ${text.slice(0, 40)}`, () => {
      // From v0.15 on EnableIPv4 is an option, up to v0.17 the store is v2.
      const facts = withFlannel("v0.17.0", withConfig(text));
      const { findings } = judged(CONFIG_INVALID, facts);
      assert.deepEqual(findings.map((finding) => finding.variant), [variant]);
      assert.deepEqual(sentences(CONFIG_INVALID, facts), [sentence]);
    });
  }
});

Deno.test("FD102 shows the config, flannel's own message and what it wants", () => {
  const facts = withConfig('{"Network": "10.5.0.0/16", "SubnetLen": 31}');
  assert.deepEqual(judged(CONFIG_INVALID, facts).lines.slice(0, 4), [
    "error subnet-len-too-long: SubnetLen",
    '  config {"Network": "10.5.0.0/16", "SubnetLen": 31}',
    "  found SubnetLen must be less than /31",
    "  wanted 18 to 30",
  ]);
});

Deno.test("FD102 reports every broken rule of one config", () => {
  const facts = withConfig(
    '{"Network": "10.5.0.0/16", "SubnetMin": "10.6.0.0", "SubnetMax": "10.4.0.0"}',
  );
  assert.deepEqual(
    judged(CONFIG_INVALID, facts).findings.map((finding) => finding.subject),
    ["SubnetMin", "SubnetMax"],
  );
});

Deno.test("FD102 keeps a config of a megabyte out of the report", () => {
  const facts = withConfig(`{"Network": "${"1".repeat(1 << 20)}"}`);
  const { lines, verdict } = judged(CONFIG_INVALID, facts);
  assert.equal(verdict, "failed");
  assert(lines.every((line) => line.length < 700), "a line is too long");
});

Deno.test("FD102 leaves ranges alone under Kubernetes, as flannel does from v0.20", () => {
  const text = '{"Network": "10.5.0.0/16", "SubnetLen": 31}';
  const facts = (version: string) =>
    withFlannel(version, onKubernetes(withConfig(text)));
  assert.equal(judged(CONFIG_INVALID, facts("v0.20.0")).verdict, "ok");
  assert.equal(judged(CONFIG_INVALID, facts("v0.19.2")).verdict, "failed");
});

Deno.test("FD102 shows the ConfigMap where the config was read from one", () => {
  const record = {
    key: "ConfigMap kube-flannel/kube-flannel-cfg",
    configMap: { namespace: "kube-flannel", name: "kube-flannel-cfg" },
    text: "{",
  };
  const last = (facts: ReturnType<typeof onKubernetes>) =>
    judged(CONFIG_INVALID, facts).lines.at(-1);
  assert.equal(
    last(onKubernetes(withConfig(record))),
    "  $ kubectl -n kube-flannel get configmap kube-flannel-cfg -o yaml",
  );
  assert.equal(
    last(onKubernetes(withConfig({ key: "/etc/n.json", text: "{" }))),
    "  $ cat /etc/n.json",
  );
});
