import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { openMonitor } from "../host/netlink/monitor.ts";
import { Netlink } from "../host/netlink/netlink.ts";
import { promptly } from "../tests/support/agents.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { LeaseTable } from "./lease_table.ts";
import { agentMetrics } from "./metrics.ts";
import { Reconciler } from "./reconciler.ts";

const REAL = needs({ netns: true, programs: ["bridge"] });

const CONFIG = parseNetworkConfig(JSON.stringify({
  Network: "172.7.0.0/16",
  EnableIPv6: true,
  IPv6Network: "fc00::/48",
  Backend: { Type: "vxlan" },
})).config!;

function lease(n: number): Lease {
  return parseLease({
    key: `172.7.${n}.0-24&fc00:0:0:${n}::-64`,
    value: JSON.stringify({
      PublicIP: `192.168.77.${n}`,
      PublicIPv6: `fd01::${n}`,
      BackendType: "vxlan",
      BackendData: { VNI: 1, VtepMAC: `02:00:00:00:04:0${n}` },
      BackendV6Data: { VNI: 1, VtepMAC: `02:00:00:00:06:0${n}` },
    }),
    ttl: 3_600,
  }) as Lease;
}

const NODE: LocalNode = {
  device: "eth0",
  deviceMtu: 1500,
  address: "192.168.77.1",
  ipv6Address: "fd01::1",
  publicIP: "192.168.77.1",
  publicIPv6: "fd01::1",
  lease: lease(1),
};

/** A host whose devices a reconciler keeps until the end of the block. */
class KeptHost implements AsyncDisposable {
  readonly netns = new TestNetns(
    "link set lo up",
    "link add eth0 type veth peer name eth9",
    "link set eth9 up",
    "link set eth0 up",
    "address add 192.168.77.1/24 dev eth0",
    "address add fd01::1/64 dev eth0 nodad",
  );
  readonly log = quietLog();
  readonly #kernel = new Netlink({ netns: this.netns.name });
  readonly reconciler: Reconciler;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor() {
    const leases = new LeaseTable({ holdMs: 0 });
    for (const n of [1, 2, 3]) leases.put(lease(n));
    this.reconciler = new Reconciler({
      kernel: this.#kernel,
      config: CONFIG,
      node: NODE,
      leases,
      log: this.log,
      metrics: agentMetrics(),
    });
  }

  async start(): Promise<void> {
    const { signal } = this.#stop;
    const { reconciler, netns } = this;
    const monitor = openMonitor({
      netns: netns.name,
      links: true,
      addresses: true,
      routes: true,
      neighbours: true,
      ignorePort: this.#kernel.port,
      signal,
    });
    await reconciler.first(signal);
    const follow = async () => {
      for (;;) {
        const events = await monitor.read();
        if (events === null) return;
        reconciler.kernelChanged(events);
      }
    };
    this.#running = Promise.all([follow(), reconciler.run(signal)]);
  }

  /** All that is kept, as iproute2 prints it; ifindexes are left out. */
  state(): string {
    const look = (text: string) => {
      try {
        return this.netns.exec("sh", "-c", text);
      } catch {
        return "";
      }
    };
    return ["flannel.1", "flannel-v6.1"].map((device) =>
      [
        look(`ip -d -o link show ${device}`).replace(/^\d+/, "")
          .replace(/(state|promiscuity|allmulti|numtxqueues) .*?(?= \S+:)/, ""),
        look(`ip -o addr show dev ${device} scope global | cut -d' ' -f2-`),
        look(`ip route show dev ${device}; ip -6 route show dev ${device}`),
        look(`ip neigh show dev ${device} nud permanent | sort`),
        look(`bridge fdb show dev ${device} | grep dst | sort`),
      ].join("")
    ).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#kernel[Symbol.dispose]();
    this.netns[Symbol.dispose]();
  }
}

/** What somebody does to the devices, `ip` line by line. */
const ALTERED: Readonly<Record<string, readonly string[]>> = {
  "a name": ["link set flannel.1 name foo"],
  "IPv6's name": ["link set flannel-v6.1 name foo"],
  "both names, exchanged": [
    "link set flannel.1 name foo",
    "link set flannel-v6.1 name flannel.1",
    "link set foo name flannel-v6.1",
  ],
  "a name, of a device that is down": [
    "link set flannel.1 down",
    "link set flannel.1 name foo",
  ],
  "a name and all else": [
    "link set flannel.1 name foo",
    "address flush dev foo",
    "link set foo mtu 1300 address 02:00:00:00:00:aa alias mine",
    "link set foo type vxlan learning",
  ],
  "a name that another device has now": [
    "link set flannel.1 name foo",
    "link add flannel.1 type bridge",
  ],
  "how its packets leave": [
    "link set flannel.1 type vxlan ttl 1 remote 192.168.77.99",
    "link set flannel-v6.1 type vxlan ttl 1 local fd01::9",
  ],
  "whether it asks for MACs": [
    "link set flannel.1 arp off",
    "link set flannel-v6.1 arp off",
  ],
  "the bridge it is a port of": [
    "link add br0 type bridge",
    "link set br0 up",
    "link set flannel.1 master br0",
    "link set flannel-v6.1 master br0",
  ],
};

