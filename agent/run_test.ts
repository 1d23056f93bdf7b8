import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  eventually,
  promptly,
  TestAgent,
  type TestHost,
  TestHosts,
} from "../tests/support/agents.ts";
import { freePorts, startEtcd } from "../tests/support/etcd.ts";
import {
  converged,
  flags,
  networkConfig as config,
  PREFIX,
  routes,
  setUp,
  show,
  subnetOf,
} from "../tests/support/agent_network.ts";
import { probeEcho } from "../host/icmp_probe.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "../stores/create_store.ts";

const REAL = needs({ netns: true, programs: ["etcd", "iptables"] });
const KINDS = ["etcd-v2", "etcd-v3"] as const;

for (const kind of KINDS) {
  Deno.test({
    name: `runAgent() is a host-gw agent on ${kind}`,
    ...REAL,
    async fn(t) {
      await using etcd = await startEtcd();
      const store = await setUp(etcd, kind, config({ Type: "host-gw" }));
      using net = new TestHosts(3);
      const [one, two, three] = net.hosts as [TestHost, TestHost, TestHost];
      const agents = net.hosts.map((host) => new TestAgent(host, flags(etcd)));
      try {
        await converged(net.hosts);
        const via = (host: TestHost) =>
          `${subnetOf(host)} via ${host.address} dev eth0 proto 107`;
        await t.step("routes to all peers, none to itself", () => {
          assert.deepEqual(routes(one).sort(), [via(two), via(three)].sort());
        });
        await t.step("leases in flannel's words", async () => {
          const { leases } = await store.readLeases();
          const head = kind === "etcd-v3" ? '"PublicIPv6":null,' : "";
          assert.deepEqual(
            leases.map((lease) => lease.value).sort(),
            net.hosts.map(({ address }) =>
              `{"PublicIP":"${address}",${head}"BackendType":"host-gw"}`
            ),
          );
          assert.ok(leases.every(({ ttl }) => ttl! > 86_000));
        });
        await t.step("subnet.env", () => {
          assert.equal(
            Deno.readTextFileSync(one.subnetFile),
            `FLANNEL_NETWORK=172.7.0.0/16
FLANNEL_SUBNET=${subnetOf(one).replace(".0/", ".1/")}
FLANNEL_MTU=1500
FLANNEL_IPMASQ=false
`,
          );
        });
        await t.step("a deleted route comes back within a second", async () => {
          one.netns.ip(`route del ${subnetOf(two)}`);
          await promptly(() => routes(one).length, (n) => n === 2, 1_000);
        });
        await t.step("an altered route comes back", async () => {
          one.netns.ip(
            `route replace ${subnetOf(two)} via 192.168.77.99 dev eth0`,
          );
          await promptly(
            () => routes(one),
            (r) => r.includes(via(two)),
            1_000,
          );
        });
        await t.step("routes come back with their interface", async () => {
          one.netns.ip("link set eth0 down", "link set eth0 up");
          await promptly(() => routes(one).length, (n) => n === 2, 2_000);
        });
        await t.step("routes come and go with leases", async () => {
          const key = "172.7.200.0-24";
          const value = '{"PublicIP":"192.168.77.9","BackendType":"host-gw"}';
          await store.create(key, value, 3600);
          await eventually(() => routes(one).length, (n) => n === 3);
          await store.delete(key);
          await eventually(() => routes(one).length, (n) => n === 2);
        });
        await t.step("a revoked lease is asked for again", async () => {
          const key = subnetOf(three).replace("/", "-");
          await store.delete(key);
          await eventually(() => store.readLease(key), (r) => r !== null);
          await converged(net.hosts);
        });
        await t.step("a stopped agent leaves routes and lease", async () => {
          assert.equal(await agents[2]!.stop(), 0);
          assert.equal(routes(three).length, 2);
          assert.equal((await store.readLeases()).leases.length, 3);
        });
        await t.step("a restart keeps subnet and routes", async () => {
          const before = subnetOf(three);
          const stale = "172.7.250.0/24 via 192.168.77.250 dev eth0";
          three.netns.ip(`route add ${stale} proto 107`);
          agents[2] = new TestAgent(three, flags(etcd));
          await eventually(() => routes(three).length, (n) => n === 2);
          assert.equal(subnetOf(three), before);
        });
        await t.step("a second agent is refused", async () => {
          const second = new TestAgent(three, flags(etcd));
          assert.equal(await second.done, 1);
        });
      } finally {
        for (const agent of agents) await agent.stop();
        store.close();
      }
    },
  });

  Deno.test({
    name: `runAgent() outlives ${kind} and its restart`,
    ...REAL,
    async fn() {
      await using etcd = await startEtcd();
      const store = await setUp(etcd, kind, config({ Type: "host-gw" }));
      using net = new TestHosts(2);
      const [one, two] = net.hosts as [TestHost, TestHost];
      await using a = new TestAgent(one, flags(etcd));
      await using b = new TestAgent(two, flags(etcd));
      await converged(net.hosts);
      await etcd.members[0]!.kill();
      // While the store is away: peers stay, and so does the repair.
      one.netns.ip(`route del ${subnetOf(two)}`);
      await promptly(() => routes(one).length, (n) => n === 1, 1_000);
      await etcd.members[0]!.start();
      await store.create(
        "172.7.200.0-24",
        '{"PublicIP":"192.168.77.99","BackendType":"host-gw"}',
        3600,
      );
      await eventually(
        () => [routes(one).length, routes(two).length],
        (counts) => counts.every((n) => n === 2),
      );
      await store.delete("172.7.200.0-24");
      await eventually(() => routes(one).length, (n) => n === 1);
      store.close();
      assert.equal(await a.stop(), 0);
      assert.equal(await b.stop(), 0);
    },
  });
}

