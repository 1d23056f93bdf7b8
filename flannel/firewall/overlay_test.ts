import assert from "node:assert/strict";
import {
  iptablesRuleset,
  storedRuleset,
} from "../../tests/support/rulesets.ts";
import { backendsInUse } from "./backends_in_use.ts";
import { dockerMasquerades } from "./docker_masquerades.ts";
import { duplicateRules } from "./duplicate_rules.ts";
import { firewallManagers } from "./firewall_managers.ts";
import { overlayDrops } from "./overlay_filter.ts";
import { egressMasquerade, overlayMasquerade } from "./overlay_rewrites.ts";
import type { Overlay } from "./overlay_traffic.ts";
import type { Ruleset } from "./rule.ts";
import { rulePlaces } from "./rule_places.ts";

const OVERLAY: Overlay = {
  network: "172.7.0.0/16",
  subnet: "172.7.21.0/24",
  bridge: "docker0",
  overlayDevices: ["eth0"],
  externalDevice: "eth0",
};

const DOCKER = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";

function nat(...rules: string[]): Ruleset {
  const text = rules.map((rule) => `-A POSTROUTING ${rule}\n`).join("");
  return iptablesRuleset(`*nat\n:POSTROUTING ACCEPT\n${text}COMMIT\n`);
}

Deno.test("overlayMasquerade() finds Docker's rule and scopes it", () => {
  const [hit, ...more] = overlayMasquerade([nat(DOCKER)], OVERLAY);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [hit!.owner, hit!.part, hit!.position, hit!.direction, hit!.device],
    ["docker", "whole", 1, "out", "eth0"],
  );
  assert.equal(hit!.scoped, SCOPED);
  assert.equal(hit!.scopedPosition, null);
});

Deno.test("overlayMasquerade() sees the scoped rule behind Docker's", () => {
  const rules = nat("-o lo -j ACCEPT", DOCKER, SCOPED);
  const [hit] = overlayMasquerade([rules], OVERLAY);
  assert.equal(hit!.position, 2);
  assert.equal(hit!.scopedPosition, 3);
});

Deno.test("overlayMasquerade() is content", async (t) => {
  const cases: [string, Ruleset][] = [
    ["with the scoped rule", nat(SCOPED)],
    [
      "with a RETURN before",
      nat("-s 172.7.21.0/24 -d 172.7.0.0/16 -j RETURN", DOCKER),
    ],
    [
      "with another network's bridge",
      nat("-s 172.18.0.0/16 ! -o br-1 -j MASQUERADE"),
    ],
    ["with nothing", nat()],
  ];
  for (const [name, rules] of cases) {
    await t.step(name, () => {
      assert.deepEqual(overlayMasquerade([rules], OVERLAY), []);
    });
  }
});

Deno.test("overlayMasquerade() names owners and both directions", async (t) => {
  const cases: [string, string, string][] = [
    [
      '-s 172.7.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE',
      "flannel",
      "out in",
    ],
    ["-s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE", "flannel", "out in"],
    ["-o eth0 -j MASQUERADE", "other", "out"],
    ["-o docker0 -j MASQUERADE", "other", "in"],
    [
      '-m comment --comment "kubernetes postrouting rules" -j MASQUERADE',
      "kubernetes",
      "out in",
    ],
    [
      "-s 172.7.21.0/24 ! -o docker0 -j SNAT --to-source 192.0.2.1",
      "docker",
      "out",
    ],
  ];
  for (const [rule, owner, directions] of cases) {
    await t.step(rule, () => {
      const hits = overlayMasquerade([nat(rule)], OVERLAY);
      assert.equal(hits.map((hit) => hit.direction).join(" "), directions);
      assert.ok(hits.every((hit) => hit.owner === owner));
    });
  }
});

Deno.test("overlayMasquerade() finds Docker's rule in every backend", () => {
  const legacy: Ruleset = { ...nat(DOCKER), backend: "iptables-legacy" };
  const hits = overlayMasquerade(
    [nat(DOCKER), legacy, storedRuleset("docker29")],
    OVERLAY,
  );
  assert.deepEqual(
    hits.map((hit) => [hit.backend, hit.table, hit.owner, hit.part]),
    [
      ["iptables-nft", "nat", "docker", "maybe"],
      ["iptables-legacy", "nat", "docker", "maybe"],
      ["nftables", "docker-bridges", "docker", "maybe"],
    ],
  );
  assert.equal(
    hits[2]!.scoped,
    'oifname != "docker0" ip saddr 172.7.21.0/24 ip daddr != 172.7.0.0/16 counter masquerade comment "MASQUERADE"',
  );
});

