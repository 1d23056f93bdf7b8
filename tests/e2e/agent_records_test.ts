/**
 * What others do to the records, and what an agent leaves behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Lab, labExec } from "../../lab/mod.ts";
import {
  AGENT_LAB_PROGRAMS,
  assertWhole,
  deleteLease,
  hostsOf,
  onNode,
  overlayRoutes,
  PREFIX,
  putLease,
  startTraffic,
  withAgentLab,
} from "../support/agent_lab.ts";
import { eventually } from "../support/agents.ts";
import { needs } from "../support/needs.ts";

const REAL = needs({ netns: true, programs: AGENT_LAB_PROGRAMS });

const log = (lab: Lab) => onNode(lab, "node-1", "cat /var/log/flanneld.log");

/** Waits for a line in the agent's log. */
async function says(lab: Lab, wanted: RegExp): Promise<void> {
  await eventually(() => log(lab), (text) => wanted.test(text));
}

/** Keys that are no leases, and leases that are not for vxlan. */
const STRANGE: readonly [string, string, RegExp][] = [
  ["not-a-subnet", "hello", /Ignoring key not-a-subnet/],
  ["172.7.300.0-24", "{}", /Ignoring key 172\.7\.300\.0-24/],
  ["172.7.90.0-24", "no JSON", /Ignoring key 172\.7\.90\.0-24/],
  ["172.7.91.0-24", '{"PublicIP":7}', /Ignoring key 172\.7\.91\.0-24/],
  [
    "172.7.92.0-24",
    '{"PublicIP":"172.26.216.92","BackendType":"host-gw"}',
    /172\.7\.92\.0-24 .*backend type/,
  ],
  [
    "172.7.93.0-24",
    '{"PublicIP":"172.26.216.93","BackendType":"wireguard","BackendData":{"PublicKey":"x"}}',
    /172\.7\.93\.0-24 .*backend type/,
  ],
  [
    "172.7.94.0-24",
    '{"PublicIP":"172.26.216.94","BackendType":"vxlan","BackendData":{"VtepMAC":"x"}}',
    /172\.7\.94\.0-24 .*backend data/,
  ],
  [
    "172.7.95.0-24",
    '{"PublicIP":"172.26.216.95"}',
    /172\.7\.95\.0-24 .*backend type/,
  ],
];

for (const api of ["v2", "v3"] as const) {
  Deno.test({
    name: `flandoc run: vxlan among strange records in etcd ${api}`,
    ...REAL,
    async fn(t) {
      const request = {
        hosts: 2,
        agent: "flandoc",
        config: '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}',
        etcd: { api },
      } as const;
      await withAgentLab(request, async (lab) => {
        await assertWhole(lab);
        const routes = await overlayRoutes(lab, "node-1");
        const [one, two] = hostsOf(lab);
        const traffic = startTraffic(lab, one!, two!);
        for (const [key, value, wanted] of STRANGE) {
          await t.step(`${key} ${value}`, async () => {
            await putLease(lab, key, value);
            await says(lab, wanted);
            assert.deepEqual(await overlayRoutes(lab, "node-1"), routes);
          });
        }
        await t.step("they go again, peers stay", async () => {
          for (const [key] of STRANGE) await deleteLease(lab, key);
          assert.deepEqual(await overlayRoutes(lab, "node-1"), routes);
          const { sent, lost } = await traffic.stop();
          assert.equal(lost, 0, `${lost} of ${sent} were lost`);
          assert.doesNotMatch(await log(lab), /Subnet removed: 172\.7\.2[12]/);
        });
        await t.step("a revoked lease is had again", async () => {
          await deleteLease(lab, "172.7.21.0-24");
          await says(lab, /our lease 172\.7\.21\.0-24 was revoked/i);
          await says(
            lab,
            /Took our previous subnet again[^]*Took our previous/,
          );
          await eventually(
            () => overlayRoutes(lab, "node-2"),
            (now) => now.length === 1,
          );
          await assertWhole(lab);
        });
        await t.step("a takeover is noticed and survived", async () => {
          const thief = '{"PublicIP":"172.26.216.66","BackendType":"vxlan"}';
          await putLease(lab, "172.7.21.0-24", thief);
          await says(lab, /taken over by 172\.26\.216\.66/);
          await says(lab, /THIS HOST HAS ANOTHER SUBNET NOW/);
          const env = await eventually(
            () => onNode(lab, "node-1", "cat /run/flannel/subnet.env"),
            (text) => !text.includes("172.7.21.1"),
          );
          const subnet = /FLANNEL_SUBNET=(\S+)\.1\/24/.exec(env)![1]!;
          await eventually(
            () => overlayRoutes(lab, "node-2"),
            (now) => now.some((line) => line.startsWith(`${subnet}.0/24 via`)),
          );
          const own = await onNode(lab, "etcd-1", leaseText(api, subnet));
          assert.match(own, /"PublicIP":"172\.26\.216\.11"/);
          await eventually(
            () => onNode(lab, "node-1", "ip -o -4 addr show dev flannel.1"),
            (text) => text.includes(`inet ${subnet}.0/32`),
          );
        });
      });
    },
  });
}