Deno.test({
  name: "runAgent() adopts flanneld's routes and leaves an administrator's",
  ...REAL,
  async fn() {
    await using etcd = await startEtcd();
    const store = await setUp(etcd, "etcd-v2", config({ Type: "host-gw" }));
    await store.create(
      "172.7.2.0-24",
      '{"PublicIP":"192.168.77.2","BackendType":"host-gw"}',
      3600,
    );
    await store.create("172.7.3.0-24", '{"PublicIP":"192.168.77.3"}', 3600);
    using net = new TestHosts(1);
    const host = net.hosts[0]!;
    host.netns.ip(
      "route add 172.7.2.0/24 via 192.168.77.2 dev eth0",
      "route add 172.7.50.0/24 via 192.168.77.5 dev eth0",
      "route add 172.7.60.0/24 via 192.168.77.6 dev eth0 proto 107",
      "route add 172.7.70.0/24 via 192.168.77.7 dev eth0 proto static",
    );
    await using agent = new TestAgent(host, flags(etcd));
    await eventually(
      () => routes(host),
      (r) => !r.some((line) => line.startsWith("172.7.60.")),
    );
    assert.deepEqual(routes(host), [
      "172.7.2.0/24 via 192.168.77.2 dev eth0 proto 107",
      "172.7.50.0/24 via 192.168.77.5 dev eth0",
      "172.7.70.0/24 via 192.168.77.7 dev eth0 proto static",
    ]);
    store.close();
    assert.equal(await agent.stop(), 0);
  },
});