Deno.test("overlayMasquerade() says a rule once for several devices", () => {
  const overlay = { ...OVERLAY, overlayDevices: ["flannel.1", "eth0"] };
  const hits = overlayMasquerade(
    [nat(DOCKER, "-o eth0 -j MASQUERADE")],
    overlay,
  );
  assert.deepEqual(hits.map((hit) => [hit.device, hit.rule.text]), [
    ["flannel.1", `-A POSTROUTING ${DOCKER}`],
  ]);
});

Deno.test("egressMasquerade() says how much keeps its address", async (t) => {
  const cases: [string, Ruleset, string | null][] = [
    ["Docker's rule", nat(DOCKER), null],
    ["scoped", nat(SCOPED), null],
    ["nothing", nat(), "whole"],
    ["for one port", nat("-p tcp --dport 80 -j MASQUERADE"), "partly"],
    ["for another network", nat("-s 10.9.0.0/16 -j MASQUERADE"), "whole"],
    [
      "private destinations spared",
      nat("-d 10.0.0.0/8 -j RETURN", DOCKER),
      null,
    ],
    ["another device", nat("-o eth9 -j MASQUERADE"), "whole"],
  ];
  for (const [name, rules, untouched] of cases) {
    await t.step(name, () => {
      assert.equal(egressMasquerade([rules], OVERLAY).untouched, untouched);
    });
  }
});

Deno.test("overlayDrops() says which direction, state and owner", () => {
  const drops = overlayDrops([storedRuleset("docker28")], OVERLAY, "forward");
  assert.deepEqual(
    drops.map((hit) => [hit.direction, hit.ctState, hit.owner, hit.part]),
    [["in", "NEW", "docker", "partly"]],
  );
  const raw = overlayDrops([storedRuleset("docker28")], OVERLAY, "prerouting");
  assert.deepEqual(raw.map((hit) => [hit.direction, hit.ctState, hit.chain]), [
    ["in", "NEW", "PREROUTING"],
    ["in", "ESTABLISHED", "PREROUTING"],
  ]);
  const healthy = storedRuleset("host-gw/ha");
  const overlay = { ...OVERLAY, subnet: "172.7.61.0/24" };
  assert.deepEqual(overlayDrops([healthy], overlay, "forward"), []);
});

Deno.test("dockerMasquerades() tells the forms apart", () => {
  const found = dockerMasquerades([
    nat(DOCKER, SCOPED, DOCKER, "-s 172.18.0.0/16 ! -o br-1 -j MASQUERADE"),
    storedRuleset("docker29"),
  ], OVERLAY);
  assert.deepEqual(found.map((rule) => [rule.form, rule.position]), [
    ["unscoped", 1],
    ["scoped", 2],
    ["unscoped", 3],
    ["unscoped", 1],
  ]);
});

Deno.test("duplicateRules() compares by meaning within a chain", () => {
  const places = rulePlaces([
    nat(
      DOCKER,
      SCOPED,
      '-s 172.7.21.9/24 ! -o docker0 -m comment --comment "x" -j MASQUERADE',
    ),
    { ...nat(DOCKER), backend: "iptables-legacy" },
  ], 4);
  const groups = duplicateRules(places);
  assert.deepEqual(
    groups.map(({ first, surplus }) => [
      first.position,
      surplus.map((place) => place.position),
    ]),
    [[1, [3]]],
  );
});

Deno.test("backendsInUse() leaves empty tables out", () => {
  const empty: Ruleset = {
    ...iptablesRuleset("*filter\n:FORWARD ACCEPT\nCOMMIT"),
    backend: "iptables-legacy",
  };
  const uses = backendsInUse([storedRuleset("docker28"), empty]);
  assert.deepEqual(uses.map((use) => use.backend), ["iptables-nft"]);
  assert.deepEqual(uses[0]!.dropping, ["filter FORWARD"]);
  assert.deepEqual(uses[0]!.owners, ["docker"]);
  assert.equal(uses[0]!.rules, 17);
});

Deno.test("firewallManagers() knows them by their chains", async (t) => {
  const cases: [string, [string, boolean][]][] = [
    ["firewalld", [["firewalld", false]]],
    ["ufw", [["ufw", false]]],
    ["iptables_services", [["iptables-services", false]]],
    ["kubernetes", []],
    ["docker28", []],
  ];
  for (const [name, wanted] of cases) {
    await t.step(name, () => {
      const found = firewallManagers([storedRuleset(name)]);
      assert.deepEqual(found.map((m) => [m.manager, m.policy]), wanted);
    });
  }
  await t.step("calico", () => {
    const [found] = firewallManagers([
      iptablesRuleset("*filter\n:FORWARD ACCEPT\n:cali-FORWARD -\nCOMMIT"),
    ]);
    assert.deepEqual([found!.manager, found!.policy], ["calico", true]);
  });
});
