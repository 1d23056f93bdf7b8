import assert from "node:assert/strict";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import type { Table } from "../../flannel/firewall/rule.ts";
import type { Lease } from "../../flannel/lease.ts";
import { parseNetworkConfig } from "../../flannel/network_config.ts";
import { parseLease } from "../../flannel/parse_lease.ts";
import { bridgeOf, foreignRewrites, scopeChange } from "./docker_scope.ts";
import { iptablesScript } from "./iptables_script.ts";
import { leftoverChanges } from "./leftovers.ts";
import { nftScript } from "./nft_text.ts";
import { wantedRules } from "./wanted_rules.ts";

const ALL = { ipMasq: true, forwardRules: true, randomFully: true };

function wanted(nftables = false, options = ALL) {
  const { config } = parseNetworkConfig(JSON.stringify({
    Network: "172.7.0.0/16",
    EnableNFTables: nftables,
    Backend: { Type: "host-gw" },
  }));
  const lease = parseLease({
    key: "172.7.21.0-24",
    value: '{"PublicIP":"192.168.1.10"}',
    ttl: 1,
  });
  return wantedRules(config!, lease as Lease, options);
}

function table(save: string, name = "nat"): Table {
  return parseIptables(save, "ip").tables.find((t) => t.name === name)!;
}

const CHAIN = `-m comment --comment "flanneld masq"`;
const RIGHT = `*nat
:POSTROUTING ACCEPT [0:0]
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING ${CHAIN} -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${CHAIN} -j RETURN
-A FLANNEL-POSTRTG -s 172.7.21.0/24 -d 172.7.0.0/16 ${CHAIN} -j RETURN
-A FLANNEL-POSTRTG -s 172.7.0.0/16 -d 172.7.21.0/24 ${CHAIN} -j RETURN
-A FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.21.0/24 ${CHAIN} -j RETURN
-A FLANNEL-POSTRTG -s 172.7.0.0/16 ! -d 224.0.0.0/4 ${CHAIN} -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.0.0/16 ${CHAIN} -j MASQUERADE --random-fully
COMMIT
`;
const FILL = RIGHT.split("\n")
  .filter((line) => line.startsWith("-A FLANNEL-POSTRTG"));
const JUMP = `-A POSTROUTING ${CHAIN} -j FLANNEL-POSTRTG`;
const nat = () => wanted()[0]!.rules.filter((r) => r.table === "nat");

Deno.test("iptablesScript() puts a table right, and leaves a right one", async (t) => {
  const lines = (save: string | null) =>
    iptablesScript(save === null ? null : table(save), nat())?.split("\n") ??
      null;
  const full = ["*nat", ":FLANNEL-POSTRTG - [0:0]", ...FILL];
  const table1: [string, string | null, string[] | null][] = [
    ["right", RIGHT, null],
    ["no table", null, [...full, JUMP, "COMMIT", ""]],
    ["no jump", RIGHT.replace(`${JUMP}\n`, ""), ["*nat", JUMP, "COMMIT", ""]],
    [
      "two jumps",
      RIGHT.replace(`${JUMP}\n`, `${JUMP}\n${JUMP}\n`),
      ["*nat", `-D POSTROUTING ${CHAIN} -j FLANNEL-POSTRTG`, "COMMIT", ""],
    ],
    [
      "a rule gone",
      RIGHT.replace(`${FILL[2]}\n`, ""),
      [...full, "COMMIT", ""],
    ],
    [
      "order",
      RIGHT.replace(FILL[1]!, "X").replace(FILL[2]!, FILL[1]!).replace(
        "X",
        FILL[2]!,
      ),
      [...full, "COMMIT", ""],
    ],
    [
      "a strange rule in our chain",
      RIGHT.replace("COMMIT", "-A FLANNEL-POSTRTG -j ACCEPT\nCOMMIT"),
      [...full, "COMMIT", ""],
    ],
    [
      "a former subnet",
      RIGHT.replaceAll("172.7.21.0", "172.7.99.0"),
      [...full, "COMMIT", ""],
    ],
  ];
  for (const [name, save, result] of table1) {
    await t.step(name, () => assert.deepEqual(lines(save), result));
  }
  await t.step("nothing is wanted", () => {
    const none = wanted(false, { ...ALL, ipMasq: false })[0]!.rules
      .filter((r) => r.table === "nat");
    assert.equal(iptablesScript(table(RIGHT), none), null);
  });
});

Deno.test("iptablesScript() leaves another agent's rules in a chain of both", async (t) => {
  // flannel v0.20 and later has these names, whatever its network.
  const theirs = FILL.slice(1)
    .map((line) => line.replaceAll("172.7.", "172.8."));
  const both = RIGHT.replace("COMMIT", `${theirs.join("\n")}\nCOMMIT`);
  const lines = (save: string) =>
    iptablesScript(table(save), nat(), true)?.split("\n") ?? null;
  await t.step("right", () => assert.equal(lines(both), null));
  await t.step("ours after theirs", () => {
    const after = RIGHT.replace(FILL[0]!, [FILL[0], ...theirs].join("\n"));
    assert.equal(lines(after), null);
  });
  await t.step("one of ours is gone", () => {
    assert.deepEqual(lines(both.replace(`${FILL[2]}\n`, "")), [
      "*nat",
      ...FILL.slice(1).filter((line) => line !== FILL[2])
        .map((line) => line.replace("-A ", "-D ")),
      ...FILL.slice(1),
      "COMMIT",
      "",
    ]);
  });
});

