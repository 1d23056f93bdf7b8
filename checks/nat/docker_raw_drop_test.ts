import { deepStrictEqual } from "node:assert/strict";
import type { Facts } from "../../snapshot/facts.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  iptablesTable,
  nftTable,
  withMore,
} from "../../tests/fixtures/netfilter.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { DOCKER_RAW_DROP } from "./docker_raw_drop.ts";

/** The facts with these rules in raw PREROUTING. */
function withRaw(facts: Facts, ...lines: readonly string[]): Facts {
  const text = ["*raw", ":PREROUTING ACCEPT [0:0]", ...lines, "COMMIT", ""];
  const { tables } = parseIptables(text.join("\n"));
  return withMore(facts, "iptables-nft", tables);
}

function drop(container: string, more = ""): string {
  return `-A PREROUTING -d ${container}/32 ! -i docker0${more} -j DROP`;
}

Deno.test("FD608 is ok where nothing is dropped before routing", () => {
  for (
    const facts of [
      healthyFacts(),
      healthyVxlanFacts(),
      withRaw(healthyFacts(), "-A PREROUTING -p tcp -j CT --notrack"),
      withMore(healthyFacts(), "iptables-nft", [iptablesTable("filter", [])]),
    ]
  ) deepStrictEqual(judged(DOCKER_RAW_DROP, facts).verdict, "ok");
});

Deno.test("FD608 finds Docker's drop for a container", () => {
  const facts = withRaw(healthyFacts(), drop("172.7.21.2"));
  deepStrictEqual(judged(DOCKER_RAW_DROP, facts).lines, [
    `error docker: ${drop("172.7.21.2")}`,
    `  rule ${drop("172.7.21.2")}   (raw PREROUTING 1, iptables-nft)`,
    "  takes 172.7.0.0/16 to 172.7.21.2/32 coming in by eth0",
    "  $ iptables -t raw -I PREROUTING -i eth0 -s 172.7.0.0/16 -d 172.7.21.0/24 -j ACCEPT",
  ]);
  deepStrictEqual(sentences(DOCKER_RAW_DROP, facts), [
    "Docker drops what containers on other hosts send to 172.7.21.2, in the raw table (iptables-nft), before FORWARD and DOCKER-USER are asked.",
  ]);
});

Deno.test("FD608 says many containers in one finding, also a port's rule", () => {
  const port = drop("172.7.21.3", " -p tcp -m tcp --dport 80");
  const containers = Array.from({ length: 90 }, (_, n) => `172.7.21.${n + 9}`);
  const facts = withRaw(
    healthyVxlanFacts(),
    drop("172.7.21.2"),
    port,
    ...containers.map((container) => drop(container)),
  );
  const { lines } = judged(DOCKER_RAW_DROP, facts);
  deepStrictEqual(lines.slice(2, 3), [
    `  rule ${port}   (raw PREROUTING 2, iptables-nft)`,
  ]);
  deepStrictEqual(lines.slice(-1), [
    "  $ iptables -t raw -I PREROUTING -i flannel.1 -s 172.7.0.0/16 -d 172.7.21.0/24 -j ACCEPT",
  ]);
  deepStrictEqual(sentences(DOCKER_RAW_DROP, facts), [
    "Docker drops what containers on other hosts send to 92 containers here, in the raw table (iptables-nft), before FORWARD and DOCKER-USER are asked.",
  ]);
});

Deno.test("FD608 is ok after the command it gives", () => {
  const accept =
    "-A PREROUTING -s 172.7.0.0/16 -d 172.7.21.0/24 -i eth0 -j ACCEPT";
  const facts = withRaw(healthyFacts(), accept, drop("172.7.21.2"));
  deepStrictEqual(judged(DOCKER_RAW_DROP, facts).verdict, "ok");
});

Deno.test("FD608 finds the drop in Docker's own nftables table", () => {
  const table = nftTable("docker-bridges", {
    name: "raw-PREROUTING",
    hook: "prerouting",
    type: "filter",
    priority: -300,
    policy: "ACCEPT",
  }, [{
    match: {
      destination: { not: false, value: ["172.7.21.2/32"] },
      inDevice: { not: true, value: ["docker0"] },
      other: [],
    },
    target: { kind: "DROP" },
    comment: null,
    text: 'ip daddr 172.7.21.2 iifname != "docker0" counter drop',
    handle: 7,
    packets: 12,
  }]);
  const facts = withMore(healthyFacts(), "nftables", [table]);
  deepStrictEqual(judged(DOCKER_RAW_DROP, facts).lines.slice(-1), [
    "  $ nft insert rule ip docker-bridges raw-PREROUTING iifname eth0 ip saddr 172.7.0.0/16 ip daddr 172.7.21.0/24 accept",
  ]);
});

Deno.test("FD608 tells of somebody else's drop, and gives no command for it", () => {
  const whole = withRaw(healthyFacts(), "-A PREROUTING -i eth0 -j DROP");
  deepStrictEqual(judged(DOCKER_RAW_DROP, whole).lines, [
    "error in: -A PREROUTING -i eth0 -j DROP",
    "  rule -A PREROUTING -i eth0 -j DROP   (raw PREROUTING 1, iptables-nft)",
    "  takes 172.7.0.0/16 to 172.7.21.0/24 coming in by eth0",
  ]);
  const part = withRaw(
    healthyFacts(),
    "-A PREROUTING -s 172.7.22.0/24 -j DROP",
  );
  deepStrictEqual(
    judged(DOCKER_RAW_DROP, part).lines[0],
    "warning in: -A PREROUTING -s 172.7.22.0/24 -j DROP",
  );
});

Deno.test("FD608 leaves what concerns other packets alone", async (t) => {
  const cases = [
    "-A PREROUTING -d 172.18.0.2/32 ! -i br-0123456789ab -j DROP",
    "-A PREROUTING -p tcp -m tcp --dport 25 -j DROP",
    "-A PREROUTING -m rpfilter --invert -j DROP",
    "-A PREROUTING -m conntrack --ctstate INVALID -j DROP",
  ];
  for (const rule of cases) {
    await t.step(rule, () => {
      const facts = withRaw(healthyFacts(), rule);
      deepStrictEqual(judged(DOCKER_RAW_DROP, facts).verdict, "ok");
    });
  }
});

Deno.test("FD608 is unknown without the rules", () => {
  deepStrictEqual(
    judged(DOCKER_RAW_DROP, without(healthyFacts(), "netfilter")).verdict,
    "unknown: not looked at",
  );
});