Deno.test({
  name: "Reconciler keeps tunnel devices, whatever is altered",
  ...REAL,
  async fn(t) {
    await using host = new KeptHost();
    await host.start();
    const before = host.state();
    assert.equal(before.match(/dst 192\.168\.77\./g)?.length, 2, before);
    assert.deepEqual(host.reconciler.problems, []);
    for (const [name, lines] of Object.entries(ALTERED)) {
      await t.step(name, async () => {
        host.netns.ip(...lines);
        assert.equal(
          await promptly(() => host.state(), (now) => now === before, 2_000),
          before,
        );
        assert.deepEqual(host.reconciler.problems, []);
      });
    }
  },
});

const FOREIGN = "type vxlan id 1 dev eth0 dstport 8472";

Deno.test({
  name: "Reconciler leaves another's device with its VNI, and says so once",
  ...REAL,
  async fn(t) {
    await using host = new KeptHost();
    host.netns.ip(`link add other ${FOREIGN}`, "link set other up");
    await host.start();
    const message = () => {
      const [other] = host.netns.ipJson<{ ifindex: number; address: string }>(
        "link show other",
      );
      return `Device flannel.1 cannot be made: other (ifindex ${
        other!.ifindex
      }, MAC ${other!.address}) has its VNI 1 and UDP port 8472 and is ` +
        "somebody else's. It is left alone; flannel.1 is made when it is " +
        "gone: ip link delete other";
    };
    const said = () => host.log.lines.filter((line) => line.includes("other"));
    const problems = (wanted: string[]) =>
      promptly(
        () => host.reconciler.problems,
        (now) => JSON.stringify(now) === JSON.stringify(wanted),
        2_000,
      );
    await t.step("there before the agent", async () => {
      await problems([message()]);
      assert.match(host.state(), /^\n.*flannel-v6\.1: .*fd01::3 self/s);
    });
    await t.step("said once, looks go on", async () => {
      for (let look = 0; look < 3; look++) {
        host.netns.ip(`link set other mtu ${1300 + look}`);
        await problems([message()]);
      }
      host.reconciler.requestFull();
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(said().length, 1, host.log.lines.join("\n"));
      // What every peer lacks follows from it, and is not tried.
      assert.doesNotMatch(host.log.lines.join("\n"), /Cannot write/);
    });
    await t.step("gone, ours is made", async () => {
      host.netns.ip("link delete other");
      await problems([]);
      assert.match(host.state(), /flannel\.1: .*192\.168\.77\.3 self/s);
    });
    await t.step("its UDP port with other settings", async () => {
      host.netns.exec(
        "sh",
        "-c",
        `printf 'link delete flannel.1\nlink add other type vxlan id 9 dev eth0 dstport 8472 gbp\nlink set other up\n' | ip -batch -`,
      );
      await problems([
        message().replace(
          "its VNI 1 and UDP port 8472",
          "UDP port 8472 with other settings",
        ),
      ]);
      host.netns.ip("link delete other");
      await problems([]);
    });
    await t.step("in the place of ours", async () => {
      // In one go, before the agent has a turn.
      host.netns.exec(
        "sh",
        "-c",
        `printf 'link delete flannel.1\nlink add other ${FOREIGN}\n' | ip -batch -`,
      );
      await problems([message()]);
      host.netns.ip("link delete other");
      await problems([]);
    });
    await t.step("ours, in another namespace", async () => {
      using elsewhere = new TestNetns();
      host.netns.ip(`link set flannel.1 netns ${elsewhere.name}`);
      await problems([
        "Cannot write device flannel.1: File exists: A VXLAN device with " +
        "the specified VNI already exists. No device here has VNI 1: " +
        "flannel.1 may have been moved to another network namespace, where " +
        "it keeps it: delete it there",
      ]);
      elsewhere.ip("link delete flannel.1");
      host.reconciler.requestFull();
      await problems([]);
    });
  },
});

Deno.test({
  name: "Reconciler knows its device of a former run by what it is",
  ...REAL,
  async fn(t) {
    const add = (more: string) =>
      `link add foo address 02:00:00:00:04:01 ${FOREIGN} ${more}`;
    const cases: Readonly<Record<string, readonly string[]>> = {
      "by MAC and address": [add("local 192.168.77.1 nolearning")],
      "by flandoc's mark": [
        `link add foo ${FOREIGN} nolearning local 192.168.77.200`,
        "link set foo alias flandoc",
      ],
    };
    for (const [name, lines] of Object.entries(cases)) {
      await t.step(name, async () => {
        await using host = new KeptHost();
        host.netns.ip(...lines);
        await host.start();
        assert.deepEqual(host.reconciler.problems, []);
        const state = host.state();
        assert.match(state, /^: flannel\.1: .* 02:00:00:00:04:01 /);
        assert.match(state, /local 192\.168\.77\.1 dev eth0/);
        assert.doesNotMatch(host.netns.exec("ip", "link"), /foo/);
      });
    }
    await t.step("not by its MAC alone", async () => {
      await using host = new KeptHost();
      host.netns.ip(add("local 192.168.77.200"));
      await host.start();
      assert.equal(host.reconciler.problems.length, 1);
      assert.match(host.netns.exec("ip", "link"), / foo: /);
    });
  },
});
