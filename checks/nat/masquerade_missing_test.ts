import { deepStrictEqual, match } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Rule } from "../../flannel/firewall/rule.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  DOCKER_LOCAL,
  DOCKER_RULE,
  nftTable,
  withMore,
  withNat,
} from "../../tests/fixtures/netfilter.ts";
import { withoutRoute, withRoutes } from "../../tests/fixtures/routes.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { runChecks } from "../engine.ts";
import { CATALOGUE } from "../mod.ts";
import { MASQUERADE_MISSING } from "./masquerade_missing.ts";

function withMasq(facts: Facts, flanneld: boolean, docker: boolean): Facts {
  const settings = given(facts, "settings");
  const ipMasq = { value: flanneld, source: "flanneld (pid 812)" };
  const engine = given(facts, "docker")!;
  return {
    ...facts,
    settings: known({ ...settings, ipMasq }),
    docker: known({
      ...engine,
      ipMasq: { value: docker, source: "daemon" },
    }),
  };
}

const NONE = withNat(healthyFacts(), []);

Deno.test("FD603 is ok where somebody masquerades", () => {
  for (
    const facts of [
      healthyFacts(),
      healthyVxlanFacts(),
      withNat(healthyFacts(), [DOCKER_RULE]),
      withNat(healthyFacts(), ["-A POSTROUTING -o eth0 -j MASQUERADE"]),
      withNat(healthyFacts(), [
        "-A POSTROUTING -s 172.7.0.0/16 -d 10.0.0.0/8 -j RETURN",
        "-A POSTROUTING -s 172.7.0.0/16 -j SNAT --to-source 192.168.1.10",
      ]),
    ]
  ) deepStrictEqual(judged(MASQUERADE_MISSING, facts).verdict, "ok");
});

Deno.test("FD603 does not apply to a host that attaches no container", () => {
  const links = given(NONE, "links").filter(({ name }) => name !== "docker0");
  const addresses = given(NONE, "addresses")
    .filter(({ device }) => device !== "docker0");
  const bare = {
    ...NONE,
    docker: known(null),
    links: known(links),
    addresses: known(addresses),
  };
  deepStrictEqual(
    judged(MASQUERADE_MISSING, bare).verdict,
    "skipped: no-bridge",
  );
});

Deno.test("FD603 does not know where it cannot be told which bridge is meant", () => {
  const addresses = given(NONE, "addresses").map((address) =>
    address.device === "docker0"
      ? { ...address, address: "172.7.77.1" }
      : address
  );
  const links = given(NONE, "links").filter(({ kind }) => kind !== "veth");
  const facts = {
    ...NONE,
    docker: known(null),
    links: known(links),
    addresses: known(addresses),
  };
  match(
    judged(MASQUERADE_MISSING, facts).verdict,
    /^unknown: cannot tell whether docker0 attaches containers to this network: .* and nothing hangs on it$/,
  );
});

Deno.test("FD603 finds that Docker's rule was lost", () => {
  const facts = withMasq(NONE, false, true);
  deepStrictEqual(judged(MASQUERADE_MISSING, facts).lines, [
    "error lost: 172.7.21.0/24 eth0",
    "  takes 172.7.21.0/24 to 0.0.0.0/0 leaving by eth0",
    "  found flanneld --ip-masq=false (flanneld (pid 812))",
    "  found dockerd --ip-masq=true (daemon)",
    "  wanted -A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
    "  $ iptables -t nat -A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
  ]);
  deepStrictEqual(sentences(MASQUERADE_MISSING, facts), [
    "Docker is set to masquerade, but no rule does: packets from 172.7.21.0/24 leave by eth0 with addresses that nobody outside can answer.",
  ]);
});

Deno.test("FD603 names the rule that hides the masquerade from the Internet", () => {
  const facts = withNat(healthyFacts(), [
    DOCKER_LOCAL,
    "-A POSTROUTING -j RETURN",
    DOCKER_RULE,
  ]);
  deepStrictEqual(judged(MASQUERADE_MISSING, facts).lines, [
    "error hidden: 172.7.21.0/24 eth0",
    "  rule -A POSTROUTING -j RETURN   (nat POSTROUTING 2, iptables-nft)",
    "  takes 172.7.21.0/24 to 0.0.0.0/0 leaving by eth0",
    "  found -A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE",
    "  wanted -A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
    "  $ iptables -t nat -I POSTROUTING 2 -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
  ]);
  deepStrictEqual(sentences(MASQUERADE_MISSING, facts), [
    "Packets from 172.7.21.0/24 leave by eth0 with addresses that nobody outside can answer: `-A POSTROUTING -j RETURN` (iptables-nft) lets them go before `-A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE` is asked.",
  ]);
});

