/**
 * Both families at once, and IPv6 alone: containers of three hosts reach each other by packets
 * of the whole MTU and are seen by their own addresses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createStore } from "../stores/create_store.ts";
import {
  eventually,
  promptly,
  TestAgent,
  type TestHost,
  TestHosts,
} from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";

const REAL = needs({ netns: true, programs: ["etcd", "bridge", "busybox"] });

/** A container by its addresses in its host's subnets. */
interface Container {
  readonly netns: TestNetns;
  /** Empty in a network without IPv4. */
  readonly address: string;
  readonly ipv6Address: string;
  readonly mtu: number;
}

function startContainer(host: TestHost): Container {
  const env = Deno.readTextFileSync(host.subnetFile);
  const value = (name: string) =>
    new RegExp(`^${name}=(.*)$`, "m").exec(env)?.[1] ?? "";
  const [gateway, ipv6Gateway] = [
    value("FLANNEL_SUBNET").split("/")[0]!,
    value("FLANNEL_IPV6_SUBNET").split("/")[0]!,
  ];
  const mtu = Number(value("FLANNEL_MTU"));
  const address = gateway.replace(/\.1$/, ".2");
  const ipv6Address = ipv6Gateway.replace(/::1$/, "::2");
  const netns = new TestNetns("link set lo up");
  const isDual = address !== "";
  host.netns.ip(
    `link add vethweb mtu ${mtu} type veth peer name eth0 netns ${netns.name}`,
    ...isDual ? [`address add ${gateway}/24 dev vethweb`] : [],
    `address add ${ipv6Gateway}/64 dev vethweb nodad`,
    "link set vethweb up",
  );
  netns.ip(
    `link set eth0 mtu ${mtu} up`,
    `address add ${ipv6Address}/64 dev eth0 nodad`,
    ...isDual
      ? [
        `address add ${address}/24 dev eth0`,
        `route add default via ${gateway}`,
      ]
      : [],
    `-6 route add default via ${ipv6Gateway}`,
  );
  host.netns.exec(
    "sh",
    "-c",
    `echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding`,
  );
  return { netns, address, ipv6Address, mtu };
}

/** Packets of these sources that came in, by rules that count them. */
function countSources(of: Container, sources: readonly Container[]): void {
  const rules = sources.flatMap(({ address, ipv6Address }) => [
    ...address === "" ? [] : [
      `add rule inet seen input ip saddr ${address} icmp type echo-request counter`,
    ],
    `add rule inet seen input ip6 saddr ${ipv6Address} icmpv6 type echo-request counter`,
  ]);
  of.netns.exec(
    "sh",
    "-c",
    `nft -f - <<'EOF'
add table inet seen
add chain inet seen input { type filter hook input priority 0; }
${rules.join("\n")}
EOF`,
  );
}

/**
 * By packets as great as the way carries. FLANNEL_MTU leaves 50 bytes for the
 * outer packet, as flannel has it; over IPv6 it takes 70, and the kernel gives
 * `flannel-v6.1` so much less: greater ones are told so by ICMPv6.
 */
function assertReaches(from: Container, to: Container): void {
  const ipv6Mtu = from.mtu === 1500 ? 1500 : 1430;
  for (
    const [ping, address, bytes] of [
      ["ping", to.address, from.mtu - 28],
      ["ping6", to.ipv6Address, ipv6Mtu - 48],
    ] as const
  ) {
    if (address === "") continue;
    const said = from.netns.exec(
      "busybox",
      ...[ping, "-c", "1", "-W", "30", "-s", String(bytes), address],
    );
    assert.match(said, /1 packets received/);
  }
}

const NETWORKS: readonly [string, Record<string, unknown>, string[]][] = [
  ["a dual stack", { Network: "172.7.0.0/16" }, ["-4", "-6"]],
  ["an IPv6", { EnableIPv4: false }, ["-6"]],
];
const KINDS = NETWORKS.flatMap((network) =>
  ["host-gw", "vxlan"].map((type) => [...network, type] as const)
);

for (const [name, ranges, families, type] of KINDS) {
  Deno.test({
    name: `flandoc run: containers of ${name} ${type} network`,
    ...REAL,
    async fn(t) {
      await using etcd = await startEtcd();
      const store = createStore("etcd-v3", {
        endpoints: etcd.endpoints,
        prefix: "/coreos.com/network",
      });
      await store.writeConfig(JSON.stringify({
        ...ranges,
        EnableIPv6: true,
        IPv6Network: "fd00:7::/48",
        Backend: { Type: type },
      }));
      store.close();
      using net = new TestHosts(3, true);
      using stack = new DisposableStack();
      const agents = net.hosts.map((host) =>
        new TestAgent(host, {
          "etcd-endpoints": etcd.endpoints.join(","),
          "iface": "eth0",
          "iptables-forward-rules": "false",
        })
      );
      const peers = (host: TestHost, family: string) =>
        host.netns.exec("ip", family, "route").split("\n")
          .filter((line) => line.includes("proto 107")).length;
      try {
        await eventually(
          () => net.hosts.flatMap((h) => families.map((f) => peers(h, f))),
          (counts) => counts.every((count) => count === 2),
        );
        const containers = net.hosts.map((host) => {
          const container = startContainer(host);
          stack.use(container.netns);
          return container;
        });
        await t.step("the MTU is flannel's", () => {
          const mtu = type === "vxlan" ? 1450 : 1500;
          assert.deepEqual(containers.map((each) => each.mtu), [mtu, mtu, mtu]);
        });
        for (const [at, from] of containers.entries()) {
          await t.step(`from host ${at + 1}, by its own addresses`, () => {
            for (const to of containers.filter((each) => each !== from)) {
              to.netns.exec(
                "sh",
                "-c",
                "nft delete table inet seen 2>/dev/null || true",
              );
              countSources(to, [from]);
              assertReaches(from, to);
              const seen = to.netns.exec(
                "nft",
                "list",
                "table",
                "inet",
                "seen",
              );
              const counts = seen.match(/counter packets \d+/g);
              assert.deepEqual(counts, families.map(() => "counter packets 1"));
            }
          });
        }
        await t.step("everything comes back", async () => {
          const host = net.hosts[0]!;
          host.netns.ip(...families.map((f) => `${f} route flush proto 107`));
          if (type === "vxlan") host.netns.ip("link del flannel-v6.1");
          await promptly(
            () => families.map((f) => peers(host, f)),
            (counts) => counts.every((count) => count === 2),
            2_000,
          );
          assertReaches(containers[0]!, containers[1]!);
        });
      } finally {
        for (const agent of agents) assert.equal(await agent.stop(), 0);
      }
    },
  });
}
