import assert from "node:assert/strict";
import { join } from "node:path";
import { parseNft } from "./parse_nft.ts";
import type { Chain, Match, Rule, Table, Target } from "./rule.ts";

/** What nft 1.0.6 printed for rulesets it was given. */
function fixture(name: string): Table[] {
  const path = join(import.meta.dirname!, "testdata", name);
  return parseNft(
    Deno.readTextFileSync(`${path}.json`),
    Deno.readTextFileSync(`${path}.txt`),
  );
}

function chain(tables: readonly Table[], table: string, name: string): Chain {
  return tables.find((t) => t.name === table)!.chains
    .find((c) => c.name === name)!;
}

function is<T>(value: T) {
  return { not: false, value };
}

function isNot<T>(value: T) {
  return { not: true, value };
}

const SET = [
  "10.0.0.0/8",
  "172.16.0.1/32",
  "172.16.0.2/31",
  "172.16.0.4/30",
  "172.16.0.8/31",
  "192.168.1.1/32",
];

const ACCEPT: Target = { kind: "ACCEPT" };
const RETURN: Target = { kind: "RETURN" };
const DROP: Target = { kind: "DROP" };

const STATEMENTS: readonly [string, Partial<Match>, Target][] = [
  ["meta mark & 0x00004000 == 0x00004000 return", {
    mark: is({ value: 0x4000, mask: 0x4000 }),
  }, RETURN],
  ["meta mark 0x00004000 return", {
    mark: is({ value: 0x4000, mask: 0xffffffff }),
  }, RETURN],
  ["meta mark & 0x00004000 != 0x00000000 return", {
    mark: isNot({ value: 0, mask: 0x4000 }),
  }, RETURN],
  ["meta mark set meta mark ^ 0x00004000", {}, {
    kind: "MARK",
    value: 0x4000,
    mask: 0,
  }],
  ["meta mark set 0x00000001", {}, {
    kind: "MARK",
    value: 1,
    mask: 0xffffffff,
  }],
  ["meta nfproto ipv4 accept", { source: is(["0.0.0.0/0"]) }, ACCEPT],
  ["ip saddr @s ip daddr != @s accept", {
    source: is(SET),
    destination: isNot(SET),
  }, ACCEPT],
  ["ip saddr { 1.2.3.4, 5.5.5.1-5.5.5.9, 10.0.0.0/8 } accept", {
    source: is([
      "1.2.3.4/32",
      "5.5.5.1/32",
      "5.5.5.2/31",
      "5.5.5.4/30",
      "5.5.5.8/31",
      "10.0.0.0/8",
    ]),
  }, ACCEPT],
  ["ip6 saddr fd00::/8 accept", { source: is(["fd00::/8"]) }, ACCEPT],
  ['iifname @i oifname { "x", "y*" } accept', {
    inDevice: is(["eth0", "veth1"]),
    outDevice: is(["x", "y+"]),
  }, ACCEPT],
  ['iif "lo" accept', { inDevice: is(["lo"]) }, ACCEPT],
  ["ct state { established, related } accept", {
    ctState: is(["ESTABLISHED", "RELATED"]),
  }, ACCEPT],
  ["ct state != new accept", { ctState: isNot(["NEW"]) }, ACCEPT],
  ["ct status dnat accept", { ctState: is(["DNAT"]) }, ACCEPT],
  ["fib daddr type local accept", { destinationType: is("LOCAL") }, ACCEPT],
  ["fib saddr type != { local, multicast } accept", {
    other: ["fib saddr type != { local, multicast }"],
  }, ACCEPT],
  ["meta l4proto { tcp, udp } th dport 53 accept", {
    other: ["meta l4proto { tcp, udp }", "th dport 53"],
  }, ACCEPT],
  ["ip protocol icmp accept", { protocol: is("icmp") }, ACCEPT],
  [
    'tcp dport { 80, 443 } limit rate 5/second log prefix "x y" counter name "cc" drop',
    {
      other: [
        "tcp dport { 80, 443 }",
        'limit {"rate":5,"burst":5,"per":"second"}',
      ],
    },
    DROP,
  ],
  ["meta l4proto tcp reject with tcp reset", { protocol: is("tcp") }, {
    kind: "REJECT",
    with: "tcp reset",
  }],
  ['log prefix "only log"', {}, { kind: "CONTINUE" }],
  ["ip saddr 10.0.0.0/24 ip daddr != 224.0.0.0/4 masquerade fully-random", {
    source: is(["10.0.0.0/24"]),
    destination: isNot(["224.0.0.0/4"]),
  }, { kind: "MASQUERADE", randomFully: true }],
  ["ip saddr 10.0.0.0/24 masquerade random,persistent", {
    source: is(["10.0.0.0/24"]),
  }, { kind: "MASQUERADE", randomFully: false }],
  ["snat ip to 1.2.3.4", {}, { kind: "SNAT", to: "1.2.3.4" }],
  ["tcp dport 80 dnat ip to 10.0.0.1:80", { other: ["tcp dport 80"] }, {
    kind: "DNAT",
    to: "10.0.0.1:80",
  }],
];

