import assert from "node:assert/strict";
import {
  onKubernetes,
  record,
  withConfig,
  withFlannel,
  withLeases,
  withSettings,
} from "../../tests/fixtures/changes.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { LEASE_MALFORMED } from "./lease_malformed.ts";
import { LEASE_OUTSIDE_NETWORK } from "./lease_outside_network.ts";
import { LEASE_OVERLAP } from "./lease_overlap.ts";
import { LEASE_PERMANENT } from "./lease_permanent.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { LeaseRecord } from "../../flannel/lease.ts";

function more(...records: LeaseRecord[]): Facts {
  return withLeases((healthy) => [...healthy, ...records]);
}

Deno.test("FD206 finds a key that is no subnet, and how to delete it", () => {
  const { lines } = judged(
    LEASE_MALFORMED,
    more({ key: "10.5.300.0-24", value: "{}", ttl: null }),
  );
  assert.deepEqual(lines.slice(0, 3), [
    "error key: /coreos.com/network/subnets/10.5.300.0-24",
    "  lease /coreos.com/network/subnets/10.5.300.0-24 {}",
    '  found Cannot parse subnet key: expected an IPv4 address before -, got "10.5.300.0-24"',
  ]);
  assert.match(lines[4]!, / rm \/coreos.com\/network\/subnets\/10.5.300.0-24$/);
  // flanneld from v0.21.3 on, which reads v3, forgets its peers at that.
  const v3 = withSettings(
    { store: "etcd-v3" },
    more({ key: "10.5.300.0-24", value: "{}", ttl: null }),
  );
  assert.match(
    judged(LEASE_MALFORMED, v3).lines[4]!,
    / del \/coreos.com\/network\/subnets\/10.5.300.0-24 {3}# hosts drop all routes at this: then restart flanneld on every host$/,
  );
});

Deno.test("FD206 does not offer to delete a lease whose value is broken", () => {
  const facts = more({ key: "172.7.99.0-24", value: "{PublicIP:1}", ttl: 9 });
  const { lines } = judged(LEASE_MALFORMED, facts);
  assert.equal(
    lines[0],
    "error value: /coreos.com/network/subnets/172.7.99.0-24",
  );
  assert(!lines.some((line) => / rm /.test(line)), lines.join("\n"));
});

Deno.test("FD206 keeps control characters off the terminal", () => {
  const facts = more({
    key: "\u001b[2Jx\ny",
    value: "\u0007\u001b]0;x",
    ttl: 1,
  });
  const { lines } = judged(LEASE_MALFORMED, facts);
  const shown = lines.filter((line) => !line.startsWith("  $ "));
  // deno-lint-ignore no-control-regex
  assert(shown.every((line) => !/[\u0000-\u001f]/.test(line)));
  assert(!lines.some((line) => / rm /.test(line)));
});

Deno.test("FD206 says many at once", () => {
  const facts = more(
    ...Array.from(
      { length: 40 },
      (_, n) => ({ key: `junk${n}`, value: "", ttl: null }),
    ),
  );
  assert.deepEqual(sentences(LEASE_MALFORMED, facts), [
    "40 keys below /coreos.com/network/subnets are no leases: some releases of flannel stop hearing of changes at them, others forget all their peers.",
  ]);
});

Deno.test("FD206 takes every lease any flannel wrote", () => {
  const vxlan =
    '{"PublicIP":"10.0.0.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}';
  const facts = more(
    { key: "172.7.50.0-24", value: '{"PublicIP":"10.0.0.2"}', ttl: 1 },
    { key: "172.7.51.0-24", value: vxlan, ttl: 1 },
    { key: "172.7.52.0-24&fd00:7::-64", value: vxlan, ttl: 1 },
    {
      key: "0.0.0.0-0&fd00:8::-64",
      value:
        '{"PublicIP":"0.0.0.0","PublicIPv6":"fd01::1","BackendType":"vxlan","BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
      ttl: 1,
    },
  );
  assert.equal(judged(LEASE_MALFORMED, facts).verdict, "ok");
});