Deno.test({
  name: "runAgent() is a vxlan agent whose device heals",
  ...REAL,
  async fn(t) {
    await using etcd = await startEtcd();
    const store = await setUp(etcd, "etcd-v3", config({ Type: "vxlan" }));
    using net = new TestHosts(2);
    const [one, two] = net.hosts as [TestHost, TestHost];
    await using a = new TestAgent(one, flags(etcd));
    await using b = new TestAgent(two, flags(etcd));
    await converged(net.hosts);
    const mac = (host: TestHost) =>
      /ether (\S+)/.exec(
        host.netns.exec("ip", "link", "show", "flannel.1"),
      )![1]!;
    const network = (host: TestHost) => subnetOf(host).replace("/24", "");
    const state = (host: TestHost) => [
      ...routes(host),
      ...show(host, "ip", "neigh", "show", "dev", "flannel.1")
        .trim().split("\n").map((line) => line.trim())
        .filter((line) => line.includes("PERMANENT")),
      ...show(host, "bridge", "fdb", "show", "dev", "flannel.1")
        .trim().split("\n").filter((line) => line.includes("dst")),
    ];
    const wanted = [
      `${subnetOf(two)} via ${network(two)} dev flannel.1 proto 107 onlink`,
      `${network(two)} lladdr ${mac(two)} PERMANENT`,
      `${mac(two)} dst ${two.address} self permanent`,
    ];
    const heals = async () => {
      const isWhole = (now: string[]) => now.join() === wanted.join();
      await promptly(() => state(one), isWhole, 2_000);
    };
    const ping = async () => {
      const { reached } = await probeEcho({
        source: network(one),
        targets: [network(two)],
        netns: one.netns.name,
      });
      assert.deepEqual([...reached.values()], [true]);
    };
    await t.step("neighbour, FDB entry, onlink route", heals);
    await t.step("packets pass", ping);
    await t.step("the device is as flannel makes it", () => {
      const text = one.netns.exec("ip", "-d", "link", "show", "flannel.1");
      assert.match(text, /mtu 1450 /);
      assert.match(
        text,
        /vxlan id 1 local 192\.168\.77\.1 dev eth0 .*dstport 8472 nolearning/,
      );
      const address = one.netns.exec("ip", "-4", "addr", "show", "flannel.1");
      assert.ok(address.includes(`inet ${network(one)}/32 scope global`));
      const { stdout } = new Deno.Command("nsenter", {
        args: [
          `--net=/var/run/netns/${one.netns.name}`,
          "cat",
          "/proc/sys/net/ipv6/conf/flannel.1/accept_ra",
        ],
      }).outputSync();
      assert.equal(new TextDecoder().decode(stdout), "0\n");
    });
    const breaks: [string, string[]][] = [
      ["route", ["ip", "route", "del", subnetOf(two)]],
      ["neighbour", ["ip", "neigh", "del", network(two), "dev", "flannel.1"]],
      [
        "FDB entry",
        [
          "bridge",
          "fdb",
          "del",
          mac(two),
          "dev",
          "flannel.1",
          "dst",
          two.address,
        ],
      ],
      [
        "another destination of the MAC",
        [
          "bridge",
          "fdb",
          "replace",
          mac(two),
          "dev",
          "flannel.1",
          "dst",
          "192.168.77.9",
        ],
      ],
      ["link down", ["ip", "link", "set", "flannel.1", "down"]],
      ["device", ["ip", "link", "del", "flannel.1"]],
      ["address", ["ip", "addr", "flush", "dev", "flannel.1"]],
      ["MTU", ["ip", "link", "set", "flannel.1", "mtu", "1300"]],
      ["MAC", [
        "ip",
        "link",
        "set",
        "flannel.1",
        "address",
        "02:00:00:00:00:99",
      ]],
    ];
    const device = () =>
      show(one, "ip", "-o", "link", "show", "flannel.1")
        .replace(/^\d+: |promiscuity.*$/g, "") +
      show(one, "ip", "-o", "-4", "addr", "show", "flannel.1")
        .replace(/^\d+: /, "");
    const before = device();
    for (const [name, command] of breaks) {
      await t.step(`${name} comes back, packets pass`, async () => {
        one.netns.exec(command[0]!, ...command.slice(1));
        await promptly(device, (now) => now === before, 2_000);
        await heals();
        await ping();
      });
    }
    await t.step("a peer's new MAC and address are followed", async () => {
      const key = "172.7.200.0-24";
      const put = (ip: string, VtepMAC: string) =>
        store.put(
          key,
          JSON.stringify({
            PublicIP: ip,
            PublicIPv6: null,
            BackendType: "vxlan",
            BackendData: { VNI: 1, VtepMAC },
          }),
          3600,
        );
      const entries = () =>
        state(one).filter((line) =>
          line.includes("172.7.200.0 lladdr") || line.includes("02:00:00")
        );
      await put("192.168.77.9", "02:00:00:00:00:09");
      await eventually(entries, (now) => now.length === 2);
      await put("192.168.77.8", "02:00:00:00:00:08");
      await eventually(entries, (now) =>
        now.join() === [
          "172.7.200.0 lladdr 02:00:00:00:00:08 PERMANENT",
          "02:00:00:00:00:08 dst 192.168.77.8 self permanent",
        ].join());
      await store.delete(key);
      await heals();
    });
    await t.step("a restart keeps the MAC", async () => {
      const kept = mac(one);
      assert.equal(await a.stop(), 0);
      one.netns.ip("link del flannel.1");
      await using again = new TestAgent(one, flags(etcd));
      await eventually(() => state(one).join(), (now) => now === wanted.join());
      assert.equal(mac(one), kept);
      await ping();
      assert.equal(await again.stop(), 0);
    });
    store.close();
    assert.equal(await b.stop(), 0);
  },
});

Deno.test({
  name: "runAgent() refuses what it cannot be",
  ...REAL,
  async fn(t) {
    await using etcd = await startEtcd();
    const store = await setUp(etcd, "etcd-v3", config({ Type: "wireguard" }));
    using net = new TestHosts(1);
    const host = net.hosts[0]!;
    const exit = async (more: Record<string, string> = {}) => {
      await using agent = new TestAgent(host, { ...flags(etcd), ...more });
      return await agent.done;
    };
    await t.step("a backend it does not have", async () => {
      assert.equal(await exit(), 1);
    });
    await store.writeConfig(config({ Type: "host-gw" }));
    await t.step("host-gw behind NAT", async () => {
      const status = await exit({ iface: "eth0", "public-ip": "203.0.113.1" });
      assert.equal(status, 1);
    });
    await t.step("an interface that is not there", async () => {
      assert.equal(await exit({ iface: "eth7" }), 1);
    });
    await t.step("a full range", async () => {
      await store.writeConfig(
        JSON.stringify({
          Network: "10.5.0.0/28",
          Backend: { Type: "host-gw" },
        }),
      );
      for (const n of [4, 8, 12]) {
        await store.create(`10.5.0.${n}-30`, '{"PublicIP":"1.1.1.1"}', 60);
      }
      assert.equal(await exit(), 1);
    });
    store.close();
  },
});

