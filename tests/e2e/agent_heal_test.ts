/**
 * Whatever is taken from the kernel comes back within a second, while packets
 * pass; what somebody keeps taking away is fought over for a while only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HEALTHZ_PORT } from "../../lab/agent.ts";
import { type Lab, labExec, type LabNode } from "../../lab/mod.ts";
import {
  AGENT_LAB_PROGRAMS,
  assertWhole,
  hostsOf,
  onNode,
  startTraffic,
  withAgentLab,
} from "../support/agent_lab.ts";
import { eventually } from "../support/agents.ts";
import { needs } from "../support/needs.ts";
import { seededRandom, shuffled, testSeed } from "../support/random.ts";

const REAL = needs({ netns: true, programs: AGENT_LAB_PROGRAMS });
const NETWORK = '"Network":"172.7.0.0/16"';
const VXLAN = `{${NETWORK},"Backend":{"Type":"vxlan"}}`;
const HOST_GW = `{${NETWORK},"Backend":{"Type":"host-gw"}}`;

/** All that the agent keeps on a host, one object a line. */
async function kept(lab: Lab, host: LabNode): Promise<string[]> {
  const text = await onNode(
    lab,
    host.name,
    `ip -4 route | grep ' via ' | grep -v default || true
    ip neigh show dev flannel.1 | grep PERMANENT || true
    bridge fdb show dev flannel.1 | grep dst || true
    ip -o addr show dev flannel.1 2>/dev/null | grep -o 'inet [^ ]*' || true
    ip -o link show flannel.1 2>/dev/null | grep -oE 'mtu [0-9]+|link/ether [0-9a-f:]+|,UP|master [^ ]+' || true`,
  );
  return text.split("\n").map((line) => line.trim()).filter(Boolean).sort();
}

/** What the agent of a host says of itself; busybox's wget hides a 503. */
function readyz(lab: Lab, node: string): Promise<string> {
  return onNode(
    lab,
    node,
    // Not by nc from a pipe: it ends its side at once, and the server may take
    // that for a client who has gone.
    `bash -c "exec 3<>/dev/tcp/127.0.0.1/${HEALTHZ_PORT}
      printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"`,
  );
}

/** The command that takes one object away. */
function removal(line: string): string {
  const [first = ""] = line.split(" ");
  if (line.includes(" via ")) return `ip route del ${first}`;
  return line.includes("lladdr")
    ? `ip neigh del ${first} dev flannel.1`
    : `bridge fdb del ${line.split(" self")[0]} dev flannel.1`
      .replace(/fdb del (\S+) dst (\S+) dev (\S+)/, "fdb del $1 dev $3 dst $2");
}