Deno.test("FD206 finds leases that nobody can send by", async (t) => {
  const vxlan = (publicIP: string, mac: string, more = "") =>
    `{"PublicIP":"${publicIP}",${more}"BackendType":"vxlan","BackendData":{"VtepMAC":"${mac}"}}`;
  const MAC = "c6:d2:32:6f:8f:44";
  const mac =
    "The lease of 172.7.50.0/24 (10.0.0.1) names no MAC that a tunnel device can have: no other host can send to its containers.";
  const address = (text: string) =>
    `The lease of 172.7.50.0/24 says that its host is reached at ${text}, which is no address of a host: no other host can send to its containers.`;
  const cases: readonly [string, string][] = [
    [vxlan("10.0.0.1", "ff:ff:ff:ff:ff:ff"), mac],
    [vxlan("10.0.0.1", "00:00:00:00:00:00"), mac],
    ['{"PublicIP":"10.0.0.1","BackendType":"vxlan"}', mac],
    [vxlan("0.0.0.0", MAC), address("0.0.0.0")],
    [vxlan("255.255.255.255", MAC), address("255.255.255.255")],
    ['{"BackendType":"host-gw"}', address("0.0.0.0")],
  ];
  for (const [value, wanted] of cases) {
    const facts = more({ key: "172.7.50.0-24", value, ttl: 9 });
    await t.step(value, () => {
      assert.deepEqual(sentences(LEASE_MALFORMED, facts), [wanted]);
      assert.deepEqual(sentences(LEASE_MALFORMED, onKubernetes(facts)), [
        wanted,
      ]);
    });
  }
  await t.step("in one of two families", () => {
    const value = vxlan("10.0.0.1", MAC, '"PublicIPv6":"fd01::1",');
    const facts = more({ key: "172.7.50.0-24&fd00:7::-64", value, ttl: 9 });
    assert.deepEqual(sentences(LEASE_MALFORMED, facts), [
      "The lease of 172.7.50.0/24, fd00:7::/64 (10.0.0.1, fd01::1) names no MAC that a tunnel device can have: no other host can send to its containers.",
    ]);
  });
  await t.step("with the line to look at it", () => {
    const facts = more({
      key: "172.7.50.0-24",
      value: vxlan("0.0.0.0", MAC),
      ttl: 9,
    });
    const { lines } = judged(LEASE_MALFORMED, facts);
    assert.deepEqual(lines.slice(0, 2), [
      "error no-address: 172.7.50.0-24",
      `  lease /coreos.com/network/subnets/172.7.50.0-24 ${
        vxlan("0.0.0.0", MAC)
      }`,
    ]);
    assert.match(
      lines[2]!,
      /^ {2}\$ ETCDCTL_API=2 etcdctl .* get \/coreos.com\/network\/subnets\/172.7.50.0-24$/,
    );
    assert.match(
      judged(LEASE_MALFORMED, onKubernetes(facts)).lines[2]!,
      /^ {2}\$ kubectl get nodes -o custom-columns='NAME:.*BACKEND-DATA:/,
    );
  });
  await t.step("many", () => {
    const facts = more(
      ...Array.from({ length: 20 }, (_, n) => ({
        key: `172.7.${n + 50}.0-24`,
        value: vxlan("0.0.0.0", MAC),
        ttl: 9,
      })),
    );
    assert.deepEqual(sentences(LEASE_MALFORMED, facts), [
      "20 leases name no address, or no MAC, that a host can have: no other host can send to their containers.",
    ]);
  });
  await t.step("not a reservation, nor udp's", () => {
    const facts = more({ key: "172.7.50.0-24", value: "{}", ttl: null });
    assert.equal(judged(LEASE_MALFORMED, facts).verdict, "ok");
  });
});