Deno.test("parseNft() reads statements beside nft's own text", async (t) => {
  const rules = fixture("statements").flatMap((table) => table.chains)
    .flatMap((c) => c.rules);
  for (const [text, match, target] of STATEMENTS) {
    await t.step(text, () => {
      const rule = rules.find((candidate) => candidate.text === text);
      assert.ok(rule !== undefined, "no rule of this text");
      assert.deepEqual(rule.match, { other: [], ...match });
      assert.deepEqual(rule.target, target);
    });
  }
});

Deno.test("parseNft() reads base chains, handles, comments and counters", () => {
  const tables = fixture("docker29");
  const raw = chain(tables, "docker-bridges", "raw-PREROUTING");
  assert.deepEqual([raw.hook, raw.type, raw.priority, raw.policy], [
    "prerouting",
    "filter",
    -300,
    "ACCEPT",
  ]);
  const [rule] = raw.rules;
  assert.equal(rule!.handle, 16);
  assert.equal(rule!.packets, 0);
  assert.equal(rule!.comment, "DROP DIRECT ACCESS");
  const statements = fixture("statements");
  assert.equal(chain(statements, "t", "f").policy, "DROP");
  assert.equal(
    chain(statements, "t", "n").rules.at(-1)!.comment,
    "c # handle 9",
  );
});

Deno.test("parseNft() makes a chain of a verdict map", () => {
  const tables = fixture("docker29");
  const base = chain(tables, "docker-bridges", "nat-POSTROUTING");
  const [out] = base.rules;
  assert.equal(out!.text, "iifname vmap @nat-postrouting-out-jumps");
  const { target } = out as Rule & { target: { kind: "JUMP"; chain: string } };
  assert.equal(target.kind, "JUMP");
  const map = chain(tables, "docker-bridges", target.chain);
  assert.ok(map.name.startsWith("@"));
  assert.deepEqual(map.rules.map((rule) => [rule.match, rule.target]), [[
    { other: [], inDevice: is(["docker0"]) },
    { kind: "JUMP", chain: "nat-postrouting-out__docker0" },
  ]]);
});

Deno.test("parseNft() makes a chain of a mark and a verdict", () => {
  const tables = fixture("statements");
  const rule = chain(tables, "t", "f").rules.find((candidate) =>
    candidate.text === "meta mark set meta mark | 0x00004000 accept"
  );
  const { target } = rule as Rule & { target: { kind: "JUMP"; chain: string } };
  assert.deepEqual(
    chain(tables, "t", target.chain).rules.map((r) => r.target),
    [
      { kind: "MARK", value: 0x4000, mask: 0x4000 },
      ACCEPT,
    ],
  );
});

Deno.test("parseNft() does not guess at a map of several fields", () => {
  const tables = fixture("statements");
  const base = chain(tables, "docker-bridges", "filter-FORWARD");
  const { target } = base.rules.at(-1) as Rule & {
    target: { kind: "JUMP"; chain: string };
  };
  const [element] = chain(tables, "docker-bridges", target.chain).rules;
  assert.deepEqual(element!.match.other, [
    "ip saddr . ip daddr 1.2.3.4 . 5.6.7.8",
  ]);
});

