import assert from "node:assert/strict";
import { captureRawFacts } from "../tests/fixtures/capture.ts";
import { deriveFacts } from "./derive.ts";
import { type Fact, isKnown, known, unknown, valueOf } from "./fact.ts";
import type { ConfigRecord, FactName, RawFacts } from "./facts.ts";

const RAW = captureRawFacts("vxlan", "ha");

function reasonOf(changes: Partial<RawFacts>, name: FactName): string {
  const fact: Fact<unknown> = deriveFacts({ ...RAW, ...changes })[name];
  return isKnown(fact) ? "known" : fact.unknown;
}

function configText(text: string | null): Fact<ConfigRecord> {
  const record = valueOf(RAW.configRecord);
  assert.ok(record !== undefined);
  return known({ ...record, text });
}

Deno.test("deriveFacts() knows everything of a healthy host", () => {
  const facts = deriveFacts(RAW);
  assert.equal(valueOf(facts.config)?.backendType, "vxlan");
  assert.equal(valueOf(facts.leases)?.length, 2);
  assert.equal(valueOf(facts.node)?.device, "eth0");
  assert.equal(valueOf(facts.node)?.lease?.subnet, "172.7.80.0/24");
  assert.equal(valueOf(facts.subnetEnv)?.mtu, 1450);
  assert.deepEqual(
    valueOf(facts.expected)?.devices.map((device) => device.name),
    ["flannel.1"],
  );
});

Deno.test("deriveFacts() says in a chain why a fact is unknown", async (t) => {
  const down = unknown<never>("no etcd endpoint answers");
  const cases: readonly (readonly [
    name: string,
    changes: Partial<RawFacts>,
    fact: FactName,
    reason: string,
  ])[] = [
    [
      "store down",
      { configRecord: down },
      "expected",
      "the network config could not be read: no etcd endpoint answers",
    ],
    [
      "no config",
      { configRecord: configText(null) },
      "config",
      "there is no network config at /coreos.com/network/config",
    ],
    [
      "leases unreadable",
      { leaseRecords: down },
      "node",
      "this host's lease is not known: the leases could not be read: no etcd endpoint answers",
    ],
    [
      "no netlink",
      { routes: unknown("not permitted") },
      "node",
      "this host's interfaces are not known: not permitted",
    ],
    [
      "no subnet.env",
      {
        subnetEnvFile: known({
          path: "/run/flannel/subnet.env",
          text: null,
          modified: null,
          mode: null,
        }),
      },
      "subnetEnv",
      "/run/flannel/subnet.env does not exist",
    ],
    [
      "subnet.env without MTU",
      {
        subnetEnvFile: known({
          path: "/run/flannel/subnet.env",
          text: "FLANNEL_NETWORK=172.7.0.0/16\nFLANNEL_SUBNET=172.7.80.1/24\n",
          modified: null,
          mode: null,
        }),
      },
      "subnetEnv",
      "/run/flannel/subnet.env is not usable: FLANNEL_MTU is missing",
    ],
    [
      "a backend without a model",
      {
        configRecord: configText(
          '{"Network":"172.7.0.0/16","Backend":{"Type":"ipip"}}',
        ),
      },
      "expected",
      'flandoc does not know what backend "ipip" wants of the kernel',
    ],
  ];
  for (const [name, changes, fact, reason] of cases) {
    await t.step(name, () => assert.equal(reasonOf(changes, fact), reason));
  }
});

Deno.test("deriveFacts() asks for the rules of the network's own families", async (t) => {
  const reason = "/proc/net/ip6_tables_names lists filter, but it is unread";
  const netfilter = known([{
    backend: "iptables-legacy" as const,
    tables: [],
    unread: [{ family: "ip6", reason }],
  }]);
  const both = configText(
    '{"Network":"172.7.0.0/16","IPv6Network":"fd07::/48","EnableIPv6":true,"Backend":{"Type":"vxlan"}}',
  );
  const cases: [string, Partial<RawFacts>, string][] = [
    ["IPv4 only", { netfilter }, "known"],
    [
      "both",
      { netfilter, configRecord: both, processes: known([]) },
      `iptables-legacy: ${reason}`,
    ],
    [
      "no config known",
      { netfilter, configRecord: unknown("down") },
      `iptables-legacy: ${reason}`,
    ],
  ];
  for (const [name, changes, wanted] of cases) {
    await t.step(name, () => {
      assert.equal(reasonOf(changes, "netfilter"), wanted);
    });
  }
});