Deno.test("FD207 finds leases that the config would not give out", () => {
  const config =
    '{"Network": "172.7.0.0/16", "SubnetMin": "172.7.20.0", "SubnetMax": "172.7.99.0"}';
  const facts = withConfig(
    config,
    more(
      record("10.9.1.0-24", "10.0.0.1"),
      record("172.7.30.0-25", "10.0.0.2"),
      record("172.7.4.0-24", "10.0.0.3"),
    ),
  );
  assert.deepEqual(sentences(LEASE_OUTSIDE_NETWORK, facts), [
    "The lease of 10.9.1.0/24 (10.0.0.1) lies outside the network 172.7.0.0/16: flannel's rules do not let its traffic through.",
    "The lease of 172.7.30.0/25 (10.0.0.2) has another length than the /24 of the config: its host gets another subnet at its next start.",
    "The lease of 172.7.4.0/24 (10.0.0.3) lies outside SubnetMin 172.7.20.0 to SubnetMax 172.7.99.0: its host gets another subnet at its next start.",
  ]);
  const heads = judged(LEASE_OUTSIDE_NETWORK, facts).lines
    .filter((line) => !line.startsWith(" "));
  assert.deepEqual(heads, [
    "error outside: 10.9.1.0-24",
    "warning length: 172.7.30.0-25",
    "warning range: 172.7.4.0-24",
  ]);
});

Deno.test("FD207 promises no other subnet where none is free", async (t) => {
  // Room for two, which two hosts have; the third's lease lies below.
  const config = (max: string) =>
    `{"Network":"172.7.0.0/16","SubnetMin":"172.7.22.0","SubnetMax":"${max}"}`;
  const later =
    "Do not restart its agent before there is room: it deletes this lease, and ends with “out of subnets” where no other is free";
  await t.step("one host", () => {
    const facts = withConfig(config("172.7.23.0"));
    assert.deepEqual(sentences(LEASE_OUTSIDE_NETWORK, facts), [
      `The lease of 172.7.21.0/24 (192.168.1.10) lies outside SubnetMin 172.7.22.0 to SubnetMax 172.7.23.0: its host needs another subnet at its next start. ${later} (free: 0 of 2, needed: 1).`,
    ]);
  });
  await t.step("more hosts than there is room for", () => {
    const facts = withConfig(
      config("172.7.24.0"),
      more(record("172.7.9.0-25", "10.0.0.1")),
    );
    assert.deepEqual(
      sentences(LEASE_OUTSIDE_NETWORK, facts).map((text) =>
        text.slice(text.indexOf("(free"))
      ),
      ["(free: 1 of 3, needed: 2).", "(free: 1 of 3, needed: 2)."],
    );
  });
  await t.step("many", () => {
    const facts = withConfig(
      config("172.7.23.0"),
      more(
        ...Array.from(
          { length: 20 },
          (_, n) => record(`172.7.${n + 100}.0-24`, `10.0.0.${n}`),
        ),
      ),
    );
    assert.match(
      sentences(LEASE_OUTSIDE_NETWORK, facts)[0]!,
      /^21 leases lie outside SubnetMin .* their hosts need other subnets .*\(free: 0 of 2, needed: 21\)\.$/,
    );
  });
  await t.step("room for all", () => {
    assert.deepEqual(
      sentences(LEASE_OUTSIDE_NETWORK, withConfig(config("172.7.24.0"))),
      [
        "The lease of 172.7.21.0/24 (192.168.1.10) lies outside SubnetMin 172.7.22.0 to SubnetMax 172.7.24.0: its host gets another subnet at its next start.",
      ],
    );
  });
});

Deno.test("FD207 says many at once, by kind", () => {
  const facts = more(
    ...Array.from(
      { length: 20 },
      (_, n) => record(`10.9.${n}.0-24`, `10.0.0.${n}`),
    ),
  );
  assert.deepEqual(sentences(LEASE_OUTSIDE_NETWORK, facts), [
    "20 leases lie outside the network 172.7.0.0/16: flannel's rules do not let their traffic through.",
  ]);
});

