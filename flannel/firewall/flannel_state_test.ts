import assert from "node:assert/strict";
import {
  iptablesRuleset,
  storedRuleset,
} from "../../tests/support/rulesets.ts";
import { FLANNEL_SHAPES, flannelRules } from "./flannel_shapes.ts";
import { type FlannelState, flannelStates } from "./flannel_state.ts";
import type { Ruleset } from "./rule.ts";

const CURRENT = { network: "172.7.0.0/16", subnet: "172.7.21.0/24" };

/** A nat table with the lines in POSTROUTING and flannel's chain. */
function nat(...lines: string[]): Ruleset {
  const text = lines.map((line) => `-A ${line}\n`).join("");
  return iptablesRuleset(
    `*nat\n:POSTROUTING ACCEPT\n:FLANNEL-POSTRTG -\n${text}COMMIT\n`,
  );
}

const FOUR = [
  "POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
  "POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
  "POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN",
  "POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE --random-fully",
];

const DOCKER = "POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";

/** v0.21's rules in nat for a subnet. */
function chainFor(subnet: string): string[] {
  return flannelRules("own-chains", { ...CURRENT, subnet })
    .filter(({ table }) => table === "nat")
    .map(({ rule }) => rule.text.slice(3));
}

function told(states: readonly FlannelState[]) {
  return states.map((state) => ({
    shape: state.shape,
    present: state.present.map((place) => place.position),
    missing: state.missing.map(({ rule }) => rule.text),
    surplus: state.surplus.map((place) => place.position),
    misplaced: state.misplaced.map((place) => place.position),
    leftover: state.leftover.map((place) =>
      `${place.network} ${place.rule.text}`
    ),
  }));
}

Deno.test("flannelStates() finds nothing wrong with a captured host", async (t) => {
  const cases: [string, string, string][] = [
    ["host-gw-ip-masq/ha", "172.7.0.0/16", "172.7.36.0/24"],
    ["udp/hb", "172.7.0.0/16", "172.7.65.0/24"],
    ["vxlan-vni-port/ha", "10.5.0.0/16", "10.5.16.64/26"],
  ];
  for (const [name, network, subnet] of cases) {
    await t.step(name, () => {
      const states = flannelStates([storedRuleset(name)], { network, subnet });
      assert.deepEqual(states.map((s) => [s.part, s.shape]).sort(), [
        ["forward", "four-rules"],
        ["masquerade", "four-rules"],
      ]);
      for (const state of states) {
        const { missing, surplus, misplaced, leftover } = state;
        assert.deepEqual(
          [...missing, ...surplus, ...misplaced, ...leftover],
          [],
        );
      }
    });
  }
});

Deno.test("flannelStates() knows each shape by itself", async (t) => {
  const current = { network: "10.5.0.0/16", subnet: "10.5.7.0/24" };
  for (const shape of FLANNEL_SHAPES.filter((s) => s !== "nftables")) {
    await t.step(shape, () => {
      const rules = flannelRules(shape, current);
      const of = (table: string) =>
        rules.filter((rule) => rule.table === table)
          .map(({ rule }) => `${rule.text}\n`).join("");
      const text =
        `*nat\n:POSTROUTING ACCEPT\n:FLANNEL -\n:FLANNEL-POSTRTG -\n${
          of("nat")
        }COMMIT\n*filter\n:FORWARD ACCEPT\n:FLANNEL-FWD -\n${
          of("filter")
        }COMMIT\n`;
      const states = flannelStates([iptablesRuleset(text)], current);
      const masquerade = states.find((state) => state.part === "masquerade")!;
      assert.equal(masquerade.shape, shape);
      for (const state of states) {
        assert.deepEqual(state.missing, []);
        assert.deepEqual(state.surplus, []);
        assert.deepEqual(state.misplaced, []);
        assert.deepEqual(state.leftover, []);
      }
    });
  }
  await t.step("nftables", () => {
    const [masquerade] = flannelStates([storedRuleset("kubernetes_nft")], {
      network: "10.244.0.0/16",
      subnet: "10.244.1.0/24",
    });
    assert.equal(masquerade!.shape, "nftables");
    assert.deepEqual(masquerade!.missing, []);
    assert.deepEqual(masquerade!.leftover, []);
  });
});

interface Case {
  readonly name: string;
  readonly lines: readonly string[];
  readonly wanted: Partial<ReturnType<typeof told>[number]>;
}

