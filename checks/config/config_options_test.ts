import assert from "node:assert/strict";
import {
  onKubernetes,
  withConfig,
  withFlannel,
} from "../../tests/fixtures/changes.ts";
import { healthyVxlanFacts } from "../../tests/fixtures/healthy.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { BACKEND_UNKNOWN } from "./backend_unknown.ts";
import { CONFIG_UNKNOWN_OPTION } from "./config_unknown_option.ts";
import { NETWORK_NOT_CANONICAL } from "./network_not_canonical.ts";

function config(backend: string | null): string {
  return backend === null
    ? '{"Network": "172.7.0.0/16"}'
    : `{"Network": "172.7.0.0/16", "Backend": ${backend}}`;
}

Deno.test("FD104 finds misspelt options, at the top and in the Backend", () => {
  const facts = withConfig(
    '{"Network": "172.7.0.0/16", "SubnetLenght": 24, "Backend": {"Type": "vxlan", "DirectRoutng": true}}',
  );
  assert.deepEqual(sentences(CONFIG_UNKNOWN_OPTION, facts), [
    "flannel does not know the option SubnetLenght (line 1, column 29) and ignores it; SubnetLen is an option.",
    "flannel does not know the option Backend.DirectRoutng (line 1, column 78) and ignores it; DirectRouting is an option.",
  ]);
  assert.equal(
    judged(CONFIG_UNKNOWN_OPTION, facts).lines[0],
    "warning misspelt: SubnetLenght",
  );
});

Deno.test("FD104 finds an option that is like none", () => {
  const facts = withConfig('{"Network": "172.7.0.0/16", "comment": "ours"}');
  assert.deepEqual(sentences(CONFIG_UNKNOWN_OPTION, facts), [
    "flannel does not know the option comment (line 1, column 29) and ignores it.",
  ]);
});

Deno.test("FD104 knows since when flannel has an option", () => {
  const facts = withConfig(
    '{"Network": "172.7.0.0/16", "Backend": {"Type": "vxlan", "MTU": 1400}}',
    healthyVxlanFacts(),
  );
  assert.deepEqual(sentences(CONFIG_UNKNOWN_OPTION, facts), [
    "flannel v0.11.0 does not know the option Backend.MTU and ignores it; flannel v0.21.3 is the first that does.",
  ]);
  assert.equal(
    judged(CONFIG_UNKNOWN_OPTION, withFlannel("v0.22.0", facts)).verdict,
    "ok",
  );
});

Deno.test("FD104 does not mind the case of names", () => {
  const facts = withConfig(
    '{"network": "172.7.0.0/16", "BACKEND": {"type": "vxlan", "vni": 7}}',
  );
  assert.equal(judged(CONFIG_UNKNOWN_OPTION, facts).verdict, "ok");
});

Deno.test("FD105 says what is wrong with a backend", async (t) => {
  const cases: readonly (readonly [string | null, string, string])[] = [
    [
      '{"Type": "vlxan"}',
      "v0.11.0",
      'error misspelt: flannel has no backend "vlxan": flanneld ends at start. vxlan is one.',
    ],
    [
      '{"Type": "calico-bgp"}',
      "v0.11.0",
      'error default: flannel has no backend "calico-bgp": flanneld ends at start. It has ali-vpc, alloc, aws-vpc, extension, gce, host-gw, ipip, ipsec, udp, vxlan.',
    ],
    [
      '{"Type": "wireguard"}',
      "v0.11.0",
      'error not-yet: flannel v0.11.0 has no backend "wireguard" yet, it came with v0.16.0: flanneld ends at start.',
    ],
    [
      '{"Type": "gce"}',
      "v0.22.0",
      'error removed: flannel v0.22.0 has no backend "gce" any more, it went with v0.20.0: flanneld ends at start.',
    ],
    [
      '{"VNI": 1}',
      "v0.11.0",
      "error type-missing: The config has a Backend without a Type: flanneld ends at start.",
    ],
    [
      null,
      "v0.11.0",
      "warning udp-by-default: The config names no Backend, and flannel then takes udp, its slowest: every packet goes through the flanneld process.",
    ],
  ];
  for (const [backend, version, wanted] of cases) {
    await t.step(wanted.slice(0, 40), () => {
      const facts = withFlannel(version, withConfig(config(backend)));
      const head = judged(BACKEND_UNKNOWN, facts).lines[0]?.split(":")[0];
      assert.equal(
        `${head}: ${sentences(BACKEND_UNKNOWN, facts)[0]}`,
        wanted,
      );
    });
  }
});

Deno.test("FD105 knows the tutorial's spelling, and udp that somebody chose", () => {
  for (const backend of ['{"Type": "VxLAN"}', '{"Type": "udp"}']) {
    const facts = withConfig(config(backend));
    assert.equal(judged(BACKEND_UNKNOWN, facts).verdict, "ok");
  }
});

Deno.test("FD105 shows key and config, and no etcdctl under Kubernetes", () => {
  const facts = withConfig(config('{"Type": "vlxan"}'));
  const { lines } = judged(BACKEND_UNKNOWN, facts);
  assert.deepEqual(lines.slice(0, 3), [
    "error misspelt: Backend.Type vlxan",
    "  key /coreos.com/network/config",
    '  config {"Network": "172.7.0.0/16", "Backend": {"Type": "vlxan"}}',
  ]);
  assert.match(lines[3]!, /etcdctl .* get \/coreos.com\/network\/config$/);
  assert.equal(judged(BACKEND_UNKNOWN, onKubernetes(facts)).lines.length, 3);
});

Deno.test("FD106 finds a network with host bits", () => {
  const facts = withConfig('{"Network": "172.7.21.0/16"}');
  assert.deepEqual(judged(NETWORK_NOT_CANONICAL, facts).lines, [
    "warning: Network 172.7.21.0/16",
    "  key /coreos.com/network/config",
    '  config {"Network": "172.7.21.0/16"}',
    '  wanted "Network": "172.7.0.0/16"',
  ]);
  assert.deepEqual(sentences(NETWORK_NOT_CANONICAL, facts), [
    "Network is written as 172.7.21.0/16; flannel takes it for 172.7.0.0/16.",
  ]);
});
