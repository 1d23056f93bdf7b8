import assert from "node:assert/strict";
import { TTL_NOT_ASKED } from "../../flannel/lease.ts";
import { known } from "../../snapshot/fact.ts";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withoutAgent,
  withSettings,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import {
  fixtureAddress,
  fixtureLink,
  fixtureSubnetEnv,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { LEASE_MISSING } from "./lease_missing.ts";
import { LEASE_NOT_RENEWED } from "./lease_not_renewed.ts";
import { LEASE_TAKEN_OVER } from "./lease_taken_over.ts";
import { PUBLIC_IP_FOREIGN } from "./public_ip_foreign.ts";
import { PUBLIC_IP_SHARED } from "./public_ip_shared.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { Check } from "../check.ts";

/** The healthy leases without this host's. */
function withoutOwn(base?: Facts): Facts {
  return withLeases((records) => records.slice(1), base);
}

/** Facts of the host after its interface got another address. */
function moved(address: string, base: Facts = healthyFacts()): Facts {
  return withSettings(
    { publicIP: "" },
    changed({
      addresses: known(
        given(base, "addresses").map((each) =>
          each.device === "eth0" ? { ...each, address } : each
        ),
      ),
    }, base),
  );
}

function head(check: Check, facts: Facts): string | undefined {
  const { lines, verdict } = judged(check, facts);
  return lines[0] ?? verdict;
}

Deno.test("FD204 finds that no lease is this host's", () => {
  const facts = withoutOwn();
  assert.deepEqual(sentences(LEASE_MISSING, facts), [
    "This host works with 172.7.21.0/24, as /run/flannel/subnet.env says, but no lease carries its public IP 192.168.1.10: other hosts have no route here, and 172.7.21.0/24 may be given to another host.",
  ]);
  const { lines } = judged(LEASE_MISSING, facts);
  assert.deepEqual(lines.slice(0, 4), [
    "error in-use: 192.168.1.10",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    "  lease 172.7.22.0-24 192.168.1.11",
    "  lease 172.7.23.0-24 192.168.1.12",
  ]);
});

Deno.test("FD204 finds a running agent without lease and subnet.env", () => {
  const facts = withSubnetEnv(null, {}, withoutOwn());
  assert.deepEqual(sentences(LEASE_MISSING, facts), [
    "None of the 2 leases carries this host's public IP 192.168.1.10: no other host routes anything here.",
  ]);
});

Deno.test("FD204 does not apply where flannel never ran, where nothing is left, and to Kubernetes", () => {
  const fresh = withoutAgent(withSubnetEnv(null, {}, withoutOwn()));
  assert.equal(head(LEASE_MISSING, fresh), "skipped: no-agent");
  const full = withConfig(
    '{"Network": "172.7.20.0/22", "SubnetLen": 24}',
    withLeases((records) => [
      ...records.slice(1),
      record("172.7.21.0-24", "192.168.1.13"),
    ]),
  );
  assert.equal(head(LEASE_MISSING, full), "skipped: exhausted");
  assert.equal(
    head(LEASE_MISSING, onKubernetes(withoutOwn())),
    "skipped: kubernetes",
  );
});

Deno.test("FD205 judges the TTL by the renewal margin", async (t) => {
  const cases = [
    [86400, 60, false],
    [3600, 60, false],
    // The renewal may be due this minute, or tried again the next.
    [3421, 60, false],
    [3419, 60, true],
    [60, 60, true],
    [700, 10, false],
    [300, 10, true],
    [40000, 1200, true],
  ] as const;
  for (const [ttl, margin, fails] of cases) {
    await t.step(`${ttl} s left, margin ${margin} min`, () => {
      const facts = withSettings(
        { subnetLeaseRenewMargin: margin },
        withLeases(([own, ...rest]) => [{ ...own!, ttl }, ...rest]),
      );
      assert.equal(
        judged(LEASE_NOT_RENEWED, facts).verdict,
        fails ? "failed" : "ok",
      );
    });
  }
});

Deno.test("FD205 says when the lease ends and since when it should be renewed", () => {
  const facts = withLeases(([own, ...rest]) => [
    { ...own!, ttl: 1500 },
    ...rest,
  ]);
  assert.deepEqual(sentences(LEASE_NOT_RENEWED, facts), [
    "The lease of 172.7.21.0/24 ends in 25 min. It should have been renewed 35 min ago, 1 h before its end: renewals fail.",
  ]);
  assert.deepEqual(judged(LEASE_NOT_RENEWED, facts).lines.slice(1, 4), [
    '  lease /coreos.com/network/subnets/172.7.21.0-24 {"PublicIP":"192.168.1.10","BackendType":"host-gw"}',
    "  found TTL 1500",
    "  wanted TTL ≥ 3600",
  ]);
});

Deno.test("FD205 leaves a reservation and other hosts' leases alone", () => {
  const reserved = withLeases(([own, ...rest]) => [
    { ...own!, ttl: null },
    ...rest,
  ]);
  const others = withLeases(([own, ...rest]) => [
    own!,
    ...rest.map((each) => ({ ...each, ttl: 10 })),
  ]);
  for (const facts of [reserved, others]) {
    assert.equal(judged(LEASE_NOT_RENEWED, facts).verdict, "ok");
  }
});

Deno.test("FD205 does not judge a lease that is not there, or a TTL not asked for", () => {
  const unasked = withLeases(([own, ...rest]) => [
    { ...own!, ttl: TTL_NOT_ASKED },
    ...rest,
  ]);
  assert.equal(head(LEASE_NOT_RENEWED, withoutOwn()), "skipped: no-lease");
  assert.equal(head(LEASE_NOT_RENEWED, unasked), "skipped: ttl-not-asked");
});

Deno.test("FD209 finds a public IP in several leases", () => {
  const facts = withLeases((records) => [
    ...records,
    record("172.7.99.0-24", "192.168.1.11"),
  ]);
  assert.deepEqual(judged(PUBLIC_IP_SHARED, facts).lines, [
    "warning shared: 192.168.1.11",
    '  lease /coreos.com/network/subnets/172.7.22.0-24 {"PublicIP":"192.168.1.11","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.99.0-24 {"PublicIP":"192.168.1.11","BackendType":"host-gw"}',
  ]);
  assert.deepEqual(sentences(PUBLIC_IP_SHARED, facts), [
    "2 leases carry the public IP 192.168.1.11: 172.7.22.0/24, 172.7.99.0/24. One host cannot serve more than one of them.",
  ]);
});

Deno.test("FD209 counts many shared addresses", () => {
  const facts = withLeases(
    Array.from(
      { length: 40 },
      (_, n) => record(`172.7.${n}.0-24`, `10.0.0.${n >> 1}`),
    ),
  );
  assert.deepEqual(sentences(PUBLIC_IP_SHARED, facts), [
    "20 public IPs are each carried by more than one lease.",
  ]);
});

Deno.test("FD209 does not take hosts without IPv4 for one", () => {
  const v6 = (n: number) => ({
    key: `0.0.0.0-0&fd00:7:0:${n}::-64`,
    value: `{"PublicIP":"0.0.0.0","PublicIPv6":"fd01::${n}"}`,
    ttl: 80000,
  });
  const facts = withLeases((records) => [...records, v6(1), v6(2)]);
  assert.equal(judged(PUBLIC_IP_SHARED, facts).verdict, "ok");
});

Deno.test("FD209 finds a public IP that no other host can reach", async (t) => {
  for (const address of ["127.0.0.1", "169.254.3.4"]) {
    await t.step(address, () => {
      const facts = withSettings({ publicIP: address });
      assert.equal(
        head(PUBLIC_IP_SHARED, facts),
        `error nowhere: ${address}`,
      );
    });
  }
});

Deno.test("FD209 knows VirtualBox's NAT, unless the others are in it", () => {
  const nat = withSettings(
    { publicIP: "10.0.2.15" },
    withLeases((records) => [
      record("172.7.21.0-24", "10.0.2.15"),
      ...records.slice(1),
    ]),
  );
  assert.deepEqual(sentences(PUBLIC_IP_SHARED, nat), [
    "This host's public IP is 10.0.2.15, which VirtualBox gives to every guest behind its NAT; the other hosts (192.168.1.11, 192.168.1.12) are elsewhere.",
  ]);
  const real = withSettings(
    { publicIP: "10.0.2.15" },
    withLeases([
      record("172.7.21.0-24", "10.0.2.15"),
      record("172.7.22.0-24", "10.0.2.16"),
    ]),
  );
  assert.equal(judged(PUBLIC_IP_SHARED, real).verdict, "ok");
});

Deno.test("FD212 finds a lease that carries a former address, by its VTEP", () => {
  const facts = moved("192.168.1.77", healthyVxlanFacts());
  assert.deepEqual(sentences(PUBLIC_IP_FOREIGN, facts), [
    "The lease 172.7.21.0-24 of this host says it is at 192.168.1.10, which no interface here has: the other hosts send its packets elsewhere.",
  ]);
  assert.deepEqual(judged(PUBLIC_IP_FOREIGN, facts).lines.slice(0, 3), [
    "error: 192.168.1.10",
    '  lease /coreos.com/network/subnets/172.7.21.0-24 {"PublicIP":"192.168.1.10","BackendType":"vxlan","BackendData":{"VtepMAC":"02:94:fb:b9:c7:64"}}',
    "  address inet 192.168.1.77 eth0",
  ]);
});

Deno.test("FD212 takes a public IP behind NAT for right where --public-ip says so", () => {
  const facts = withSettings(
    { publicIP: "203.0.113.9" },
    withLeases(([own, ...rest]) => [
      { ...own!, value: own!.value.replace("192.168.1.10", "203.0.113.9") },
      ...rest,
    ], healthyVxlanFacts()),
  );
  assert.equal(judged(PUBLIC_IP_FOREIGN, facts).verdict, "ok");
});

Deno.test("FD212 judges the IPv6 address of a lease as well", () => {
  const facts = healthyVxlanFacts();
  const node = given(facts, "node");
  const lease = {
    ...node.lease!,
    ipv6Subnet: "fd00:7:21::/64",
    attributes: { ...node.lease!.attributes, publicIPv6: "fd01::99" },
  };
  const { lines } = judged(PUBLIC_IP_FOREIGN, {
    ...facts,
    node: known({ ...node, lease, ipv6Address: "fd01::10" }),
  });
  assert.equal(lines[0], "error: fd01::99");
  assert.deepEqual(lines.slice(2), [
    "  address inet6 fd01::10 eth0",
    "  $ ip -6 address",
    "  $ systemctl restart flanneld",
  ]);
});

Deno.test("FD212 finds NAT under host-gw, which cannot do it", () => {
  const facts = withSettings(
    { publicIP: "203.0.113.9" },
    withLeases(([own, ...rest]) => [
      { ...own!, value: own!.value.replace("192.168.1.10", "203.0.113.9") },
      ...rest,
    ]),
  );
  assert.deepEqual(sentences(PUBLIC_IP_FOREIGN, facts), [
    "The public IP 203.0.113.9 is not the address of eth0, which is 192.168.1.10: under host-gw the other hosts take it for the next hop, so that packets for containers here go elsewhere, and flanneld refuses to start so.",
  ]);
});

Deno.test("FD212 does not apply without a running agent, or to Kubernetes", () => {
  const facts = moved("192.168.1.77", healthyVxlanFacts());
  assert.equal(
    head(PUBLIC_IP_FOREIGN, withoutAgent(facts)),
    "skipped: no-agent",
  );
  assert.equal(
    head(PUBLIC_IP_FOREIGN, onKubernetes(facts)),
    "skipped: kubernetes",
  );
});

Deno.test("FD213 finds the subnet of subnet.env in another host's lease", () => {
  const facts = withLeases((records) => [
    record("172.7.21.0-24", "192.168.1.99"),
    ...records.slice(1),
    record("172.7.60.0-24", "192.168.1.10"),
  ]);
  assert.deepEqual(sentences(LEASE_TAKEN_OVER, facts), [
    "/run/flannel/subnet.env gives this host 172.7.21.0/24, but that subnet is leased to 192.168.1.99, not to 192.168.1.10: two hosts may have containers with the same addresses.",
  ]);
  assert.deepEqual(judged(LEASE_TAKEN_OVER, facts).lines.slice(0, 4), [
    "error subnet-env: 172.7.21.0-24",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    '  lease /coreos.com/network/subnets/172.7.21.0-24 {"PublicIP":"192.168.1.99","BackendType":"host-gw"}',
    '  lease /coreos.com/network/subnets/172.7.60.0-24 {"PublicIP":"192.168.1.10","BackendType":"host-gw"}',
  ]);
});

Deno.test("FD213 finds the bridge's subnet in another host's lease", () => {
  const facts = withSubnetEnv(
    fixtureSubnetEnv({ subnet: "172.7.60.1/24" }),
    {},
    withLeases((records) => [
      record("172.7.21.0-24", "192.168.1.99"),
      ...records.slice(1),
      record("172.7.60.0-24", "192.168.1.10"),
    ]),
  );
  assert.deepEqual(sentences(LEASE_TAKEN_OVER, facts), [
    "docker0 carries an address of 172.7.21.0/24, but that subnet is leased to 192.168.1.99, not to 192.168.1.10: two hosts may have containers with the same addresses.",
  ]);
});

Deno.test("FD213 finds it with the agent stopped, too", () => {
  const facts = withoutAgent(withLeases((records) => [
    record("172.7.21.0-24", "192.168.1.99"),
    ...records.slice(1),
  ]));
  assert.equal(
    head(LEASE_TAKEN_OVER, facts),
    "error subnet-env: 172.7.21.0-24",
  );
});

Deno.test("FD213 does not take this host for another where nothing names its address", async (t) => {
  const byDefault = <T>(value: T) => ({ value, source: "default" });
  const unnamed = (owner: string) => {
    const base = withoutAgent(withLeases((records) => [
      record("172.7.21.0-24", owner),
      ...records.slice(1),
    ]));
    return changed({
      settings: known({
        ...given(base, "settings"),
        iface: byDefault([]),
        publicIP: byDefault(""),
      }),
      links: known([...given(base, "links"), fixtureLink(9, "eth1")]),
      addresses: known([
        ...given(base, "addresses"),
        fixtureAddress("eth1", "10.9.0.2", 24),
      ]),
    }, base);
  };
  await t.step("an address of another device here", () => {
    assert.equal(
      judged(LEASE_TAKEN_OVER, unnamed("10.9.0.2")).verdict,
      "unknown: lease 172.7.21.0-24 carries 10.9.0.2, an address of this host, and not 192.168.1.10: no agent runs that would say which interface is the network's; --iface or --public-ip says it",
    );
    const told = withSettings({ publicIP: "10.9.0.2" }, unnamed("10.9.0.2"));
    assert.equal(judged(LEASE_TAKEN_OVER, told).verdict, "ok");
  });
  await t.step("perhaps this host's address behind NAT", () => {
    assert.equal(
      head(LEASE_TAKEN_OVER, unnamed("203.0.113.5")),
      "warning subnet-env-guess: 172.7.21.0-24",
    );
  });
});

Deno.test("FD213 leaves an own lease inside another's to FD208", () => {
  const facts = withLeases((records) => [
    ...records,
    record("172.7.20.0-23", "192.168.1.11"),
  ]);
  assert.equal(judged(LEASE_TAKEN_OVER, facts).verdict, "ok");
});

Deno.test("FD213 leaves other devices' addresses to FD107", () => {
  const base = healthyFacts();
  const facts = changed({
    addresses: known([
      ...given(base, "addresses"),
      fixtureAddress("eth1", "172.7.22.9", 24),
    ]),
  });
  assert.equal(judged(LEASE_TAKEN_OVER, facts).verdict, "ok");
});

Deno.test("FD213 does not mind a subnet that is nobody's", () => {
  assert.equal(judged(LEASE_TAKEN_OVER, withoutOwn()).verdict, "ok");
  const odd = withSubnetEnv("FLANNEL_SUBNET=garbage\n");
  assert.equal(judged(LEASE_TAKEN_OVER, odd).verdict, "ok");
});