Deno.test({
  name: "runAgent() serves its health, with reasons",
  ...REAL,
  async fn() {
    await using etcd = await startEtcd();
    const store = createStore("etcd-v3", {
      endpoints: etcd.endpoints,
      prefix: PREFIX,
    });
    using net = new TestHosts(1);
    const [port = 0] = freePorts(1);
    await using agent = new TestAgent(net.hosts[0]!, {
      ...flags(etcd),
      "healthz-ip": "127.0.0.1",
      "healthz-port": String(port),
    });
    const ask = async (path: string) => {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`);
        return `${response.status} ${await response.text()}`;
      } catch (error) {
        return String(error);
      }
    };
    await eventually(
      () => ask("/readyz"),
      (text) => text.includes("503 flandoc is not ready yet\nWaiting for"),
    );
    assert.equal(await ask("/healthz"), "200 flandoc is running\n");
    assert.match(await ask("/metrics"), /^flandoc_lease_expiry_seconds 0$/m);
    await store.writeConfig(config({ Type: "host-gw" }));
    await eventually(
      () => ask("/readyz"),
      (t) => t === "200 flandoc is ready\n",
    );
    // A peer on no link of ours: the kernel refuses the gateway.
    await store.create(
      "172.7.200.0-24",
      '{"PublicIP":"10.99.0.1","BackendType":"host-gw"}',
      60,
    );
    await eventually(
      () => ask("/readyz"),
      (text) => text.includes("Cannot write route 172.7.200.0/24"),
    );
    const metrics = await ask("/metrics");
    assert.match(metrics, /^flandoc_leases 2$/m);
    assert.match(metrics, /^flandoc_lease_expiry_seconds 86\d{3}$/m);
    assert.match(metrics, /^flandoc_outstanding 1$/m);
    assert.match(metrics, /^flandoc_ready 0$/m);
    store.close();
    assert.equal(await agent.stop(), 0);
  },
});

Deno.test({
  name: "runAgent() has no lease that expires after a takeover in a full range",
  ...REAL,
  async fn() {
    await using etcd = await startEtcd();
    const store = createStore("etcd-v3", {
      endpoints: etcd.endpoints,
      prefix: PREFIX,
    });
    await store.writeConfig(
      JSON.stringify({ Network: "10.5.0.0/28", Backend: { Type: "host-gw" } }),
    );
    for (const n of [4, 8]) {
      const value = `{"PublicIP":"192.168.77.${n}","BackendType":"host-gw"}`;
      await store.create(`10.5.0.${n}-30`, value, 600);
    }
    using net = new TestHosts(1);
    const [port = 0] = freePorts(1);
    await using agent = new TestAgent(net.hosts[0]!, {
      ...flags(etcd),
      "healthz-ip": "127.0.0.1",
      "healthz-port": String(port),
    });
    const gauges = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
        .catch(() => null);
      return (await answer?.text() ?? "").split("\n").filter((line) =>
        /^flandoc_lease(?:s|_expiry_seconds) /.test(line)
      ).join(", ");
    };
    await eventually(
      gauges,
      (text) =>
        /^flandoc_leases 3, flandoc_lease_expiry_seconds 8\d{4}$/.test(text),
    );
    const own = await store.readLease("10.5.0.12-30");
    const theirs = '{"PublicIP":"192.168.77.66","BackendType":"host-gw"}';
    assert.ok(await store.put("10.5.0.12-30", theirs, 600, own!.value));
    await eventually(
      gauges,
      (text) => text === "flandoc_leases 3, flandoc_lease_expiry_seconds 0",
    );
    // One that changes nothing for this host: it is none of this network.
    await store.create("10.9.0.4-30", theirs, 600);
    await eventually(
      gauges,
      (text) => text === "flandoc_leases 4, flandoc_lease_expiry_seconds 0",
    );
    store.close();
    assert.equal(await agent.stop(), 0);
  },
});

Deno.test({
  name: "runAgent() asks nobody any more when its health port is taken",
  ...needs({ netns: true }),
  async fn() {
    using net = new TestHosts(1);
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let asked = 0;
    await using etcd = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => {
        asked++;
        return new Response("starting", { status: 503 });
      },
    );
    const agent = new TestAgent(net.hosts[0]!, {
      "etcd-endpoints": `http://127.0.0.1:${etcd.addr.port}`,
      "healthz-ip": "127.0.0.1",
      "healthz-port": String(taken.addr.port),
    });
    assert.equal(await agent.done, 1);
    const before = asked;
    // It would ask again after a second at most.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(asked, before);
  },
});