Deno.test("nftScript() fills both chains in one transaction", () => {
  const script = nftScript(null, wanted(true)[0]!)!;
  assert.deepEqual(script.split("\n").slice(0, 5), [
    'add table ip flannel-ipv4 { comment "rules for flannel-ipv4" ; }',
    'add chain ip flannel-ipv4 postrtg { type nat hook postrouting priority srcnat; policy accept; comment "chain to manage traffic masquerading by flannel" ; }',
    "flush chain ip flannel-ipv4 postrtg",
    "add rule ip flannel-ipv4 postrtg meta mark 0x00004000 return",
    "add rule ip flannel-ipv4 postrtg ip saddr 172.7.21.0/24 ip daddr 172.7.0.0/16 return",
  ]);
});

const DOCKER = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.18.0.0/16 ! -o br-1 -j MASQUERADE
COMMIT
`;
const OVERLAY = {
  network: "172.7.0.0/16",
  subnet: "172.7.21.0/24",
  bridge: "docker0",
  overlayDevices: ["eth0"],
  externalDevice: "eth0",
};
const rulesets = (save: string) => [{
  backend: "iptables-nft" as const,
  tables: parseIptables(save, "ip").tables,
}];

Deno.test("scopeChange() replaces Docker's rule, insert before delete", () => {
  const old = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
  const scoped =
    "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";
  assert.deepEqual(scopeChange(rulesets(DOCKER), OVERLAY), {
    kind: "netfilter",
    backend: "iptables-nft",
    family: 4,
    table: "nat",
    chain: "POSTROUTING",
    edits: [
      { op: "insert", rule: scoped, position: 1 },
      { op: "delete", rule: old, position: 2 },
    ],
  });
  const both = DOCKER.replace(old, `${old}\n-A POSTROUTING ${scoped}`);
  assert.deepEqual(scopeChange(rulesets(both), OVERLAY)!.edits, [
    { op: "delete", rule: old, position: 1 },
  ]);
  const done = DOCKER.replace(old, scoped);
  assert.equal(scopeChange(rulesets(done), OVERLAY), null);
});

Deno.test("foreignRewrites() names rules that are left alone", () => {
  const rule = "-A POSTROUTING -s 172.7.0.0/16 -o eth0 -j MASQUERADE";
  const save = DOCKER.replace("! -o docker0", "! -d 172.7.0.0/16 ! -o docker0")
    .replace("COMMIT", `${rule}\nCOMMIT`);
  assert.deepEqual(foreignRewrites(rulesets(save), OVERLAY), [rule]);
});

Deno.test("leftoverChanges() removes v0.11's whole set, from the end", () => {
  const save = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN
-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
-A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN
-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -s 172.7.0.0/16 -j ACCEPT
COMMIT
`;
  const edits = (text: string, isAlone = true, former = ["172.8.0.0/16"]) =>
    leftoverChanges(rulesets(text), wanted()[0]!, "iptables-nft", {
      isAlone,
      formerNetworks: former,
    }).map((c) => `${c.table} ${c.edits.map(({ position }) => position)}`);
  assert.deepEqual(edits(save), ["nat 5,4,3,1", "filter 1"]);
  assert.deepEqual(edits(RIGHT), []);
  // Without one of them they may be an administrator's, the tutorial's RETURN
  // for instance, which keeps Docker's rule off the network.
  const some = save.split("\n").filter((line) => !line.includes("224.0.0.0"));
  assert.deepEqual(edits(some.join("\n")), []);
  // Another flanneld's here, which would put them back and fight.
  const other = save.replaceAll("172.7.", "172.8.");
  assert.deepEqual(edits(other), ["nat 5,4,3,1", "filter 1"]);
  assert.deepEqual(edits(other, false), []);
  // Of an agent that is not seen, or is being restarted.
  assert.deepEqual(edits(other, true, []), []);
  assert.deepEqual(edits(save, false), ["nat 5,4,3,1", "filter 1"]);
});

Deno.test("leftoverChanges() removes what is named flannel's", () => {
  const save = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.8.0.0/16 -d 172.8.0.0/16 -m comment --comment "flanneld masq" -j RETURN
COMMIT
`;
  const changes = (isAlone: boolean) =>
    leftoverChanges(rulesets(save), wanted()[0]!, "iptables-nft", {
      isAlone,
      formerNetworks: [],
    });
  assert.equal(changes(true)[0]?.edits.length, 1);
  assert.deepEqual(changes(false), []);
});

Deno.test("bridgeOf() is the bridge that holds the subnet", () => {
  const link = (name: string, kind: string) => ({ name, kind }) as never;
  const address = (device: string, text: string) =>
    ({ device, address: text, family: 4 }) as never;
  const links = [link("cni0", "bridge"), link("flannel.1", "vxlan")];
  assert.equal(
    bridgeOf("172.7.21.0/24", links, [
      address("flannel.1", "172.7.21.0"),
      address("cni0", "172.7.21.1"),
    ]),
    "cni0",
  );
  assert.equal(bridgeOf("172.7.21.0/24", links, []), "docker0");
});
