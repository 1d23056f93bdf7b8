import "../../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { parseNetworkConfig } from "../../flannel/network_config.ts";
import { parseLease } from "../../flannel/parse_lease.ts";
import type { Lease } from "../../flannel/lease.ts";
import { needs } from "../../tests/support/needs.ts";
import { TestNetns } from "../../tests/support/netns.ts";
import { quietLog } from "../../tests/support/quiet_log.ts";
import { agentMetrics } from "../metrics.ts";
import { FirewallKeeper } from "./keeper.ts";

const NEEDS = needs({ netns: true, programs: ["iptables", "nft"] });

const LEASE = parseLease({
  key: "172.7.21.0-24",
  value: '{"PublicIP":"192.168.1.10"}',
  ttl: 1,
}) as Lease;

interface Surroundings {
  readonly isBesideOther: boolean;
  readonly formerNetworks?: readonly string[];
  readonly enableNFTables?: boolean;
}

/** The firewall after one look of a keeper that was just started. */
async function keep(
  netns: TestNetns,
  { isBesideOther, formerNetworks = [], enableNFTables }: Surroundings,
): Promise<void> {
  const { config } = parseNetworkConfig(JSON.stringify({
    Network: "172.7.0.0/16",
    EnableNFTables: enableNFTables ?? false,
    Backend: { Type: "host-gw" },
  }));
  const keeper = new FirewallKeeper({
    config: config!,
    ipMasq: true,
    forwardRules: true,
    randomFully: true,
    snat: false,
    kernel: { links: () => [], addresses: () => [] },
    log: quietLog(),
    metrics: agentMetrics(),
    netns: netns.name,
    isBesideOther: () => isBesideOther,
    formerNetworks,
  });
  const target = { device: "eth0", overlayDevices: { 4: ["eth0"], 6: [] } };
  await keeper.keep({ lease: LEASE, ...target });
  assert.deepEqual(keeper.problems, []);
}

/** Types a rule, as `iptables-save` prints it, into nat. */
function type(netns: TestNetns, ...rules: readonly string[]): void {
  for (const rule of rules) {
    netns.exec("sh", "-c", `iptables -t nat ${rule}`);
  }
}

/** The rules of nat that name an address of a network. */
function natOf(netns: TestNetns, prefix: string): string[] {
  return netns.exec("iptables-save", "-t", "nat").split("\n")
    .filter((line) => line.startsWith("-A") && line.includes(prefix));
}

/** flannel v0.11's rules. */
const PLAIN = [
  "-A POSTROUTING -s 172.8.0.0/16 -d 172.8.0.0/16 -j RETURN",
  "-A POSTROUTING -s 172.8.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
  "-A POSTROUTING ! -s 172.8.0.0/16 -d 172.8.3.0/24 -j RETURN",
  "-A POSTROUTING ! -s 172.8.0.0/16 -d 172.8.0.0/16 -j MASQUERADE --random-fully",
];

/** The tutorial's and other rules of an administrator, of the same forms. */
const TYPED = [
  "-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
  "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE",
];

Deno.test({
  name: "FirewallKeeper leaves nameless rules that are not its own leftovers",
  ...NEEDS,
  async fn(t) {
    await t.step(
      "a live flanneld's of v0.11, for another network",
      async () => {
        using netns = new TestNetns();
        type(netns, ...PLAIN);
        const around = {
          isBesideOther: true,
          formerNetworks: ["172.8.0.0/16"],
        };
        await keep(netns, around);
        assert.deepEqual(natOf(netns, "172.8."), PLAIN);
      },
    );
    await t.step("one that is not seen", async () => {
      using netns = new TestNetns();
      type(netns, ...PLAIN);
      await keep(netns, { isBesideOther: false });
      assert.deepEqual(natOf(netns, "172.8."), PLAIN);
    });
    await t.step("an administrator's", async () => {
      using netns = new TestNetns();
      type(netns, ...TYPED);
      await keep(netns, { isBesideOther: false });
      assert.deepEqual(natOf(netns, "172.7.").slice(0, 2), TYPED);
    });
    await t.step("but takes those of subnet.env's former network", async () => {
      using netns = new TestNetns();
      type(netns, ...PLAIN);
      const formerNetworks = ["172.8.0.0/16"];
      await keep(netns, { isBesideOther: false, formerNetworks });
      assert.deepEqual(natOf(netns, "172.8."), []);
      assert.equal(natOf(netns, "172.7.").length, 5);
    });
  },
});

Deno.test({
  name: "FirewallKeeper shares flannel's chains with another agent",
  ...NEEDS,
  async fn(t) {
    const of = '-m comment --comment "flanneld masq"';
    const theirs = [
      `-A FLANNEL-POSTRTG -s 172.8.3.0/24 -d 172.8.0.0/16 ${of} -j RETURN`,
      `-A FLANNEL-POSTRTG -s 172.8.0.0/16 ! -d 224.0.0.0/4 ${of} -j MASQUERADE --random-fully`,
    ];
    const start = () => {
      const netns = new TestNetns();
      const jump = `-A POSTROUTING ${of} -j FLANNEL-POSTRTG`;
      type(netns, "-N FLANNEL-POSTRTG", jump, ...theirs);
      return netns;
    };
    await t.step("while that runs", async () => {
      using netns = start();
      await keep(netns, { isBesideOther: true });
      const once = netns.exec("iptables-save", "-t", "nat");
      assert.deepEqual(natOf(netns, "172.8."), theirs);
      assert.equal(natOf(netns, "172.7.").length, 5);
      await keep(netns, { isBesideOther: true });
      const rules = (text: string) => text.match(/^-A.*$/gm);
      assert.deepEqual(
        rules(netns.exec("iptables-save", "-t", "nat")),
        rules(once),
      );
      // One of ours goes: all of ours come back, in order.
      type(netns, natOf(netns, "172.7.")[1]!.replace("-A ", "-D "));
      await keep(netns, { isBesideOther: true });
      assert.deepEqual(natOf(netns, "172.8."), theirs);
      assert.deepEqual(
        natOf(netns, "172.7."),
        rules(once)!.filter((line) => line.includes("172.7.")),
      );
    });
    await t.step("and has them alone else", async () => {
      using netns = start();
      await keep(netns, { isBesideOther: false });
      assert.deepEqual(natOf(netns, "172.8."), []);
      assert.equal(natOf(netns, "172.7.").length, 5);
    });
    await t.step("nftables' table as well", async () => {
      using netns = new TestNetns();
      const around = { isBesideOther: true, enableNFTables: true };
      await keep(netns, around);
      const rule = "ip saddr 172.8.0.0/16 ip daddr != 224.0.0.0/4 masquerade";
      const where = "rule ip flannel-ipv4 postrtg";
      netns.exec("sh", "-c", `nft 'insert ${where} ${rule}'`);
      const list = () =>
        netns.exec("nft", "list", "table", "ip", "flannel-ipv4");
      const once = list();
      await keep(netns, around);
      assert.equal(list(), once);
      assert.match(once, /172\.8\.0\.0/);
      await keep(netns, { ...around, isBesideOther: false });
      assert.doesNotMatch(list(), /172\.8\.0\.0/);
    });
  },
});
