import "../../tests/support/preload.ts";
import assert from "node:assert/strict";
import { MASQUERADE_OVERLAY } from "../../checks/nat/masquerade_overlay.ts";
import type { NetfilterBackend } from "../../flannel/firewall/rule.ts";
import { healthyFacts } from "../../tests/fixtures/healthy.ts";
import { judged } from "../../tests/support/judged.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { planned } from "../../tests/support/planned.ts";
import { runProgram } from "../program.ts";
import { applyNetfilter } from "./apply_netfilter.ts";
import type { NetfilterChange } from "./chain_edits.ts";
import { readNetfilter } from "./read_netfilter.ts";

const NEEDS = needs({
  netns: true,
  programs: ["iptables-nft", "iptables-legacy", "nft"],
});

/** Rules that rewrite, or may, packets of 172.7.21.0/24 to 172.7.0.0/16. */
const IPTABLES = [
  "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE",
  "-s 172.0.21.0/255.0.255.0 ! -o docker0 -j MASQUERADE",
  "! -s 10.0.1.0/255.0.255.0 ! -o docker0 -j MASQUERADE --random-fully",
  "-m iprange --src-range 172.7.21.1-172.7.21.9 -j MASQUERADE",
  "-o docker0 -s 172.0.9.0/255.0.255.0 -j MASQUERADE",
  "-o docker0 -j MASQUERADE",
];

const NATIVE = [
  'ip saddr 172.7.21.0/24 oifname != "docker0" masquerade',
  'ip saddr & 255.0.255.0 == 172.0.21.0 oifname != "docker0" counter masquerade',
  "ip saddr & 255.0.255.0 != 10.0.1.0 masquerade fully-random",
  "ip saddr >= 172.7.21.0 masquerade",
  "ip saddr != { 1.2.3.4, 10.0.0.0/8 } masquerade",
  'ip saddr . oifname { 172.7.21.2 . "eth0" } masquerade',
  'oifname . ip saddr { "eth0" . 172.7.21.0/24 } masquerade',
  "snat to ip saddr map { 172.7.21.2 : 192.0.2.1 }",
  "update @seen { ip saddr timeout 5m } masquerade",
  'ip saddr @ours masquerade comment "ip saddr 10.0.0.1 { }"',
];

function restoring(rule: string): string {
  return `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER-NAT - [0:0]
-A POSTROUTING -j DOCKER-NAT
-A DOCKER-NAT -d 192.0.2.9/32 -j RETURN
-A DOCKER-NAT ${rule}
-A DOCKER-NAT -d 192.0.2.8/32 -j RETURN
COMMIT
`;
}

/** A table by whose name the rule is Docker's, so that fix edits it. */
function native(rule: string): string {
  return `table ip docker-bridges {
  set seen { type ipv4_addr; flags dynamic,timeout; }
  set ours { type ipv4_addr; flags interval; elements = { 172.7.21.0/24 }; }
  chain nat-POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    ip daddr 192.0.2.9 return
    ${rule}
    ip daddr 192.0.2.8 return
  }
}
`;
}

async function load(backend: NetfilterBackend, rule: string, netns: string) {
  if (backend === "nftables") {
    await runProgram("nft", ["-f", "-"], { netns, stdin: native(rule) });
  } else {
    const stdin = restoring(rule);
    await runProgram(`${backend}-restore`, [], { netns, stdin });
  }
}

Deno.test({
  name: "FD601 leaves IPv6 masqueraded by a rule of both families",
  ...NEEDS,
  async fn() {
    using netns = new TestNetns();
    const stdin = `table inet mine {
      chain post {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "eth0" masquerade
      }
    }`;
    await runProgram("nft", ["-f", "-"], { netns: netns.name, stdin });
    const facts = await factsOf(netns.name);
    const [finding] = judged(MASQUERADE_OVERLAY, facts).findings;
    netns.exec("sh", "-ec", finding!.commands.join("\n"));
    const after = await factsOf(netns.name);
    assert.deepEqual(judged(MASQUERADE_OVERLAY, after).lines, []);
    const text = await saved("nftables", netns.name);
    assert.match(
      text,
      /ip saddr 172.7.21.0\/24 ip daddr 172.7.0.0\/16 accept\n\s+oifname "eth0" masquerade\n/,
    );
  },
});

async function saved(backend: NetfilterBackend, netns: string) {
  const { stdout } = backend === "nftables"
    ? await runProgram("nft", ["-s", "list", "ruleset"], { netns })
    : await runProgram(`${backend}-save`, ["-t", "nat"], { netns });
  return stdout.replaceAll(/^#.*\n/gm, "");
}

async function factsOf(netns: string) {
  return { ...healthyFacts(), netfilter: await readNetfilter({ netns }) };
}

/** The plain `iptables` is one of the two; the backend's own is asked for. */
function typed(commands: readonly string[], backend: NetfilterBackend) {
  return commands.map((command) => command.replace(/^iptables /, `${backend} `))
    .join("\n");
}

const RULES: readonly (readonly [NetfilterBackend, readonly string[]])[] = [
  ["iptables-nft", IPTABLES],
  ["iptables-legacy", IPTABLES],
  ["nftables", NATIVE],
];

Deno.test({
  name: "FD601 names only commands that the host's own tools take",
  ...NEEDS,
  async fn(t) {
    for (const [backend, rules] of RULES) {
      for (const rule of rules) {
        await t.step(`${backend} ${rule}`, async () => {
          using netns = new TestNetns();
          await load(backend, rule, netns.name);
          const facts = await factsOf(netns.name);
          const [finding] = judged(MASQUERADE_OVERLAY, facts).findings;
          assert.ok(finding, "no finding");
          const before = await saved(backend, netns.name);
          const script = typed(finding.commands, backend);
          netns.exec("sh", "-ec", script);
          const after = await saved(backend, netns.name);
          if (finding.commands.length === 0) assert.equal(after, before);
          else {
            assert.match(after, /! -d 172.7.0.0\/16|! -s 172.7.0.0|daddr != /);
          }
          const again = judged(MASQUERADE_OVERLAY, await factsOf(netns.name));
          if (finding.commands.length > 0) assert.deepEqual(again.lines, []);
        });
      }
    }
  },
});

Deno.test({
  name: "fix --snat scopes sources of any form, and takes each back",
  ...NEEDS,
  async fn(t) {
    for (const [backend, rules] of RULES) {
      for (const rule of rules) {
        await t.step(`${backend} ${rule}`, async () => {
          using netns = new TestNetns();
          const options = { netns: netns.name };
          await load(backend, rule, netns.name);
          const before = await saved(backend, netns.name);
          const plan = planned(await factsOf(netns.name), ["snat"]);
          for (const { change } of plan.actions) {
            const inverse = await applyNetfilter(
              change as NetfilterChange,
              options,
            );
            assert.notEqual(await saved(backend, netns.name), before);
            const second = planned(await factsOf(netns.name), ["snat"]);
            assert.deepEqual(second.actions, []);
            await applyNetfilter(inverse, options);
          }
          assert.equal(await saved(backend, netns.name), before);
          // The commands it shows do the same; handles are new ones by now.
          const shown = planned(await factsOf(netns.name), ["snat"]).actions
            .flatMap(({ commands }) => commands);
          assert.equal(shown.length > 0, plan.actions.length > 0);
          netns.exec("sh", "-ec", typed(shown, backend));
          const third = planned(await factsOf(netns.name), ["snat"]);
          assert.deepEqual(third.actions, []);
        });
      }
    }
  },
});
