import assert from "node:assert/strict";
import {
  flags,
  networkConfig,
  ready,
  routes,
  setUp,
  show,
  subnetOf,
} from "../tests/support/agent_network.ts";
import { eventually, TestAgent, TestHosts } from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";

const MAC = "c6:d2:32:6f:8f:44";
const PEER = {
  PublicIP: "192.168.77.40",
  BackendType: "vxlan",
  BackendData: { VNI: 1, VtepMAC: "02:00:00:00:00:0b" },
};
const FLANNELD = "id 1 local 192.168.77.1 dev eth0 nolearning dstport 8472";

/** A device that is there before the agent, and what becomes of it. */
interface Case {
  /** After `link add flannel.1 address MAC type vxlan`. */
  readonly there: string;
  readonly backend?: Record<string, unknown>;
  /** Whether flannel would go on with it, flandoc's repairs of it included. */
  readonly kept: boolean;
  readonly wanted?: RegExp;
  readonly mtu?: number;
}

const CASES: Readonly<Record<string, Case>> = {
  "as flanneld makes it": { there: FLANNELD, kept: true },
  "without a port in the config, with one on the device": {
    there: FLANNELD.replace("8472", "4789"),
    kept: false,
  },
  "another VNI": { there: FLANNELD.replace("id 1", "id 9"), kept: false },
  "another source": {
    there: FLANNELD.replace("77.1 ", "77.200 "),
    kept: false,
  },
  "l2miss, as flannel of old": { there: `${FLANNELD} l2miss`, kept: false },
  "no GBP where it is wanted": {
    there: FLANNELD,
    backend: { GBP: true },
    kept: false,
    wanted: / gbp /,
  },
  "Learning": {
    there: FLANNELD,
    backend: { Learning: true },
    kept: false,
    wanted: /dstport 8472 (?!nolearning)/,
  },
  "VNI and Port of the config": {
    there: FLANNELD,
    backend: { VNI: 1, Port: 9999 },
    kept: false,
    wanted: /dstport 9999 /,
  },
  "MTU of the config": {
    there: FLANNELD,
    backend: { MTU: 1400 },
    kept: true,
    mtu: 1350,
  },
};

for (
  const [name, { there, backend, kept, wanted, mtu }] of Object.entries(CASES)
) {
  Deno.test({
    name: `runAgent() finds flannel.1: ${name}`,
    ...needs({ netns: true, programs: ["etcd", "bridge"] }),
    async fn() {
      await using etcd = await startEtcd();
      const config = networkConfig({ Type: "vxlan", ...backend });
      const store = await setUp(etcd, "etcd-v3", config);
      await store.put("172.7.40.0-24", JSON.stringify(PEER), 3_600);
      using net = new TestHosts(1);
      const [host] = net.hosts;
      host!.netns.ip(
        `link add flannel.1 address ${MAC} type vxlan ${there}`,
        "link set flannel.1 mtu 1450 up",
        // Of a peer that went while nobody looked.
        "neigh add 172.7.99.0 lladdr 02:00:00:00:00:99 dev flannel.1 nud permanent",
      );
      const link = () =>
        show(host!, "ip", "-d", "-o", "link", "show", "flannel.1");
      const index = (text: string) => text.split(":")[0];
      const before = link();
      await using agent = new TestAgent(host!, {
        ...flags(etcd),
        iface: "eth0",
      });
      await ready(host!);
      await eventually(() => routes(host!).length, (n) => n === 1);
      const after = link();
      assert.equal(index(after) === index(before), kept, after);
      // Whatever becomes of the device, the peers know its MAC.
      assert.match(after, new RegExp(`link/ether ${MAC} `));
      assert.match(after, new RegExp(` mtu ${mtu ?? 1450} `));
      assert.match(
        after,
        wanted ??
          /vxlan id 1 local 192\.168\.77\.1 dev eth0 .*dstport 8472 nolearning/,
      );
      assert.doesNotMatch(after, /l2miss/);
      assert.match(
        Deno.readTextFileSync(host!.subnetFile),
        new RegExp(`^FLANNEL_MTU=${mtu ?? 1450}$`, "m"),
      );
      const key = subnetOf(host!).replace("/", "-");
      const own = await store.readLease(key);
      assert.ok(own?.value.includes(`"VtepMAC":"${MAC}"`), `${own?.value}`);
      assert.deepEqual(
        show(
          host!,
          "ip",
          "neigh",
          "show",
          "dev",
          "flannel.1",
          "nud",
          "permanent",
        )
          .trim().split("\n").map((line) => line.trim()),
        ["172.7.40.0 lladdr 02:00:00:00:00:0b PERMANENT"],
      );
      store.close();
      assert.equal(await agent.stop(), 0);
    },
  });
}
