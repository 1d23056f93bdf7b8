import "../../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  flannelRules,
  type FlannelShape,
} from "../../flannel/firewall/flannel_shapes.ts";
import type { Lease } from "../../flannel/lease.ts";
import { parseNetworkConfig } from "../../flannel/network_config.ts";
import { parseLease } from "../../flannel/parse_lease.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { quietLog } from "../../tests/support/quiet_log.ts";
import { agentMetrics } from "../metrics.ts";
import { FirewallKeeper } from "./keeper.ts";

const NETWORK = "172.7.0.0/16";
const MASQUERADE = /MASQUERADE|masquerade/;

function leaseOf(key: string): Lease {
  const value = '{"PublicIP":"192.168.1.10"}';
  return parseLease({ key, value, ttl: 1 }) as Lease;
}

function targetOf(key = "172.7.21.0-24") {
  return {
    lease: leaseOf(key),
    device: "eth0",
    overlayDevices: { 4: ["eth0"], 6: [] },
  };
}

interface Given {
  readonly isBesideOther?: boolean;
  readonly formerNetworks?: readonly string[];
  readonly forwardRules?: boolean;
}

/** An agent's keeper without --ip-masq. */
function keeperOf(netns: TestNetns, given: Given = {}) {
  const { config } = parseNetworkConfig(
    JSON.stringify({ Network: NETWORK, Backend: { Type: "host-gw" } }),
  );
  const log = quietLog();
  const keeper = new FirewallKeeper({
    config: config!,
    ipMasq: false,
    forwardRules: given.forwardRules ?? true,
    randomFully: true,
    snat: false,
    kernel: { links: () => [], addresses: () => [] },
    log,
    metrics: agentMetrics(),
    netns: netns.name,
    isBesideOther: () => given.isBesideOther ?? false,
    formerNetworks: given.formerNetworks ?? [],
  });
  return { keeper, log };
}

async function keep(netns: TestNetns, given: Given = {}): Promise<void> {
  const { keeper } = keeperOf(netns, given);
  await keeper.keep(targetOf());
  assert.deepEqual(keeper.problems, []);
}

type Tool = "iptables-nft" | "iptables-legacy";

/** Gives rules as `iptables-save` prints them to one variant of iptables. */
function type(
  netns: TestNetns,
  lines: readonly string[],
  tool: Tool = "iptables-nft",
): void {
  for (const line of lines) netns.exec("sh", "-c", `${tool} -t nat ${line}`);
}

/** What flannel's shape has in nat for a subnet. */
function shapeOf(
  shape: FlannelShape,
  subnet: string,
  network = NETWORK,
  comments = shape === "own-chains",
): string[] {
  return flannelRules(shape, { network, subnet, comments })
    .filter(({ part }) => part === "masquerade").map(({ rule }) => rule.text);
}

function natOf(netns: TestNetns, tool: Tool = "iptables-nft"): string[] {
  return netns.exec(`${tool}-save`, "-t", "nat").split("\n")
    .filter((line) => line.startsWith("-A") || line.includes("FLANNEL"));
}

const CHAIN = "-N FLANNEL-POSTRTG";
const OLD = "172.7.99.0/24";
const NOW = "172.7.21.0/24";
const NEEDS = needs({
  netns: true,
  programs: ["iptables-nft", "iptables-legacy", "nft"],
});

Deno.test({
  name: "FirewallKeeper takes masquerade rules of a former subnet",
  ...NEEDS,
  async fn(t) {
    const sets: [string, string[]][] = [
      ["own chain", [CHAIN, ...shapeOf("own-chains", OLD)]],
      ["v0.11's", shapeOf("four-rules", OLD)],
      ["v0.17's", shapeOf("four-rules", OLD, NETWORK, true)],
    ];
    for (const tool of ["iptables-nft", "iptables-legacy"] as const) {
      for (const [name, lines] of sets) {
        await t.step(`${name}, ${tool}`, async () => {
          using netns = new TestNetns();
          const other = "-A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE";
          type(netns, [...lines, other], tool);
          await keep(netns);
          assert.deepEqual(natOf(netns, tool), [other]);
        });
      }
    }
    await t.step("one whose agent keeps no rule at all", async () => {
      using netns = new TestNetns();
      type(netns, sets[0]![1]);
      await keep(netns, { forwardRules: false });
      assert.deepEqual(natOf(netns), []);
    });
    await t.step("nftables", async () => {
      using netns = new TestNetns();
      const chain = "add chain ip flannel-ipv4 postrtg";
      const rules = flannelRules("nftables", { network: NETWORK, subnet: OLD })
        .filter(({ part }) => part === "masquerade")
        .map(({ rule }) => `add rule ip flannel-ipv4 postrtg ${rule.text}`);
      const text = [
        "add table ip flannel-ipv4",
        `${chain} { type nat hook postrouting priority srcnat; }`,
        ...rules,
        "",
      ].join("\n");
      netns.exec("sh", "-c", `nft -f - <<'EOF'\n${text}EOF`);
      await keep(netns, { isBesideOther: true });
      assert.doesNotMatch(netns.exec("nft", "list", "ruleset"), MASQUERADE);
    });
  },
});

