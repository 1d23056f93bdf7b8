import "../tests/support/preload.ts";
import { deepStrictEqual, equal } from "node:assert/strict";
import type { FixName } from "../checks/check.ts";
import { known } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import {
  DOCKER_RULE,
  SCOPED_RULE,
  withNat,
} from "../tests/fixtures/netfilter.ts";
import { withoutRoute, withRule } from "../tests/fixtures/routes.ts";
import { given } from "../tests/support/judged.ts";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import type { Action } from "./action.ts";
import type { Hands } from "./hands.ts";
import { Journal } from "./journal.ts";
import { selectFixes } from "./mod.ts";
import { repair, type RepairEnd, repairStatus } from "./repair.ts";

const BROKEN = withNat(healthyFacts(), [DOCKER_RULE]);
const REPAIRED = withNat(healthyFacts(), [SCOPED_RULE]);

/** The host with the route to a peer gone besides. */
function alsoWorse(facts: Facts): Facts {
  return withoutRoute(facts, "172.7.22.0/24");
}

function quietHands(log: string[]): Hands {
  const each = (word: string) => (actions: readonly Action[]) =>
    Promise.resolve(actions.map(({ fix }) => {
      log.push(`${word} ${fix}`);
      return null;
    }));
  return {
    note: (action) => Promise.resolve(action),
    apply: each("apply"),
    undo: each("undo"),
    standings: (actions) => Promise.resolve(actions.map(() => "done" as const)),
    byHand: () => Promise.resolve([]),
  };
}

interface Told {
  readonly end: RepairEnd;
  readonly log: readonly string[];
  readonly states: readonly string[];
}

/** A repair of a host that is found so, one look after the other. */
async function repaired(
  looks: readonly Facts[],
  names: readonly FixName[] = ["snat"],
  options: { readonly dryRun?: boolean; readonly agreed?: boolean } = {},
): Promise<Told> {
  using temporary = temporaryDirectory();
  const rest = [...looks];
  const log: string[] = [];
  const flags = Object.fromEntries(names.map((name) => [name, true]));
  const end = await repair({
    ...selectFixes(flags),
    dryRun: options.dryRun ?? false,
    version: "0.1.0",
    state: temporary.path,
    collect: () => Promise.resolve(rest.shift()!),
    confirm: () => Promise.resolve(options.agreed ?? true),
    hands: quietHands(log),
  });
  equal(rest.length, 0, "looked less often than expected");
  const states = new Journal(temporary.path).read().map(({ state }) => state);
  return { end, log, states };
}

Deno.test("repair() applies, looks again and says what is right now", async () => {
  const { end, log, states } = await repaired([BROKEN, BROKEN, REPAIRED]);
  equal(end.kind, "applied");
  deepStrictEqual(end.kind === "applied" && end.repaired, ["FD601"]);
  equal(repairStatus(end), 0);
  deepStrictEqual(log, ["apply snat"]);
  deepStrictEqual(states, ["applied"]);
});

Deno.test("repair() ends with 1 when something is left", async () => {
  const { end } = await repaired([BROKEN, BROKEN, BROKEN]);
  deepStrictEqual(end.kind === "applied" && end.left, ["FD601"]);
  equal(repairStatus(end), 1);
});

Deno.test("gotWorse() tells harm from noise", async (t) => {
  await t.step("an error that was there before", async () => {
    const before = withoutRoute(BROKEN, "172.7.23.0/24");
    const { end } = await repaired([before, before, BROKEN], ["routes"]);
    equal(end.kind, "applied");
  });
  await t.step("new rules while routes were changed", async () => {
    const worse = withNat(
      healthyFacts(),
      ["-A POSTROUTING -s 172.7.0.0/16 -o eth0 -j MASQUERADE"],
    );
    const before = withoutRoute(healthyFacts(), "172.7.22.0/24");
    const { end } = await repaired([before, before, worse], ["routes"]);
    equal(end.kind, "applied");
  });
  await t.step("a route lost while rules were changed", async () => {
    const { end } = await repaired([BROKEN, BROKEN, alsoWorse(REPAIRED)]);
    equal(end.kind, "applied");
  });
  await t.step("the store lost for good", async () => {
    const { end, log, states } = await repaired([
      BROKEN,
      BROKEN,
      storeLost(REPAIRED),
      storeLost(REPAIRED),
    ]);
    deepStrictEqual(end.kind === "worse" && end.worse, ["FD201"]);
    equal(repairStatus(end), 1);
    deepStrictEqual(log, ["apply snat", "undo snat"]);
    deepStrictEqual(states, ["rolled-back"]);
  });
  await t.step("the store lost for a moment", async () => {
    const { end, log } = await repaired([
      BROKEN,
      BROKEN,
      storeLost(REPAIRED),
      REPAIRED,
    ]);
    equal(end.kind, "applied");
    deepStrictEqual(log, ["apply snat"]);
  });
});

function storeLost(facts: Facts): Facts {
  return {
    ...facts,
    endpoints: known(
      given(facts, "endpoints").map((each) => ({
        ...each,
        reachable: false,
        healthy: false,
        error: "Connection refused",
      })),
    ),
  };
}

Deno.test("repair() names all that it has answered, copies too", async () => {
  const twice = withNat(healthyFacts(), [DOCKER_RULE, DOCKER_RULE]);
  const { end } = await repaired([twice, twice, REPAIRED]);
  deepStrictEqual(end.kind === "applied" && end.repaired, ["FD601", "FD602"]);
});

Deno.test("repair() changes nothing", async (t) => {
  await t.step("when nothing is wrong", async () => {
    const { end } = await repaired([REPAIRED]);
    deepStrictEqual([end.kind, repairStatus(end)], ["nothing", 0]);
  });
  await t.step("in a dry run, which needs no journal", async () => {
    const { end, log } = await repaired([BROKEN], ["snat"], { dryRun: true });
    deepStrictEqual([end.kind, repairStatus(end), log], ["planned", 1, []]);
  });
  await t.step("when nobody agrees", async () => {
    const { end, log } = await repaired([BROKEN], ["snat"], { agreed: false });
    deepStrictEqual([end.kind, repairStatus(end), log], ["declined", 1, []]);
  });
  await t.step("when the host changed while it asked", async () => {
    const { end, log } = await repaired([BROKEN, REPAIRED]);
    deepStrictEqual([end.kind, repairStatus(end), log], ["moved", 1, []]);
  });
  await t.step("for what another repair answers", async () => {
    const { end } = await repaired([BROKEN], ["routes"]);
    deepStrictEqual([end.kind, repairStatus(end)], ["nothing", 0]);
  });
  await t.step("for an error that no repair answers, and says so", async () => {
    // Everything to a peer goes into a policy rule: FD404, by hand only.
    const shadowed = withRule(REPAIRED, {
      to: "172.7.22.0/24",
      action: "blackhole",
      priority: 100,
    });
    for (const names of [[], ["routes"]] as const) {
      const { end } = await repaired([shadowed], [...names]);
      deepStrictEqual(
        [end.kind, end.kind === "nothing" && end.left, repairStatus(end)],
        ["nothing", ["FD404"], 1],
      );
    }
    const { end } = await repaired([shadowed], ["snat"]);
    deepStrictEqual([end.kind, repairStatus(end)], ["nothing", 0]);
  });
});
