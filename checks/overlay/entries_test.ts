/**
 * FD508, FD509 and FD510: what is on the vxlan device for each peer.
 *
 * @module
 */
import { deepStrictEqual, equal } from "node:assert/strict";
import type { FdbEntry, Neighbour } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { withLeases } from "../../tests/fixtures/changes.ts";
import { healthyVxlanFacts } from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { FDB_WRONG } from "./fdb_wrong.ts";
import { NEIGHBOUR_WRONG } from "./neighbour_wrong.ts";
import { OVERLAY_STALE } from "./overlay_stale.ts";

const HEALTHY = healthyVxlanFacts();
const PEER = "172.7.22.0";
const [MAC = ""] = given(HEALTHY, "neighbours")
  .filter(({ address }) => address === PEER).map(({ mac }) => mac!);
const OTHER = "02:00:00:00:00:99";

/** The healthy host with another neighbour entry for a peer, or none. */
function neighbour(values: Partial<Neighbour> | null): Facts {
  const neighbours = given(HEALTHY, "neighbours").flatMap((each) =>
    each.address !== PEER ? [each] : values === null ? [] : [
      { ...each, ...values },
    ]
  );
  return { ...HEALTHY, neighbours: known(neighbours) };
}

/** The same with another FDB entry. */
function fdb(values: Partial<FdbEntry> | null): Facts {
  const entries = given(HEALTHY, "fdb").flatMap((each) =>
    each.mac !== MAC ? [each] : values === null ? [] : [
      { ...each, ...values },
    ]
  );
  return { ...HEALTHY, fdb: known(entries) };
}

Deno.test("FD508 finds a peer's neighbour entry missing or wrong", async (t) => {
  const command =
    `  $ ip neigh replace ${PEER} lladdr ${MAC} dev flannel.1 nud permanent`;
  const wanted = `  wanted ${PEER} dev flannel.1 lladdr ${MAC} PERMANENT`;
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["missing", neighbour(null), [
      `error missing: ${PEER} dev flannel.1`,
      wanted,
      command,
    ]],
    ["asked for in vain", neighbour({ mac: null, state: "FAILED" }), [
      `error missing: ${PEER} dev flannel.1`,
      wanted,
      command,
    ]],
    ["a former MAC", neighbour({ mac: OTHER }), [
      `error wrong: ${PEER} dev flannel.1`,
      `  neighbour ${PEER} dev flannel.1 lladdr ${OTHER} PERMANENT`,
      wanted,
      command,
    ]],
    ["one that expires", neighbour({ state: "STALE" }), [
      `warning expires: ${PEER} dev flannel.1`,
      `  neighbour ${PEER} dev flannel.1 lladdr ${MAC} STALE`,
      wanted,
      command,
    ]],
  ];
  for (const [name, facts, lines] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(NEIGHBOUR_WRONG, facts).lines, lines);
    });
  }
});

Deno.test("FD508 counts many entries by device", () => {
  const { neighbours: [first], ...expected } = given(HEALTHY, "expected");
  const at = (device: string, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      ...first!,
      device,
      address: `172.7.${n + 100}.0`,
    }));
  const tunnel = expected.devices[0]!;
  const facts = {
    ...HEALTHY,
    expected: known({
      ...expected,
      devices: [tunnel, { ...tunnel, name: "flannel-v6.1" }],
      neighbours: [first!, ...at("flannel.1", 11), ...at("flannel-v6.1", 12)],
    }),
  };
  deepStrictEqual(sentences(NEIGHBOUR_WRONG, facts), [
    "11 of 12 neighbour entries of peers on flannel.1 are missing or wrong: their containers cannot be reached from here.",
    "12 of 12 neighbour entries of peers on flannel-v6.1 are missing or wrong: their containers cannot be reached from here.",
  ]);
});

Deno.test("FD509 finds a peer's FDB entry missing or wrong", async (t) => {
  const wanted =
    `  wanted ${MAC} dev flannel.1 dst 192.168.1.11 self permanent`;
  const command =
    `  $ bridge fdb replace ${MAC} dev flannel.1 dst 192.168.1.11 self permanent`;
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["missing", fdb(null), [
      `error missing: ${MAC} dev flannel.1`,
      wanted,
      command,
    ]],
    ["a former address", fdb({ dst: "192.168.1.99" }), [
      `error wrong: ${MAC} dev flannel.1`,
      `  found ${MAC} dev flannel.1 dst 192.168.1.99 self permanent`,
      wanted,
      command,
    ]],
    ["one that expires", fdb({ permanent: false }), [
      `warning expires: ${MAC} dev flannel.1`,
      `  found ${MAC} dev flannel.1 dst 192.168.1.11 self`,
      wanted,
      command,
    ]],
  ];
  for (const [name, facts, lines] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(FDB_WRONG, facts).lines, lines);
    });
  }
});

