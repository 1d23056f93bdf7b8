/**
 * A practice network whose agents are at work, and what is asked of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { webAddress } from "../../lab/bridge_containers.ts";
import {
  type Lab,
  labDown,
  labExec,
  type LabNode,
  type LabRequest,
  labUp,
  onInterrupt,
} from "../../lab/mod.ts";
import { eventually, promptly } from "./agents.ts";

/** Programs that such a test needs. */
export const AGENT_LAB_PROGRAMS: readonly string[] = [
  ...["etcd", "etcdctl", "iptables", "bridge", "busybox", "unshare", "setsid"],
];

/** Where flannel's records are. */
export const PREFIX = "/coreos.com/network";

/** Brings a network up, works with it, takes it down whatever happens. */
export async function withAgentLab(
  request: Omit<LabRequest, "name">,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  const name = `agent-${crypto.randomUUID().slice(0, 8)}`;
  try {
    const lab = await onInterrupt((signal) =>
      labUp({ ...request, name }, { signal })
    );
    await everybodyKnown(lab);
    await body(lab);
  } finally {
    await labDown(name);
  }
}

/**
 * Waits until each agent knows all leases: of a lease that was written while a
 * host's watch began, etcd v3 tells that host up to 100 ms later.
 */
async function everybodyKnown(lab: Lab): Promise<void> {
  if (lab.plan.spec.agent !== "flandoc") return;
  const hosts = hostsOf(lab);
  await Promise.all(hosts.map((host) =>
    promptly(
      () => onNode(lab, host.name, "cat /var/log/flanneld.log"),
      (log) => {
        const [, text = ""] = log.split("Running backend leases=");
        const added = text.split("Subnet added").length - 1;
        return parseInt(text) + added >= hosts.length;
      },
      5_000,
    )
  ));
}

/** The flannel hosts. */
export function hostsOf(lab: Lab): LabNode[] {
  return lab.plan.nodes.filter((node) => node.kind === "host");
}

/** Runs a shell script on a node, which has to succeed; what it printed. */
export async function onNode(
  lab: Lab,
  node: string,
  script: string,
): Promise<string> {
  const { code, stdout, stderr } = await labExec(lab, node, [
    "sh",
    "-euc",
    script,
  ]);
  assert.equal(code, 0, `${node}: ${script}\n${stdout}${stderr}`);
  return stdout;
}

/** Words that run a program in the container of a host. */
export const IN_WEB = "nsenter --net=/run/netns/web";

/** Bytes of an ICMP echo's data that fill a packet of the network's MTU. */
function fullSize(lab: Lab): number {
  const { backend, spec } = lab.plan;
  const outer = backend === "vxlan" ? 50 : backend === "udp" ? 28 : 0;
  return spec.mtu - outer - 28;
}

/**
 * Every container reaches every other one at the first try, by packets of the
 * full MTU and by greater ones in fragments, and is seen by its own address.
 */
export async function assertWhole(lab: Lab): Promise<void> {
  const hosts = hostsOf(lab);
  await Promise.all(hosts.map(async (host) => {
    for (const peer of hosts) {
      if (peer === host) continue;
      const address = webAddress(peer);
      // A first packet may wait for an answer to ARP; none is sent again.
      await onNode(
        lab,
        host.name,
        `${IN_WEB} busybox ping -c 1 -W 30 -s ${fullSize(lab)} ${address}
        ${IN_WEB} busybox ping -c 1 -W 30 -s 4000 ${address}
        timeout 30 ${IN_WEB} busybox wget -qO- http://${address}/ | grep 'on ${peer.name}'`,
      );
    }
  }));
  await Promise.all(hosts.map(async (host) => {
    const log = await onNode(lab, host.name, "cat /var/log/web.log");
    for (const peer of hosts) {
      if (peer === host) continue;
      assert.ok(
        log.includes(`${webAddress(peer)}]`),
        `${host.name} never saw ${webAddress(peer)}:\n${log}`,
      );
    }
  }));
}

/** What became of packets. */
export interface TrafficCount {
  readonly sent: number;
  readonly received: number;
  /** Those that did not come back though later ones did, and the last ones. */
  readonly lost: number;
}