Deno.test({
  name: "flandoc run: vxlan, every entry deleted at random under load",
  ...REAL,
  async fn(t) {
    const random = seededRandom(testSeed());
    const request = {
      hosts: 3,
      agent: "flandoc",
      config: VXLAN,
      etcd: { api: "v3" },
      healthz: true,
    } as const;
    await withAgentLab(request, async (lab) => {
      await assertWhole(lab);
      const hosts = hostsOf(lab);
      const wanted = new Map<LabNode, string[]>();
      for (const host of hosts) wanted.set(host, await kept(lab, host));
      const times: number[] = [];
      // Less than the half minute after which all is looked at anyway.
      const heals = async (host: LabNode, limitMs = 20_000) => {
        const before = wanted.get(host)!;
        const began = performance.now();
        let looked = began;
        await eventually(
          () => {
            looked = performance.now();
            return kept(lab, host);
          },
          (now) => now.join("\n") === before.join("\n"),
          limitMs,
        );
        times.push(looked - began);
      };
      const streams = hosts.map((host, i) =>
        startTraffic(lab, host, hosts[(i + 1) % hosts.length]!)
      );
      await t.step("one by one", async () => {
        const all = hosts.flatMap((host) =>
          wanted.get(host)!.filter((line) => /via|PERMANENT|dst/.test(line))
            .map((line) => ({ host, line }))
        );
        assert.equal(all.length, 18);
        for (const { host, line } of shuffled([...all, ...all], random)) {
          await onNode(lab, host.name, removal(line));
          await heals(host);
        }
      });
      await t.step("all of a host at once", async () => {
        for (const host of shuffled(hosts, random)) {
          const lines = wanted.get(host)!
            .filter((line) => /via|PERMANENT|dst/.test(line));
          await onNode(lab, host.name, lines.map(removal).join("\n"));
          await heals(host);
        }
      });
      const faults: [string, string][] = [
        ["device deleted", "ip link del flannel.1"],
        ["device down", "ip link set flannel.1 down"],
        ["MAC changed", "ip link set flannel.1 address 02:00:00:00:00:aa"],
        ["MTU changed", "ip link set flannel.1 mtu 1300"],
        ["address removed", "ip addr flush dev flannel.1"],
        ["device renamed", "ip link set flannel.1 name foo"],
        [
          "device renamed while down",
          "ip link set flannel.1 down; ip link set flannel.1 name foo",
        ],
        [
          "device made the port of a bridge",
          "ip link add br9 type bridge; ip link set br9 up; ip link set flannel.1 master br9",
        ],
        [
          "external interface down and up",
          "ip link set eth0 down; ip link set eth0 up; ip route add default via 172.26.216.1",
        ],
      ];
      for (const [name, command] of faults) {
        await t.step(name, async () => {
          await onNode(lab, "node-2", command);
          await heals(hosts[1]!);
        });
      }
      await t.step("another's device in its place", async () => {
        await onNode(
          lab,
          "node-2",
          // While the agent sleeps: it would be there first.
          `kill -STOP $(cat /run/flanneld.pid)
          ip link delete flannel.1
          ip link add foo type vxlan id 1 dev eth0 dstport 8472
          kill -CONT $(cat /run/flanneld.pid)`,
        );
        const text = await eventually(
          () => readyz(lab, "node-2"),
          (now) => now.includes("foo (ifindex"),
          20_000,
        );
        assert.match(text, /503/);
        assert.match(text, /has its VNI 1 and UDP port 8472/);
        assert.doesNotMatch(text, /Cannot write/);
        await onNode(lab, "node-2", "ip link delete foo");
        await heals(hosts[1]!);
        assert.match(await readyz(lab, "node-2"), /flandoc is ready/);
      });
      await t.step("most within a second", () => {
        // Not all: whoever has the processor may hold up an agent.
        const median = times.toSorted((a, b) => a - b)[times.length >> 1]!;
        assert.ok(median < 1_000, `${median} ms: ${times.map(Math.round)}`);
      });
      const counts = await Promise.all(streams.map((each) => each.stop()));
      for (const { sent, received } of counts) {
        assert.ok(received > sent / 2, `${received} of ${sent} came back`);
      }
      await t.step("the network is whole", () => assertWhole(lab));
    });
  },
});

Deno.test({
  name: "flandoc run: a route that somebody keeps replacing",
  ...REAL,
  async fn() {
    const request = {
      hosts: 2,
      agent: "flandoc",
      config: HOST_GW,
      etcd: { api: "v3" },
    } as const;
    await withAgentLab(request, async (lab) => {
      await onNode(
        lab,
        "node-1",
        // A while longer than until the agent has had enough.
        `left=20
        for i in $(seq 600); do
          echo route replace 172.7.22.0/24 via 172.26.216.99
          busybox sleep 0.06
          grep -q 'Somebody keeps' /var/log/flanneld.log && left=$((left - 1))
          [ $left -gt 0 ] || break
        done | ip -batch -`,
      );
      const log = await onNode(lab, "node-1", "cat /var/log/flanneld.log");
      const said = log.split("\n").filter((line) =>
        line.includes("Somebody keeps changing route 172.7.22.0/24")
      );
      assert.equal(said.length, 1, log);
      assert.match(said[0]!, /via 172\.26\.216\.99.* by="?ip \(pid \d+\)/);
      const corrected = log.match(/Corrected route 172\.7\.22\.0\/24/g) ?? [];
      // Ten, and what falls into a look after a change of a device.
      assert.ok(corrected.length <= 13, log);
      // Neither side's route is left to flap: it is the other's for now.
      const { stdout } = await labExec(lab, "node-1", [
        "ip",
        "route",
        "show",
        "172.7.22.0/24",
      ]);
      assert.match(stdout, /via 172\.26\.216\.99/);
    });
  },
});