Deno.test("FD207 judges the IPv6 subnets of a dual network", () => {
  const text =
    '{"EnableIPv6": true, "Network": "172.7.0.0/16", "IPv6Network": "fd00:7::/48"}';
  const dual = (v6: string): LeaseRecord => ({
    key: `172.7.50.0-24&${v6}`,
    value: '{"PublicIP":"10.0.0.1","PublicIPv6":"fd01::1"}',
    ttl: 1,
  });
  const judge = (v6: string) =>
    sentences(
      LEASE_OUTSIDE_NETWORK,
      withFlannel("v0.17.0", withConfig(text, withLeases([dual(v6)]))),
    );
  assert.deepEqual(judge("fd00:7:0:5::-64"), []);
  assert.deepEqual(judge("fd00:8:0:5::-64"), [
    "The lease of fd00:8:0:5::/64 (10.0.0.1) lies outside the network fd00:7::/48: flannel's rules do not let its traffic through.",
  ]);
});

Deno.test("FD208 finds leases inside another", () => {
  const facts = more(
    record("172.7.20.0-22", "10.0.0.1", null),
    record("172.7.64.0-24", "10.0.0.2"),
  );
  assert.deepEqual(judged(LEASE_OVERLAP, facts).lines, [
    "error default: 172.7.20.0-22 172.7.21.0-24",
    '  lease /coreos.com/network/subnets/172.7.20.0-22 {"PublicIP":"10.0.0.1","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.21.0-24 {"PublicIP":"192.168.1.10","BackendType":"host-gw"}',
    "error default: 172.7.20.0-22 172.7.22.0-24",
    '  lease /coreos.com/network/subnets/172.7.20.0-22 {"PublicIP":"10.0.0.1","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.22.0-24 {"PublicIP":"192.168.1.11","BackendType":"host-gw"}',
    "error default: 172.7.20.0-22 172.7.23.0-24",
    '  lease /coreos.com/network/subnets/172.7.20.0-22 {"PublicIP":"10.0.0.1","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.23.0-24 {"PublicIP":"192.168.1.12","BackendType":"host-gw"}',
  ]);
  assert.equal(
    sentences(LEASE_OVERLAP, facts)[0],
    "The leases 172.7.20.0-22 (10.0.0.1) and 172.7.21.0-24 (192.168.1.10) share addresses: packets for the shared ones go to whichever route is more specific.",
  );
});

Deno.test("FD208 finds one IPv4 subnet under two keys", () => {
  const facts = more({
    key: "172.7.21.0-24&fd00:7::-64",
    value: '{"PublicIP":"10.0.0.1"}',
    ttl: 1,
  });
  assert.deepEqual(sentences(LEASE_OVERLAP, facts), [
    "The leases 172.7.21.0-24 (192.168.1.10) and 172.7.21.0-24&fd00:7::-64 (10.0.0.1) are both for 172.7.21.0/24: each host sends to the one it heard of last, and the containers of the other cannot be reached.",
  ]);
});