Deno.test({
  name: "FirewallKeeper leaves masquerade rules that do no harm",
  ...NEEDS,
  async fn(t) {
    const alike = `-A POSTROUTING -s ${NETWORK} -d ${NETWORK} -j RETURN`;
    const others = shapeOf("own-chains", "172.8.3.0/24", "172.8.0.0/16");
    const own = "-A FLANNEL-POSTRTG -s 172.7.0.0/17 -j ACCEPT";
    const egress = `-A POSTROUTING -s ${NETWORK} ! -d 224.0.0.0/4 ` +
      "-j MASQUERADE";
    const cases: [string, string[], Given][] = [
      ["for this subnet", [CHAIN, ...shapeOf("own-chains", NOW)], {}],
      ["v0.20's", [CHAIN, ...shapeOf("own-chains-inserted", NOW)], {}],
      ["v0.11's", shapeOf("four-rules", NOW), {}],
      ["of another network", [CHAIN, ...others], {}],
      ["that have no name and are no set", [egress, alike], {}],
      [
        "of another agent",
        [CHAIN, ...others],
        { isBesideOther: true, formerNetworks: ["172.8.0.0/16"] },
      ],
    ];
    for (const [name, lines, given] of cases) {
      await t.step(name, async () => {
        using netns = new TestNetns();
        type(netns, lines);
        const before = natOf(netns);
        await keep(netns, given);
        assert.deepEqual(natOf(netns), before);
      });
    }
    await t.step("and what is not flannel's in its chain", async () => {
      using netns = new TestNetns();
      const [jump, mark, ...rest] = shapeOf("own-chains", OLD);
      type(netns, [CHAIN, jump!, mark!, own, ...rest]);
      await keep(netns);
      assert.deepEqual(
        natOf(netns).filter((line) => line.startsWith("-A")),
        [jump, mark, own],
      );
    });
    await t.step("and the chain of two networks", async () => {
      using netns = new TestNetns();
      const [jump, mark, ...theirs] = others;
      const [, , ...ours] = shapeOf("own-chains", OLD);
      type(netns, [CHAIN, jump!, mark!, ...ours, ...theirs]);
      await keep(netns, { isBesideOther: true });
      assert.deepEqual(
        natOf(netns).filter((line) => line.startsWith("-A")),
        others,
      );
    });
  },
});

Deno.test({
  name: "FirewallKeeper is not done before harmful rules are gone",
  ...NEEDS,
  async fn(t) {
    using netns = new TestNetns();
    const { keeper, log } = keeperOf(netns);
    let target = targetOf("172.7.99.0-24");
    keeper.follow(() => target);
    type(netns, [CHAIN, ...shapeOf("own-chains", OLD)]);
    await keeper.keep(target);
    assert.deepEqual(keeper.problems, []);
    assert.equal(natOf(netns).filter((line) => /^-A/.test(line)).length, 7);
    await t.step("from the change of the lease on", async () => {
      target = targetOf();
      assert.deepEqual(keeper.problems, [
        `The firewall has not been looked at yet for ${NOW}`,
      ]);
      await keeper.keep(target);
      assert.deepEqual(keeper.problems, []);
      assert.deepEqual(natOf(netns), []);
      assert.match(log.lines.at(-1)!, /hide containers of 172\.7\.21\.0/);
    });
    await t.step("and when they are put back later", async () => {
      type(netns, [CHAIN, ...shapeOf("own-chains", OLD)]);
      await keeper.keep(target);
      assert.deepEqual(natOf(netns), []);
    });
    await t.step("with every way that leads to the chain", async () => {
      const [jump, ...rest] = shapeOf("own-chains", OLD);
      type(netns, [CHAIN, jump!, ...rest, "-N MINE"]);
      type(netns, ["-A MINE -g FLANNEL-POSTRTG"]);
      await keeper.keep(target);
      assert.deepEqual(
        natOf(netns).filter((line) => line.startsWith("-A")),
        [],
      );
    });
    await t.step("nor while somebody puts them back each time", async () => {
      for (let n = 0; n < 6 && keeper.problems.length === 0; n++) {
        type(netns, [CHAIN, ...shapeOf("own-chains", OLD)]);
        await keeper.keep(target);
      }
      assert.match(keeper.problems.join(), /is kept wrong by somebody/);
    });
  },
});