Deno.test("FD509 says which of two hosts with one MAC is not reached", () => {
  const cloned = withLeases(
    (records) =>
      records.map((record) =>
        record.key === "172.7.23.0-24"
          ? {
            ...record,
            value: record.value.replace(/("VtepMAC":")[^"]*/, `$1${MAC}`),
          }
          : record
      ),
    HEALTHY,
  );
  const { lines } = judged(FDB_WRONG, cloned);
  deepStrictEqual(lines.filter((line) => line.startsWith("error")), [
    `error shared: ${MAC} dev flannel.1`,
  ]);
  deepStrictEqual(lines.filter((line) => line.includes("$")), []);
  equal(
    sentences(FDB_WRONG, cloned)[0],
    `Several peers publish the MAC ${MAC}: frames for 172.7.23.0/24 (192.168.1.12) go to 192.168.1.11 instead.`,
  );
});

/** The healthy host where a third one has the peer's subnet as well. */
function contested(values: Partial<Neighbour> | null = {}): Facts {
  return withLeases((records) => [
    ...records,
    {
      key: "172.7.22.0-24",
      value:
        `{"PublicIP":"192.168.1.13","BackendType":"vxlan","BackendData":{"VtepMAC":"${OTHER}"}}`,
      ttl: 80000,
    },
  ], neighbour(values));
}

Deno.test("FD508 asks for one of the hosts that claim a subnet", async (t) => {
  await t.step("the first is there", () => {
    equal(judged(NEIGHBOUR_WRONG, contested()).verdict, "ok");
  });
  await t.step("the second is there", () => {
    equal(judged(NEIGHBOUR_WRONG, contested({ mac: OTHER })).verdict, "ok");
  });
  await t.step("none is there", () => {
    const facts = contested(null);
    deepStrictEqual(judged(NEIGHBOUR_WRONG, facts).lines, [
      `error contested: ${PEER} dev flannel.1`,
      `  wanted ${PEER} dev flannel.1 lladdr ${MAC} PERMANENT`,
      `  wanted ${PEER} dev flannel.1 lladdr ${OTHER} PERMANENT`,
    ]);
    deepStrictEqual(sentences(NEIGHBOUR_WRONG, facts), [
      `flannel.1 has no neighbour entry for ${PEER} that leads to one of the hosts that claim its subnet (192.168.1.11, 192.168.1.13): their containers cannot be reached from here. One of them has to take another subnet first: FD208.`,
    ]);
  });
  await t.step("a stranger's is there", () => {
    const mac = "02:00:00:00:00:55";
    deepStrictEqual(judged(NEIGHBOUR_WRONG, contested({ mac })).lines, [
      `error contested: ${PEER} dev flannel.1`,
      `  neighbour ${PEER} dev flannel.1 lladdr ${mac} PERMANENT`,
      `  wanted ${PEER} dev flannel.1 lladdr ${MAC} PERMANENT`,
      `  wanted ${PEER} dev flannel.1 lladdr ${OTHER} PERMANENT`,
    ]);
  });
});

Deno.test("FD509 asks for the host that a contested subnet leads to", () => {
  equal(judged(FDB_WRONG, contested()).verdict, "ok");
  equal(judged(FDB_WRONG, contested(null)).verdict, "ok");
  deepStrictEqual(judged(FDB_WRONG, contested({ mac: OTHER })).lines, [
    `error missing: ${OTHER} dev flannel.1`,
    `  wanted ${OTHER} dev flannel.1 dst 192.168.1.13 self permanent`,
    `  $ bridge fdb replace ${OTHER} dev flannel.1 dst 192.168.1.13 self permanent`,
  ]);
});

const GONE: Neighbour = {
  device: "flannel.1",
  family: 4,
  address: "172.7.77.0",
  mac: OTHER,
  state: "PERMANENT",
};
const GONE_FDB: FdbEntry = {
  ...given(HEALTHY, "fdb")[0]!,
  mac: OTHER,
  dst: "192.168.1.77",
};