Deno.test("FD208 finds two Kubernetes nodes with one pod CIDR", async (t) => {
  await t.step("in one family", () => {
    const facts = onKubernetes(
      more(record("172.7.22.0-24", "10.0.0.1", null)),
    );
    const { lines } = judged(LEASE_OVERLAP, facts);
    assert.deepEqual(lines.slice(0, 3), [
      "error double-node: 172.7.22.0-24",
      '  lease 172.7.22.0-24 {"PublicIP":"192.168.1.11","PublicIPv6":null,"BackendType":"host-gw"}',
      '  lease 172.7.22.0-24 {"PublicIP":"10.0.0.1","PublicIPv6":null,"BackendType":"host-gw"}',
    ]);
    assert.match(lines[3]!, /^ {2}\$ kubectl get nodes -o custom-columns=/);
    assert.deepEqual(sentences(LEASE_OVERLAP, facts), [
      "Two nodes, 192.168.1.11 and 10.0.0.1, have one pod CIDR, 172.7.22.0/24: each node sends to the one it heard of last, and the pods of the other cannot be reached.",
    ]);
  });
  await t.step("in both families, once", () => {
    const key = "172.7.50.0-24&fd00:7::-64";
    const facts = onKubernetes(
      more(record(key, "10.0.0.1", null), record(key, "10.0.0.2", null)),
    );
    assert.deepEqual(judged(LEASE_OVERLAP, facts).findings.length, 1);
  });
  await t.step("one inside the other", () => {
    const facts = onKubernetes(
      more(record("172.7.22.128-25", "10.0.0.1", null)),
    );
    assert.deepEqual(sentences(LEASE_OVERLAP, facts), [
      "The pod CIDRs 172.7.22.0-24 (192.168.1.11) and 172.7.22.128-25 (10.0.0.1) of two nodes share addresses: packets for the shared ones go to whichever route is more specific.",
    ]);
  });
  await t.step("many", () => {
    const facts = onKubernetes(withLeases(
      Array.from(
        { length: 30 },
        (_, n) => record(`172.7.${n >> 1}.0-24`, `10.0.1.${n}`, null),
      ),
    ));
    assert.deepEqual(sentences(LEASE_OVERLAP, facts), [
      "15 pairs of nodes have pod CIDRs that share addresses: packets for the shared ones go to whichever route is more specific, or was written last.",
    ]);
  });
  await t.step("none", () => {
    assert.equal(judged(LEASE_OVERLAP, onKubernetes()).verdict, "ok");
  });
});

Deno.test("FD208 counts many pairs", () => {
  const facts = withLeases([
    record("172.7.0.0-16", "10.0.0.1", null),
    ...Array.from(
      { length: 50 },
      (_, n) => record(`172.7.${n}.0-24`, `10.0.1.${n}`),
    ),
  ]);
  assert.deepEqual(sentences(LEASE_OVERLAP, facts), [
    "50 pairs of leases share addresses: packets for the shared ones go to whichever route is more specific, or was written last.",
  ]);
});

Deno.test("FD208 takes neighbours for what they are", () => {
  const facts = withLeases([
    record("172.7.0.0-25", "10.0.0.1"),
    record("172.7.0.128-25", "10.0.0.2"),
    record("172.7.1.0-24", "10.0.0.3"),
  ]);
  assert.equal(judged(LEASE_OVERLAP, facts).verdict, "ok");
});

Deno.test("FD214 lists reservations, as something to know", () => {
  const facts = more(record("172.7.44.0-24", "192.168.1.44", null));
  assert.deepEqual(judged(LEASE_PERMANENT, facts).lines, [
    "info default: 172.7.44.0/24",
    '  lease /coreos.com/network/subnets/172.7.44.0-24 {"PublicIP":"192.168.1.44","BackendType":"host-gw"}',
  ]);
  assert.deepEqual(sentences(LEASE_PERMANENT, facts), [
    "Leases without an end, which are reservations (1): 172.7.44.0/24. Nothing has to be done.",
  ]);
});

Deno.test("FD214 says what flannel with v3 makes of them, and shortens a long list", () => {
  const facts = withSettings(
    { store: "etcd-v3" },
    more(
      ...Array.from(
        { length: 9 },
        (_, n) => record(`172.7.${50 + n}.0-24`, `10.0.0.${n}`, null),
      ),
    ),
  );
  assert.deepEqual(sentences(LEASE_PERMANENT, facts), [
    "Leases without an end, which are reservations (9): 172.7.50.0/24, 172.7.51.0/24, 172.7.52.0/24, 172.7.53.0/24, 172.7.54.0/24, …. A flanneld that reads the v3 API makes an ordinary lease of 24 hours of one when it starts.",
  ]);
});

Deno.test("FD207 and FD214 do not apply to Kubernetes", () => {
  const facts = onKubernetes(more(record("172.7.21.0-25", "10.0.0.1", null)));
  for (
    const check of [
      LEASE_OUTSIDE_NETWORK,
      LEASE_PERMANENT,
    ]
  ) {
    assert.equal(judged(check, facts).verdict, "skipped: kubernetes");
  }
});