Deno.test("deriveFacts() expects no peer routes of a vxlan before v0.9", async (t) => {
  const flanneld = valueOf(RAW.processes)?.find((p) => p.name === "flanneld");
  assert.ok(flanneld !== undefined);
  const running = (version: string) =>
    reasonOf({ processes: known([{ ...flanneld, version }]) }, "expected");
  await t.step("v0.8.0", () => {
    assert.match(running("v0.8.0"), /^flanneld v0\.8\.0 runs here: before/);
  });
  await t.step("v0.9.0", () => assert.equal(running("v0.9.0"), "known"));
});

Deno.test("deriveFacts() repeats flannel's words for an invalid config", () => {
  const text = '{"Network":"172.7.0.0/30","Backend":{"Type":"host-gw"}}';
  assert.match(
    reasonOf({ configRecord: configText(text) }, "config"),
    /^the network config at \/coreos.com\/network\/config is invalid: .*small/,
  );
});

Deno.test("deriveFacts() knows that this host has no lease", () => {
  const records = valueOf(RAW.leaseRecords) ?? [];
  const others = records.filter((record) => !record.value.includes('77.1"'));
  assert.equal(others.length, 1);
  const facts = deriveFacts({ ...RAW, leaseRecords: known(others) });
  assert.equal(valueOf(facts.node)?.lease, null);
});

Deno.test("deriveFacts() leaves malformed leases to the raw records", () => {
  const records = [
    ...valueOf(RAW.leaseRecords) ?? [],
    { key: "garbage", value: "{", ttl: 1 },
  ];
  const facts = deriveFacts({ ...RAW, leaseRecords: known(records) });
  assert.equal(valueOf(facts.leases)?.length, 2);
  assert.equal(valueOf(facts.leaseRecords)?.length, 3);
});

Deno.test("deriveFacts() takes no lease of this host's other address for a peer's", () => {
  const [address] = valueOf(RAW.addresses)!.filter(({ device }) =>
    device === "eth0"
  );
  const second = { ...address!, device: "eth1", address: "10.9.0.2" };
  const records = valueOf(RAW.leaseRecords)!.map((record) => ({
    ...record,
    value: record.key === "172.7.80.0-24"
      ? record.value.replace(address!.address, "10.9.0.2")
      : record.value,
  }));
  const settings = valueOf(RAW.settings)!;
  const unnamed = { value: [], source: "default" };
  const raw: RawFacts = {
    ...RAW,
    leaseRecords: known(records),
    addresses: known([...valueOf(RAW.addresses)!, second]),
    settings: known({ ...settings, iface: unnamed }),
  };
  const away = { ...raw, processes: known([]) };
  for (const name of ["node", "expected"] as const) {
    const fact: Fact<unknown> = deriveFacts(away)[name];
    assert.match("unknown" in fact ? fact.unknown : "", /carries 10\.9\.0\.2/);
  }
  const told = { ...settings, iface: { value: ["eth0"], source: "--iface" } };
  assert.ok(isKnown(deriveFacts({ ...away, settings: known(told) }).node));
  // A lease without an address of this host is another host's.
  const alone = { ...away, addresses: RAW.addresses };
  assert.equal(valueOf(deriveFacts(alone).node)?.lease, null);
});

Deno.test("deriveFacts() follows --iface of the settings", () => {
  const settings = valueOf(RAW.settings);
  assert.ok(settings !== undefined);
  const iface = { value: ["nope0"], source: "flanneld (pid 812)" };
  assert.match(
    reasonOf({ settings: known({ ...settings, iface }) }, "node"),
    /^no external interface: /,
  );
});