function leaseText(api: "v2" | "v3", subnet: string): string {
  return `etcdctl get ${PREFIX}/subnets/${subnet}.0-24 ${
    api === "v3" ? "--print-value-only" : ""
  }`;
}

/** All that an agent could have left in a host's kernel. */
async function kernel(lab: Lab): Promise<string[]> {
  const text = await onNode(
    lab,
    "node-1",
    `ip route show table all | grep -v '^broadcast\\|^local\\|table local' || true
    ip -o link | cut -d' ' -f2 | grep -v veth
    ip neigh | grep PERMANENT || true
    bridge fdb | grep dst || true
    iptables-save | grep '^[-:]' | sed 's/\\[.*//' || true`,
  );
  return text.split("\n").map((line) => line.trim()).filter(Boolean).sort();
}

for (const type of ["vxlan", "host-gw"]) {
  Deno.test({
    name: `flandoc run: ${type}, what stays after it and what --cleanup takes`,
    ...REAL,
    async fn(t) {
      const request = {
        hosts: 2,
        agent: "flandoc",
        agentFlags: ["--ip-masq"],
        config: JSON.stringify({
          Network: "172.7.0.0/16",
          Backend: { Type: type },
        }),
        etcd: { api: "v3" },
      } as const;
      await withAgentLab(request, async (lab) => {
        const agent = (word: string) =>
          onNode(lab, "node-1", `/etc/init.d/flanneld ${word}`);
        // All is there once nothing has come for a second.
        let last = "";
        const whole = await eventually(async () => {
          await onNode(lab, "node-1", "busybox sleep 1");
          return await kernel(lab);
        }, (now) => {
          const same = now.join() === last;
          last = now.join();
          return same && /FLANNEL-FWD/.test(last) && /POSTRTG/.test(last);
        });
        await t.step("a second agent refuses", async () => {
          const second = await labExec(lab, "node-1", [
            "timeout",
            "120",
            "/opt/flannel/flanneld.sh",
          ]);
          assert.equal(second.code, 1);
          assert.match(second.stderr, /Another flandoc runs as the agent/);
        });
        await t.step("it refuses beside flanneld, too", async () => {
          await agent("stop");
          const second = await labExec(lab, "node-1", [
            ...["sh", "-c"],
            `mkdir -p /opt/other && cp /bin/sleep /opt/other/flanneld
            /opt/other/flanneld 600 & other=$!
            /usr/bin/timeout 120 /opt/flannel/flanneld.sh; code=$?
            kill $other; exit $code`,
          ]);
          assert.equal(second.code, 1, second.stderr);
          assert.match(second.stderr, /flanneld \(pid \d+\) runs here/);
          await agent("start");
          await eventually(
            () => kernel(lab),
            (now) => now.join() === whole.join(),
          );
        });
        await t.step("SIGTERM leaves routes, rules and lease", async () => {
          await agent("stop");
          assert.deepEqual(await kernel(lab), whole);
          await assertWhole(lab);
          const lease = await onNode(
            lab,
            "etcd-1",
            leaseText("v3", "172.7.21"),
          );
          assert.match(lease, /172\.26\.216\.11/);
        });
        await t.step(
          "--cleanup takes what it made, and nothing else",
          async () => {
            await onNode(
              lab,
              "node-1",
              `ip route add 172.7.80.0/24 via 172.26.216.80
            ip route add 10.99.0.0/16 via 172.26.216.81 proto static
            ip link add flannel.9 type vxlan id 9 dev eth0 dstport 9472
            iptables -w -A FORWARD -s 172.7.0.0/16 -j ACCEPT
            iptables -w -t nat -A POSTROUTING -s 10.8.0.0/16 -j MASQUERADE`,
            );
            const before = await kernel(lab);
            await onNode(lab, "node-1", "flandoc run --cleanup");
            const after = await kernel(lab);
            const gone = before.filter((line) => !after.includes(line));
            assert.deepEqual(
              after.filter((line) => !before.includes(line)),
              [],
            );
            const ours =
              /proto 107|^flannel\.1:|dev flannel\.1\b|FLANNEL|flanneld/;
            assert.deepEqual(gone.filter((line) => !ours.test(line)), []);
            assert.deepEqual(after.filter((line) => ours.test(line)), []);
          },
        );
        await t.step("the next agent makes it anew", async () => {
          await agent("start");
          await eventually(
            () => kernel(lab),
            (now) => whole.every((line) => now.includes(line)),
          );
          await assertWhole(lab);
        });
      });
    },
  });
}
