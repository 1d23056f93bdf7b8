import assert from "node:assert/strict";
import { flannelRules, type FlannelShape } from "./flannel_shapes.ts";
import { flannelShapeOf } from "./flannel_shape_of.ts";

const OPTIONS = { network: "10.5.0.0/16", subnet: "10.5.7.0/24" };

function lines(
  shape: FlannelShape,
  part: "masquerade" | "forward",
  more: object = {},
): string[] {
  return flannelRules(shape, { ...OPTIONS, ...more })
    .filter((rule) => rule.part === part)
    .map(({ table, rule }) => `${table}: ${rule.text}`);
}

Deno.test("flannelRules() makes v0.11.0's rules in its order", () => {
  assert.deepEqual(lines("four-rules", "masquerade", { randomFully: true }), [
    "nat: -A POSTROUTING -s 10.5.0.0/16 -d 10.5.0.0/16 -j RETURN",
    "nat: -A POSTROUTING -s 10.5.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
    "nat: -A POSTROUTING ! -s 10.5.0.0/16 -d 10.5.7.0/24 -j RETURN",
    "nat: -A POSTROUTING ! -s 10.5.0.0/16 -d 10.5.0.0/16 -j MASQUERADE --random-fully",
  ]);
  assert.deepEqual(lines("four-rules", "forward"), [
    "filter: -A FORWARD -s 10.5.0.0/16 -j ACCEPT",
    "filter: -A FORWARD -d 10.5.0.0/16 -j ACCEPT",
  ]);
});

Deno.test("flannelRules() makes v0.28.9's rules in its order", () => {
  const masq = '-m comment --comment "flanneld masq"';
  assert.deepEqual(lines("own-chains", "masquerade", { randomFully: true }), [
    `nat: -A POSTROUTING ${masq} -j FLANNEL-POSTRTG`,
    `nat: -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${masq} -j RETURN`,
    `nat: -A FLANNEL-POSTRTG -s 10.5.7.0/24 -d 10.5.0.0/16 ${masq} -j RETURN`,
    `nat: -A FLANNEL-POSTRTG -s 10.5.0.0/16 -d 10.5.7.0/24 ${masq} -j RETURN`,
    `nat: -A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d 10.5.7.0/24 ${masq} -j RETURN`,
    `nat: -A FLANNEL-POSTRTG -s 10.5.0.0/16 ! -d 224.0.0.0/4 ${masq} -j MASQUERADE --random-fully`,
    `nat: -A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d 10.5.0.0/16 ${masq} -j MASQUERADE --random-fully`,
  ]);
  const forward = '-m comment --comment "flanneld forward"';
  assert.deepEqual(lines("own-chains", "forward"), [
    `filter: -A FORWARD ${forward} -j FLANNEL-FWD`,
    `filter: -A FLANNEL-FWD -s 10.5.0.0/16 ${forward} -j ACCEPT`,
    `filter: -A FLANNEL-FWD -d 10.5.0.0/16 ${forward} -j ACCEPT`,
  ]);
});

Deno.test("flannelRules() makes v0.28.9's nftables rules", () => {
  assert.deepEqual(lines("nftables", "masquerade", { randomFully: true }), [
    "flannel-ipv4: meta mark 0x00004000 return",
    "flannel-ipv4: ip saddr 10.5.7.0/24 ip daddr 10.5.0.0/16 return",
    "flannel-ipv4: ip saddr 10.5.0.0/16 ip daddr 10.5.7.0/24 return",
    "flannel-ipv4: ip saddr != 10.5.7.0/24 ip daddr 10.5.0.0/16 return",
    "flannel-ipv4: ip saddr 10.5.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random",
    "flannel-ipv4: ip saddr != 10.5.0.0/16 ip daddr 10.5.0.0/16 masquerade fully-random",
  ]);
});

Deno.test("flannelRules() knows the older shapes", async (t) => {
  const cases: [FlannelShape, number, number][] = [
    ["flannel-chain", 4, 0],
    ["three-rules", 3, 0],
    ["four-rules", 4, 2],
    ["own-chains-inserted", 6, 3],
  ];
  for (const [shape, masquerade, forward] of cases) {
    await t.step(shape, () => {
      assert.equal(lines(shape, "masquerade").length, masquerade);
      assert.equal(lines(shape, "forward").length, forward);
    });
  }
});

Deno.test("flannelRules() spares IPv6 multicast in an IPv6 network", () => {
  const rules = flannelRules("own-chains", {
    network: "fd00:5::/48",
    subnet: "fd00:5:0:7::/64",
  });
  assert.ok(rules.some(({ rule }) =>
    rule.text ===
      '-A FLANNEL-POSTRTG -s fd00:5::/48 ! -d ff00::/8 -m comment --comment "flanneld masq" -j MASQUERADE'
  ));
  const [first] = flannelRules("nftables", {
    network: "fd00:5::/48",
    subnet: "fd00:5:0:7::/64",
  });
  assert.equal(first!.table, "flannel-ipv6");
});

Deno.test("flannelShapeOf() follows flannel's releases", async (t) => {
  const cases: [string, boolean, FlannelShape][] = [
    ["v0.5.5", false, "flannel-chain"],
    ["v0.7.1", false, "three-rules"],
    ["v0.8.0", false, "four-rules"],
    ["v0.19.2", false, "four-rules"],
    ["v0.20.2", false, "own-chains-inserted"],
    ["v0.21.0", false, "own-chains"],
    ["v0.24.4", true, "own-chains"],
    ["v0.28.9", true, "nftables"],
    ["v0.28.9", false, "own-chains"],
  ];
  for (const [version, nftables, shape] of cases) {
    await t.step(`${version} ${nftables}`, () => {
      assert.equal(flannelShapeOf(version, nftables), shape);
    });
  }
});