Deno.test("parseNft() writes rules itself without a listing", () => {
  const path = join(import.meta.dirname!, "testdata", "docker29.json");
  const tables = parseNft(Deno.readTextFileSync(path));
  const out = chain(tables, "docker-bridges", "nat-postrouting-out__docker0");
  assert.equal(
    out.rules[0]!.text,
    'oifname != docker0 ip saddr 172.7.21.0/24 counter masquerade comment "MASQUERADE"',
  );
});

Deno.test("parseNft() survives what it has never seen", async (t) => {
  const document = (...objects: unknown[]) =>
    JSON.stringify({ nftables: objects });
  const table = { table: { family: "ip", name: "t", handle: 1 } };
  const base = { chain: { family: "ip", table: "t", name: "c", handle: 1 } };
  const rule = (...expr: unknown[]) =>
    document(table, base, {
      rule: { family: "ip", table: "t", chain: "c", handle: 2, expr },
    });
  const unread = (text: string) => parseNft(text)[0]!.chains[0]!.rules[0]!;
  const cases: [string, string, number, string][] = [
    [
      "an unknown match",
      rule({ match: { op: "<", left: { odd: 1 }, right: 2 } }, {
        accept: null,
      }),
      1,
      "ACCEPT",
    ],
    ["an unknown statement", rule({ frobnicate: { a: 1 } }), 0, "OTHER"],
    [
      "an unknown set",
      rule({
        match: {
          op: "==",
          left: { payload: { protocol: "ip", field: "saddr" } },
          right: "@gone",
        },
      }, { drop: null }),
      1,
      "DROP",
    ],
    [
      "a map that is gone",
      rule({
        vmap: { key: { meta: { key: "iifname" } }, data: "@gone" },
      }),
      0,
      "OTHER",
    ],
    ["a statement that is no object", rule("x", 7, null), 0, "JUMP"],
  ];
  for (const [name, text, others, kind] of cases) {
    await t.step(name, () => {
      const found = unread(text);
      assert.equal(found.match.other.length, others);
      assert.equal(found.target.kind, kind);
    });
  }
  assert.deepEqual(parseNft(""), []);
  assert.deepEqual(parseNft("{}"), []);
  assert.throws(() => parseNft("Error: syntax"), SyntaxError);
});

Deno.test("parseNft() knows the devices of ingress and egress chains", async (t) => {
  const chain = (name: string, more: object) => ({
    chain: {
      family: "netdev",
      table: "t",
      name,
      type: "filter",
      hook: "ingress",
      prio: 0,
      policy: "drop",
      ...more,
    },
  });
  const json = JSON.stringify({
    nftables: [
      { table: { family: "netdev", name: "t" } },
      chain("one", {}),
      chain("several", {}),
      chain("none", {}),
      chain("said", { dev: "eth0" }),
      chain("all", { dev: ["eth0", "eth1"] }),
      chain("unlisted", {}),
      chain("forward", { hook: "forward" }),
    ],
  });
  const listing = [
    "table netdev t { # handle 1",
    "\tchain one { # handle 1",
    '\t\ttype filter hook ingress device "eth0" priority filter; policy drop;',
    "\t}",
    "\tchain several { # handle 2",
    "\t\ttype filter hook ingress devices = { eth0, flannel.1 } priority filter + 10; policy drop;",
    "\t}",
    "\tchain none { # handle 3",
    "\t\ttype filter hook ingress priority filter; policy drop;",
    "\t}",
    "}",
  ].join("\n");
  const [table] = parseNft(json, listing);
  const wanted: Record<string, readonly string[] | undefined> = {
    one: ["eth0"],
    several: ["eth0", "flannel.1"],
    none: [],
    said: ["eth0"],
    all: ["eth0", "eth1"],
    unlisted: undefined,
    forward: undefined,
  };
  for (const [name, devices] of Object.entries(wanted)) {
    await t.step(name, () => {
      const chain = table!.chains.find((each) => each.name === name);
      assert.deepEqual(chain?.devices, devices);
    });
  }
});
