import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { RP_FILTER_STRICT } from "./rp_filter_strict.ts";

const STRICT = {
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.eth0.rp_filter": "1",
};

function withSysctls(facts: Facts, values: Record<string, string>): Facts {
  const sysctls = { ...given(facts, "sysctls"), ...values };
  return { ...facts, sysctls: known(sysctls) };
}

/** One peer's address is nearer by another interface. */
function multiHomed(facts: Facts): Facts {
  const route = fixtureRoute("192.168.1.11/32", "eth1");
  return { ...facts, routes: known([...given(facts, "routes"), route]) };
}

Deno.test("FD702 is ok for strict filters on a symmetric path, as CentOS 7 has them", () => {
  const strict = {
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.eth0.rp_filter": "1",
    "net.ipv4.conf.docker0.rp_filter": "1",
    "net.ipv4.conf.flannel/1.rp_filter": "1",
  };
  for (const facts of [healthyFacts(), healthyVxlanFacts()]) {
    deepStrictEqual(judged(RP_FILTER_STRICT, facts).verdict, "ok");
    deepStrictEqual(
      judged(RP_FILTER_STRICT, withSysctls(facts, strict)).verdict,
      "ok",
    );
  }
});

Deno.test("FD702 finds a strict filter where the way back leaves by another device", () => {
  const facts = withSysctls(multiHomed(healthyFacts()), STRICT);
  deepStrictEqual(judged(RP_FILTER_STRICT, facts).lines, [
    "error: net.ipv4.conf.eth0.rp_filter = 1",
    "  sysctl net.ipv4.conf.all.rp_filter = 0",
    "  sysctl net.ipv4.conf.eth0.rp_filter = 1",
    "  route 192.168.1.11 dev eth1",
    "  wanted net.ipv4.conf.eth0.rp_filter = 2",
    "  $ sysctl -w net.ipv4.conf.eth0.rp_filter=2",
    "  $ echo 'net.ipv4.conf.eth0.rp_filter = 2' >> /etc/sysctl.d/zz-flandoc.conf",
  ]);
  deepStrictEqual(sentences(RP_FILTER_STRICT, facts), [
    "eth0 filters by reverse path strictly, but the way back to 1 of 2 peers leaves by eth1: the kernel silently drops what these peers send.",
  ]);
});

Deno.test("FD702 counts the greater of all and the device", async (t) => {
  const cases = [
    ["1", "0", "failed"],
    ["1", "2", "ok"],
    ["2", "1", "ok"],
    ["0", "0", "ok"],
  ] as const;
  for (const [all, own, verdict] of cases) {
    await t.step(`all ${all}, eth0 ${own}`, () => {
      const facts = withSysctls(multiHomed(healthyVxlanFacts()), {
        "net.ipv4.conf.all.rp_filter": all,
        "net.ipv4.conf.eth0.rp_filter": own,
      });
      deepStrictEqual(judged(RP_FILTER_STRICT, facts).verdict, verdict);
    });
  }
});

Deno.test("FD702 asks the route for the bound address, as the kernel does", () => {
  const facts = withSysctls(healthyFacts(), STRICT);
  const routes = [
    ...given(facts, "routes"),
    fixtureRoute("0.0.0.0/0", "eth1", { gateway: "10.0.0.1", table: 100 }),
  ];
  const rules = [
    ...given(facts, "rules"),
    { ...given(facts, "rules")[1]!, priority: 100, table: 100 },
  ];
  const fromOther = [{ ...rules[3]!, from: "10.0.0.7/32" }];
  const fromOurs = [{ ...rules[3]!, from: "192.168.1.10/32" }];
  const verdict = (own: typeof rules) =>
    judged(RP_FILTER_STRICT, {
      ...facts,
      routes: known(routes),
      rules: known([...rules.slice(0, 3), ...own]),
    }).verdict;
  deepStrictEqual(verdict(fromOther), "ok");
  deepStrictEqual(verdict(fromOurs), "failed");
});

Deno.test("FD702 is not ok for what it could not read", () => {
  deepStrictEqual(
    judged(RP_FILTER_STRICT, without(healthyFacts(), "routes")).verdict,
    "unknown: not looked at",
  );
  deepStrictEqual(
    judged(RP_FILTER_STRICT, { ...healthyFacts(), sysctls: known({}) }).verdict,
    "skipped: absent",
  );
});

Deno.test("FD702 does not judge where no peer is reached over IPv4", () => {
  const facts = withSysctls(healthyFacts(), STRICT);
  const expected = given(facts, "expected");
  const routes = expected.routes.map((route) => ({
    ...route,
    family: 6 as const,
  }));
  deepStrictEqual(
    judged(RP_FILTER_STRICT, {
      ...facts,
      expected: known({ ...expected, routes }),
    }).verdict,
    "skipped: no-peers",
  );
});
