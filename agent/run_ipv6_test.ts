import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import {
  converged,
  flags,
  networkConfig as config,
  routes,
  setUp,
} from "../tests/support/agent_network.ts";
import {
  eventually,
  TestAgent,
  type TestHost,
  TestHosts,
} from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const REAL = needs({ netns: true, programs: ["etcd", "bridge"] });

Deno.test({
  name: "runAgent() does both families of a dual stack network",
  ...REAL,
  async fn(t) {
    for (const type of ["host-gw", "vxlan"]) {
      await t.step(type, async () => {
        await using etcd = await startEtcd();
        const store = await setUp(
          etcd,
          "etcd-v3",
          config({ Type: type }, {
            EnableIPv6: true,
            IPv6Network: "fd00::/48",
          }),
        );
        using net = new TestHosts(2, true);
        const [one, two] = net.hosts as [TestHost, TestHost];
        // No default route for IPv6 here: the interface is named.
        const named = { ...flags(etcd), iface: "eth0" };
        await using a = new TestAgent(one, named);
        await using b = new TestAgent(two, named);
        await converged(net.hosts);
        const six = await eventually(
          () => routes(one, "-6").filter((r) => r.includes("via")),
          (r) => r.length === 1,
        );
        const { leases } = await store.readLeases();
        assert.equal(leases.length, 2);
        const peer = leases.find((l) => l.value.includes("192.168.77.2"))!;
        const [, subnet] = peer.key.split("&");
        const dst = subnet!.replace("-", "/");
        const gateway = type === "vxlan"
          ? `via ${dst.replace("/64", "")} dev flannel-v6.1`
          : "via fd01::2 dev eth0";
        assert.ok(six[0]!.startsWith(`${dst} ${gateway}`), `${six[0]}`);
        assert.match(
          Deno.readTextFileSync(one.subnetFile),
          /^FLANNEL_IPV6_NETWORK=fd00::\/48\nFLANNEL_IPV6_SUBNET=fd00:.*::1\/64$/m,
        );
        store.close();
        assert.equal(await a.stop(), 0);
        assert.equal(await b.stop(), 0);
      });
    }
  },
});