/** Packets from one container to another, every 20 ms. */
export interface Traffic {
  /** Ends it. */
  stop(): Promise<TrafficCount>;
}

/** Packets that may be under way, or unread, when their sender is stopped. */
const UNDER_WAY = 10;

/** Counts what busybox's ping printed. */
function countTraffic(text: string): TrafficCount {
  const [, sent] = /(\d+) packets transmitted/.exec(text) ?? [];
  assert.ok(sent !== undefined, `no statistics: ${text.slice(-500)}`);
  const seen = new Set(
    [...text.matchAll(/ seq=(\d+) /g)].map(([, number]) => Number(number)),
  );
  const last = Math.max(-1, ...seen);
  const open = Number(sent) - 1 - last;
  return {
    sent: Number(sent),
    received: seen.size,
    lost: last + 1 - seen.size + (open > UNDER_WAY ? open : 0),
  };
}

/** Starts {@linkcode Traffic} that ends by itself after twenty minutes. */
export function startTraffic(lab: Lab, from: LabNode, to: LabNode): Traffic {
  const mark = `/run/traffic-${crypto.randomUUID()}`;
  const running = onNode(
    lab,
    from.name,
    `${IN_WEB} busybox ping -i 0.02 -c 60000 -W 1 ${webAddress(to)} >${mark} &
    echo $! >${mark}.pid; wait $! || true; cat ${mark}`,
  );
  // Whoever does not come to stop it has another error to tell.
  running.catch(() => {});
  return {
    async stop() {
      await eventually(
        () => labExec(lab, from.name, ["test", "-s", `${mark}.pid`]),
        ({ code }) => code === 0,
      );
      await onNode(lab, from.name, `kill -INT $(cat ${mark}.pid)`);
      return countTraffic(await running);
    },
  };
}

/** Routes of a host to the network, as `ip route` prints them, sorted. */
export async function overlayRoutes(lab: Lab, node: string): Promise<string[]> {
  const text = await onNode(lab, node, "ip -4 route");
  return text.split("\n").map((line) => line.trim())
    .filter((line) => line.includes(" via ") && !line.startsWith("default"))
    .sort();
}

/**
 * Runs etcdctl on the first member; for as long as the members choose a
 * leader, again.
 */
async function etcdctl(lab: Lab, words: string): Promise<void> {
  await eventually(
    () => labExec(lab, "etcd-1", ["sh", "-euc", `etcdctl ${words}`]),
    // What was deleted, and the answer lost, is not there again.
    ({ code, stderr }) => code === 0 || stderr.includes("Key not found"),
  );
}

/** Writes a lease by etcdctl, without a TTL. */
export async function putLease(
  lab: Lab,
  key: string,
  value: string,
): Promise<void> {
  const verb = lab.plan.spec.etcd.api === "v2" ? "set" : "put";
  await etcdctl(lab, `${verb} ${PREFIX}/subnets/${key} '${value}'`);
}

/** Deletes a lease by etcdctl. */
export async function deleteLease(lab: Lab, key: string): Promise<void> {
  const verb = lab.plan.spec.etcd.api === "v2" ? "rm" : "del";
  await etcdctl(lab, `${verb} ${PREFIX}/subnets/${key}`);
}

/**
 * A lease that comes reaches every host, and its end too: watches are at work.
 * It names a host that is on the first segment with all of them.
 */
export async function assertFollows(lab: Lab): Promise<void> {
  const key = "172.7.199.0-24";
  const value = JSON.stringify({
    PublicIP: "172.26.216.99",
    BackendType: lab.plan.backend,
    ...lab.plan.backend === "vxlan"
      ? { BackendData: { VNI: 1, VtepMAC: "02:00:00:00:00:63" } }
      : {},
  });
  const counts = () =>
    Promise.all(
      hostsOf(lab).map(async ({ name }) =>
        (await overlayRoutes(lab, name)).filter((line) =>
          line.startsWith("172.7.199.0/24")
        ).length
      ),
    );
  await putLease(lab, key, value);
  await eventually(counts, (all) => all.every((n) => n === 1));
  await deleteLease(lab, key);
  await eventually(counts, (all) => all.every((n) => n === 0));
}