Deno.test("FD603 tells a rule that hides from one that spares", async (t) => {
  const cases: [string, string[], string][] = [
    ["two that hide", [
      "-A POSTROUTING -s 172.7.0.0/16 -j ACCEPT",
      "-A POSTROUTING -o eth0 -j RETURN",
      DOCKER_RULE,
    ], "hidden"],
    ["one behind", [DOCKER_RULE, "-A POSTROUTING -j RETURN"], "ok"],
    ["between containers", [
      "-A POSTROUTING -s 172.7.21.0/24 -d 172.7.0.0/16 -j RETURN",
      DOCKER_RULE,
    ], "ok"],
    ["nothing to hide", ["-A POSTROUTING -j RETURN"], "lost"],
  ];
  for (const [name, lines, wanted] of cases) {
    await t.step(name, () => {
      const facts = withMasq(withNat(healthyFacts(), lines), false, true);
      const { verdict, findings } = judged(MASQUERADE_MISSING, facts);
      deepStrictEqual(findings[0]?.variant ?? verdict, wanted);
    });
  }
});

Deno.test("FD603 inserts before a rule of nftables by its handle", () => {
  const rule = (text: string, target: Rule["target"], handle: number) => ({
    match: { other: [] },
    target,
    comment: null,
    text,
    handle,
    packets: null,
  });
  const table = nftTable("mine", {
    name: "post",
    hook: "postrouting",
    type: "nat",
    priority: 100,
    policy: "ACCEPT",
  }, [
    rule("accept", { kind: "ACCEPT" }, 7),
    rule("masquerade", { kind: "MASQUERADE", randomFully: false }, 8),
  ]);
  const facts = withMore(withNat(healthyFacts(), []), "nftables", [table]);
  deepStrictEqual(judged(MASQUERADE_MISSING, facts).findings[0]?.commands, [
    `nft 'insert rule ip mine post handle 7 ip saddr 172.7.21.0/24 ip daddr != 172.7.0.0/16 oifname != "docker0" masquerade'`,
  ]);
});

Deno.test("FD603 only warns where nobody means to masquerade", () => {
  deepStrictEqual(
    judged(MASQUERADE_MISSING, withMasq(NONE, false, false)).lines[0],
    "warning nobody: 172.7.21.0/24 eth0",
  );
  deepStrictEqual(
    judged(MASQUERADE_MISSING, withMasq(NONE, true, false)).lines[0],
    "error lost: 172.7.21.0/24 eth0",
  );
});

Deno.test("FD603 leaves it to FD308 that nobody means to, and to FD305 the wrong bridge", () => {
  const reasonOf = (facts: Facts) =>
    runChecks(CATALOGUE, facts, { now: () => 0 })
      .find(({ check }) => check.code === "FD603")?.reason;
  deepStrictEqual(reasonOf(withMasq(NONE, false, false)), {
    kind: "moot",
    after: "FD308",
  });
  deepStrictEqual(reasonOf(withMasq(NONE, false, true)), null);
  const addresses = given(NONE, "addresses").map((address) =>
    address.device === "docker0" && address.family === 4
      ? { ...address, address: "172.17.0.1", prefixLength: 16 }
      : address
  );
  deepStrictEqual(reasonOf({ ...NONE, addresses: known(addresses) }), {
    kind: "moot",
    after: "FD305",
  });
});

Deno.test("FD603 looks where the default route leads", () => {
  const facts = withRoutes(
    withNat(healthyFacts(), ["-A POSTROUTING -o eth0 -j MASQUERADE"]),
    (routes) =>
      routes.map((route) =>
        route.dst === "0.0.0.0/0" ? { ...route, device: "eth1" } : route
      ),
  );
  deepStrictEqual(
    judged(MASQUERADE_MISSING, facts).lines[0],
    "error lost: 172.7.21.0/24 eth1",
  );
});

Deno.test("FD603 has nothing to judge where nothing leaves, and is unknown without the rules", () => {
  deepStrictEqual(
    judged(MASQUERADE_MISSING, withoutRoute(NONE, "0.0.0.0/0")).verdict,
    "skipped: no-default-route",
  );
  deepStrictEqual(
    judged(MASQUERADE_MISSING, without(NONE, "netfilter")).verdict,
    "unknown: not looked at",
  );
});
