import { deepStrictEqual } from "node:assert/strict";
import { parseNft } from "../../flannel/firewall/mod.ts";
import type { Link } from "../../flannel/kernel.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { dualStackFacts } from "../../tests/fixtures/dual_stack.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withMore } from "../../tests/fixtures/netfilter.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { FRAME_DROP } from "./frame_drop.ts";

/** What is in the one rule of a chain. */
interface Shape {
  readonly family?: string;
  readonly hook?: string;
  readonly policy?: "accept" | "drop";
  readonly devices?: readonly string[];
  readonly matches?: readonly object[];
}

function eq(left: object, right: unknown): object {
  return { match: { op: "==", left, right } };
}

const UDP_PORT = { payload: { protocol: "udp", field: "dport" } };
const ETHER_TYPE = { payload: { protocol: "ether", field: "type" } };

/** The facts with a chain whose one rule drops what matches. */
function withChain(facts: Facts, shape: Shape): Facts {
  const { family = "netdev", hook = "ingress", policy = "accept" } = shape;
  const table = { family, table: "ddos" };
  const rule = {
    ...table,
    chain: "in",
    handle: 4,
    expr: [...shape.matches ?? [], { drop: null }],
  };
  const chain = {
    ...table,
    name: "in",
    type: "filter",
    hook,
    prio: 0,
    policy,
    dev: shape.devices ?? ["eth0"],
  };
  const json = JSON.stringify({
    nftables: [
      { table: { family, name: "ddos" } },
      { chain },
      ...shape.matches === undefined ? [] : [{ rule }],
    ],
  });
  return withMore(facts, "nftables", parseNft(json));
}

Deno.test("FD612 is ok where no chain drops, or only for others", async (t) => {
  const cases: [string, Facts][] = [
    ["host-gw", healthyFacts()],
    ["vxlan", healthyVxlanFacts()],
    ["both families", dualStackFacts()],
    ["an empty chain", withChain(healthyFacts(), {})],
    [
      "another device",
      withChain(healthyFacts(), { policy: "drop", devices: ["eth7"] }),
    ],
    [
      "another port",
      withChain(healthyVxlanFacts(), { matches: [eq(UDP_PORT, 53)] }),
    ],
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => {
      deepStrictEqual(judged(FRAME_DROP, facts).verdict, "ok");
    });
  }
});

Deno.test("FD612 finds a policy that drops all at the external interface", () => {
  const facts = withChain(healthyFacts(), { policy: "drop" });
  deepStrictEqual(judged(FRAME_DROP, facts).lines, [
    "error default: netdev ddos in: policy drop",
    "  rule policy drop   (netdev ddos in)",
    "  takes ARP 192.168.1.11/32, 192.168.1.12/32, 192.168.1.254/32 to 192.168.1.10/32 coming in by eth0",
    "  takes 172.7.0.0/16 to 172.7.21.0/24 coming in by eth0",
    "  $ nft -a list chain netdev ddos in",
  ]);
  deepStrictEqual(sentences(FRAME_DROP, facts), [
    "What this network sends by eth0 is dropped there by `policy drop` (netdev ddos in), before or after all other rules.",
  ]);
});

Deno.test("FD612 finds what drops the tunnel's packets", () => {
  const facts = withChain(healthyVxlanFacts(), {
    matches: [eq(UDP_PORT, 8472)],
  });
  const { lines, findings } = judged(FRAME_DROP, facts);
  deepStrictEqual(
    lines[0],
    "error tunnel: netdev ddos in: udp dport 8472 drop",
  );
  deepStrictEqual(findings[0]?.evidence[0], {
    label: "rule",
    text: "udp dport 8472 drop   (netdev ddos in 1, handle 4)",
  });
  deepStrictEqual(sentences(FRAME_DROP, facts), [
    "The tunnel's packets are dropped on eth0 by `udp dport 8472 drop` (netdev ddos in): containers reach no other host.",
  ]);
});

Deno.test("FD612 finds ARP dropped on a bridge", () => {
  const facts = withChain(healthyFacts(), {
    family: "bridge",
    hook: "input",
    matches: [eq(ETHER_TYPE, "arp")],
  });
  deepStrictEqual(judged(FRAME_DROP, facts).lines, [
    "error arp: bridge ddos in: ether type arp drop",
    "  rule ether type arp drop   (bridge ddos in 1, handle 4)",
    "  takes ARP 172.7.21.0/24 to 172.7.21.0/24 coming in by docker0",
    "  $ nft -a list chain bridge ddos in",
  ]);
});

Deno.test("FD612 is unknown where a rule may drop, and says which", () => {
  const facts = withChain(healthyFacts(), {
    matches: [
      { match: { op: ">", left: { meta: { key: "length" } }, right: 1400 } },
    ],
  });
  deepStrictEqual(
    judged(FRAME_DROP, facts).verdict,
    "unknown: cannot tell what eth0 loses by a rule of netdev ddos in, handle 4: meta length > 1400 drop",
  );
});

Deno.test("FD612 follows a bond to its ports", async (t) => {
  const bonded = (ports: readonly string[]) => {
    const links = given(healthyFacts(), "links");
    const eth0 = links.find(({ name }) => name === "eth0")!;
    const more = ports.map((name): Link => ({
      ...eth0,
      name,
      master: "eth0",
      index: 100,
    }));
    const facts = {
      ...healthyFacts(),
      links: known([
        ...links.filter((link) => link !== eth0),
        { ...eth0, kind: "bond" },
        ...more,
      ]),
    };
    return withChain(facts, { policy: "drop", devices: ["port1"] });
  };
  await t.step("its only one", () => {
    deepStrictEqual(judged(FRAME_DROP, bonded(["port1"])).verdict, "failed");
  });
  await t.step("one of two, which may carry nothing", () => {
    const { verdict } = judged(FRAME_DROP, bonded(["port1", "port2"]));
    deepStrictEqual(
      verdict,
      "unknown: cannot tell what eth0 loses by a rule of netdev ddos in: policy drop",
    );
  });
});

Deno.test("FD612 is unknown without the rules", () => {
  deepStrictEqual(
    judged(FRAME_DROP, without(healthyFacts(), "netfilter")).verdict,
    "unknown: not looked at",
  );
});
