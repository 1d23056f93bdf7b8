import { deepStrictEqual } from "node:assert/strict";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withLink, withoutRoute } from "../../tests/fixtures/routes.ts";
import { largeNetwork } from "../../tests/fixtures/segment.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { known } from "../../snapshot/fact.ts";
import { ROUTE_MISSING } from "./route_missing.ts";

Deno.test("FD401 is ok where every lease has its route", () => {
  deepStrictEqual(judged(ROUTE_MISSING, healthyFacts()).verdict, "ok");
  deepStrictEqual(judged(ROUTE_MISSING, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD401 finds a missing host-gw route", () => {
  const facts = withoutRoute(healthyFacts(), "172.7.22.0/24");
  deepStrictEqual(judged(ROUTE_MISSING, facts).lines, [
    "error: 172.7.22.0/24",
    "  wanted 172.7.22.0/24 via 192.168.1.11 dev eth0",
    "  $ ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0",
  ]);
  deepStrictEqual(sentences(ROUTE_MISSING, facts), [
    "There is no route to 172.7.22.0/24, which 192.168.1.11 has leased: containers here cannot reach the containers there.",
  ]);
});

Deno.test("FD401 wants vxlan's route through the subnet's first address", () => {
  const facts = withoutRoute(healthyVxlanFacts(), "172.7.23.0/24");
  deepStrictEqual(
    judged(ROUTE_MISSING, facts).lines[2],
    "  $ ip route replace 172.7.23.0/24 via 172.7.23.0 dev flannel.1 onlink",
  );
});

Deno.test("FD401 says 300 missing routes in one finding", () => {
  const large = largeNetwork(healthyFacts(), 300);
  const facts = withoutRoute(
    large,
    ...given(large, "expected").routes.map((route) => route.dst),
  );
  const { lines, findings } = judged(ROUTE_MISSING, facts);
  deepStrictEqual(lines, [
    "error many: 172.7.0.0/16",
    "  wanted 172.7.0.0/28 via 192.168.100.0 dev eth0",
    "  wanted 172.7.0.16/28 via 192.168.100.1 dev eth0",
    "  wanted 172.7.0.32/28 via 192.168.100.2 dev eth0",
    "  wanted 172.7.0.48/28 via 192.168.100.3 dev eth0",
    "  wanted 172.7.0.64/28 via 192.168.100.4 dev eth0",
  ]);
  deepStrictEqual((findings[0]!.arguments.subnets as string[]).length, 300);
  deepStrictEqual(sentences(ROUTE_MISSING, facts), [
    "300 of the 300 routes to other hosts' subnets are missing: containers here cannot reach the containers there.",
  ]);
});

Deno.test("FD401 leaves what a device or a next hop makes impossible to FD406 and FD408", () => {
  const bare = withoutRoute(healthyFacts(), "172.7.22.0/24", "172.7.23.0/24");
  deepStrictEqual(
    judged(ROUTE_MISSING, withLink(bare, "eth0", { up: false })).verdict,
    "ok",
  );
  deepStrictEqual(
    judged(ROUTE_MISSING, withoutRoute(bare, "192.168.1.0/24")).verdict,
    "ok",
  );
});

Deno.test("FD401 has nothing to judge without peers, and is unknown without routes", () => {
  const facts = healthyFacts();
  const expected = { ...given(facts, "expected"), routes: [] };
  deepStrictEqual(
    judged(ROUTE_MISSING, { ...facts, expected: known(expected) }).verdict,
    "skipped: no-routes",
  );
  deepStrictEqual(
    judged(ROUTE_MISSING, without(facts, "routes")).verdict,
    "unknown: not looked at",
  );
});