function withGone(base: Facts = HEALTHY): Facts {
  return {
    ...base,
    neighbours: known([...given(base, "neighbours"), GONE]),
    fdb: known([...given(base, "fdb"), GONE_FDB]),
  };
}

Deno.test("FD510 finds entries of a host that is gone", () => {
  deepStrictEqual(judged(OVERLAY_STALE, withGone()).lines, [
    "warning: flannel.1",
    `  neighbour 172.7.77.0 dev flannel.1 lladdr ${OTHER} PERMANENT`,
    `  found ${OTHER} dev flannel.1 dst 192.168.1.77 self permanent`,
    "  $ ip neigh del 172.7.77.0 dev flannel.1",
    `  $ bridge fdb del ${OTHER} dev flannel.1 dst 192.168.1.77 self`,
  ]);
});

Deno.test("FD510 tells of each device by itself", () => {
  const facts = withGone();
  const expected = given(facts, "expected");
  const six = { ...expected.devices[0]!, name: "flannel-v6.1" };
  const [neighbour, entry] = [
    { ...GONE, device: "flannel-v6.1", family: 6, address: "fc00:0:0:77::" },
    { ...GONE_FDB, device: "flannel-v6.1", dst: "fd01::77" },
  ] as const;
  const dual = (alone: boolean): Facts => ({
    ...(alone ? HEALTHY : facts),
    expected: known({ ...expected, devices: [...expected.devices, six] }),
    neighbours: known([
      ...given(alone ? HEALTHY : facts, "neighbours"),
      neighbour,
    ]),
    fdb: known([...given(alone ? HEALTHY : facts, "fdb"), entry]),
  });
  const lines = [
    "warning: flannel-v6.1",
    `  neighbour fc00:0:0:77:: dev flannel-v6.1 lladdr ${OTHER} PERMANENT`,
    `  found ${OTHER} dev flannel-v6.1 dst fd01::77 self permanent`,
    "  $ ip -6 neigh del fc00:0:0:77:: dev flannel-v6.1",
    `  $ bridge fdb del ${OTHER} dev flannel-v6.1 dst fd01::77 self`,
  ];
  deepStrictEqual(judged(OVERLAY_STALE, dual(true)).lines, lines);
  deepStrictEqual(sentences(OVERLAY_STALE, dual(false)), [
    "2 permanent neighbour or FDB entries on flannel.1 belong to no lease: the hosts they lead to are gone.",
    "2 permanent neighbour or FDB entries on flannel-v6.1 belong to no lease: the hosts they lead to are gone.",
  ]);
});

Deno.test("FD510 leaves what may belong to a living host", async (t) => {
  await t.step("in another spelling of its address", () => {
    const [first, ...others] = given(HEALTHY, "leases");
    const attributes = { ...first!.attributes, publicIPv6: "FD01:0::0077" };
    const lease = { ...first!, ipv6Subnet: "FC00:0:0:77:0::/64", attributes };
    const facts: Facts = {
      ...HEALTHY,
      leases: known([lease, ...others]),
      neighbours: known([
        ...given(HEALTHY, "neighbours"),
        { ...GONE, family: 6, address: "fc00:0:0:77::" },
      ]),
      fdb: known([
        ...given(HEALTHY, "fdb"),
        { ...GONE_FDB, dst: "fd01::77" },
      ]),
    };
    equal(judged(OVERLAY_STALE, facts).verdict, "ok");
  });
  await t.step("the former MAC of a peer", () => {
    const former = { ...GONE_FDB, dst: "192.168.1.11" };
    const facts = {
      ...HEALTHY,
      fdb: known([...given(HEALTHY, "fdb"), former]),
    };
    equal(judged(OVERLAY_STALE, facts).verdict, "ok");
  });
  await t.step("a record that cannot be read", () => {
    const broken = withLeases((records) => [
      ...records,
      { key: "172.7.77.0-24", value: "{", ttl: 80000 },
    ], HEALTHY);
    equal(
      judged(OVERLAY_STALE, withGone(broken)).verdict,
      "skipped: unread-lease",
    );
  });
  await t.step("entries of another device", () => {
    const other = { ...GONE, device: "vxlan.calico" };
    const facts = {
      ...HEALTHY,
      neighbours: known([...given(HEALTHY, "neighbours"), other]),
    };
    equal(judged(OVERLAY_STALE, facts).verdict, "ok");
  });
});