const CASES: readonly Case[] = [
  {
    name: "complete, with Docker's rule before",
    lines: [DOCKER, ...FOUR],
    wanted: {},
  },
  {
    name: "without --random-fully, with comments",
    lines: FOUR.map((line) =>
      line.replace(" --random-fully", "")
        .replace(" -j", ' -m comment --comment "flanneld masq" -j')
    ),
    wanted: {},
  },
  {
    name: "one missing",
    lines: FOUR.slice(1),
    wanted: {
      present: [1, 2, 3],
      missing: ["-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN"],
    },
  },
  {
    name: "RETURN after MASQUERADE",
    lines: [FOUR[1]!, FOUR[0]!, FOUR[2]!, FOUR[3]!],
    wanted: { present: [2, 1, 3, 4], misplaced: [1] },
  },
  {
    name: "twice",
    lines: [...FOUR, ...FOUR],
    wanted: { present: [1, 2, 3, 4], surplus: [5, 6, 7, 8] },
  },
  {
    name: "those of a former network",
    lines: [
      ...FOUR,
      ...FOUR.map((line) =>
        line.replaceAll("172.7.0.0/16", "10.5.0.0/16")
          .replace("172.7.21.0/24", "10.5.3.0/24")
      ),
    ],
    wanted: {
      present: [1, 2, 3, 4],
      leftover: [
        "10.5.0.0/16 -A POSTROUTING -s 10.5.0.0/16 -d 10.5.0.0/16 -j RETURN",
        "10.5.0.0/16 -A POSTROUTING -s 10.5.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
        "10.5.0.0/16 -A POSTROUTING ! -s 10.5.0.0/16 -d 10.5.3.0/24 -j RETURN",
        "10.5.0.0/16 -A POSTROUTING ! -s 10.5.0.0/16 -d 10.5.0.0/16 -j MASQUERADE --random-fully",
      ],
    },
  },
  {
    name: "that of a former subnet",
    lines: [
      ...FOUR,
      "POSTROUTING ! -s 172.7.0.0/16 -d 172.7.99.0/24 -j RETURN",
    ],
    wanted: {
      present: [1, 2, 3, 4],
      leftover: [
        "172.7.0.0/16 -A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.99.0/24 -j RETURN",
      ],
    },
  },
  {
    name: "v0.11's for a former subnet",
    lines: FOUR.map((line) => line.replace("172.7.21.0", "172.7.99.0")),
    wanted: {
      present: [1, 2, 4],
      missing: [
        "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN",
      ],
      leftover: [
        "172.7.0.0/16 -A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.99.0/24 -j RETURN",
      ],
    },
  },
  {
    // v0.20's shape has as many rules without a subnet, and wants fewer.
    name: "v0.21's chain for a former subnet",
    lines: chainFor("172.7.99.0/24"),
    wanted: {
      shape: "own-chains",
      present: [1, 1, 5, 6],
      missing: chainFor(CURRENT.subnet).slice(2, 5).map((line) => `-A ${line}`),
      leftover: chainFor("172.7.99.0/24").slice(2, 5)
        .map((line) => `172.7.0.0/16 -A ${line}`),
    },
  },
  {
    name: "those of an older version beside the new ones",
    lines: [
      ...FOUR.slice(0, 2),
      ...chainFor(CURRENT.subnet),
    ],
    wanted: {
      shape: "own-chains",
      present: [3, 1, 2, 3, 4, 5, 6],
      leftover: [
        "172.7.0.0/16 -A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
        "172.7.0.0/16 -A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
      ],
    },
  },
];

Deno.test("flannelStates() says what is missing, double, misplaced, left over", async (t) => {
  for (const { name, lines, wanted } of CASES) {
    await t.step(name, () => {
      const first = lines[0] === DOCKER ? 2 : 1;
      const [state] = told(flannelStates([nat(...lines)], CURRENT));
      assert.deepEqual(state, {
        shape: "four-rules",
        present: [0, 1, 2, 3].map((n) => n + first),
        missing: [],
        surplus: [],
        misplaced: [],
        leftover: [],
        ...wanted,
      });
    });
  }
});

Deno.test("flannelStates() takes nobody else's rules for flannel's", () => {
  const states = flannelStates([
    nat(
      DOCKER,
      "POSTROUTING -s 192.168.0.0/16 -d 192.168.0.0/16 -j RETURN",
      "POSTROUTING -s 192.168.0.0/16 -j MASQUERADE",
      'POSTROUTING -s 10.88.0.0/16 -m comment --comment "name: x" -j CNI-1',
    ),
  ], CURRENT);
  assert.deepEqual(states, []);
});

Deno.test("flannelStates() holds the rules against a shape that is named", () => {
  const [state] = flannelStates([nat(...FOUR.toSpliced(2, 1))], {
    ...CURRENT,
    shape: "four-rules",
  });
  assert.deepEqual(state!.missing.map(({ rule }) => rule.text), [
    "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN",
  ]);
  const [guessed] = flannelStates([nat(...FOUR.toSpliced(2, 1))], CURRENT);
  assert.equal(guessed!.shape, "three-rules");
});

Deno.test("flannelStates() keeps the backends apart", () => {
  const legacy: Ruleset = { ...nat(...FOUR), backend: "iptables-legacy" };
  const states = flannelStates([nat(...FOUR.slice(0, 2)), legacy], CURRENT);
  assert.deepEqual(states.map((s) => [s.backend, s.missing.length]), [
    ["iptables-nft", 1],
    ["iptables-legacy", 0],
  ]);
});
