/**
 * An agent that is killed at any moment leaves nothing that the next one does
 * not put right.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Lab } from "../../lab/mod.ts";
import {
  AGENT_LAB_PROGRAMS,
  assertFollows,
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
import { type Random, seededRandom, testSeed } from "../support/random.ts";

const REAL = needs({ netns: true, programs: AGENT_LAB_PROGRAMS });

const KILLS = 200;
/**
 * A start that takes longer than this is killed fewer times, milliseconds. The
 * executable's does not, so it is killed so many times; from source a start
 * takes twice that and more, and minutes would go by without a new moment.
 */
const LONG_START_MS = 700;

/** Milliseconds from an agent's start to its routes, which were deleted. */
async function startTime(lab: Lab): Promise<number> {
  await onNode(lab, "node-1", "service=/etc/init.d/flanneld; $service stop");
  await onNode(lab, "node-1", "ip link del flannel.1");
  const text = await onNode(
    lab,
    "node-1",
    `a=$(date +%s%N); /etc/init.d/flanneld start
    until ip route | grep -q ' via .* proto 107'; do :; done
    echo $((($(date +%s%N) - a) / 1000000))`,
  );
  return Number(text.trim().split("\n").at(-1));
}

/**
 * A shell script that starts and kills. Moments are spread over what a start
 * takes and a third more; every tenth round the device goes, and in others the
 * file, an entry or a route, so that each start has something to do.
 */
function killScript(random: Random, kills: number, startMs: number): string {
  const harm = [
    "ip link del flannel.1 2>/dev/null || true",
    "rm -f /run/flannel/subnet.env",
    "ip route flush proto 107",
    "ip neigh flush dev flannel.1 nud permanent 2>/dev/null || true",
  ];
  const rounds = Array.from({ length: kills }, (_, round) => {
    const seconds = (random() * startMs * 1.33 / 1000).toFixed(3);
    return `${round % 10 < harm.length ? harm[round % 10] : ":"}
    /opt/flannel/flanneld.sh >>/var/log/killed.log 2>&1 & pid=$!
    busybox sleep ${seconds}
    kill -9 $pid; wait $pid 2>/dev/null || true`;
  });
  return rounds.join("\n");
}

async function leaseKeys(lab: Lab): Promise<string[]> {
  const text = await onNode(
    lab,
    "etcd-1",
    `etcdctl get --prefix ${PREFIX}/subnets/ --keys-only`,
  );
  return text.split("\n").filter(Boolean)
    .map((path) => path.slice(path.lastIndexOf("/") + 1)).sort();
}

Deno.test({
  name: `flandoc run: killed at random moments, ${KILLS} if it starts fast`,
  ...REAL,
  async fn() {
    const random = seededRandom(testSeed());
    const request = {
      hosts: 3,
      agent: "flandoc",
      config: '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}',
      etcd: { api: "v3" },
    } as const;
    await withAgentLab(request, async (lab) => {
      await assertWhole(lab);
      const keys = await leaseKeys(lab);
      const routes = await overlayRoutes(lab, "node-1");
      const subnetEnv = await onNode(
        lab,
        "node-1",
        "cat /run/flannel/subnet.env",
      );
      const startMs = await startTime(lab);
      await onNode(lab, "node-1", "/etc/init.d/flanneld stop");
      const [, two, three] = hostsOf(lab);
      const bystanders = startTraffic(lab, two!, three!);
      // A peer that comes and goes while nobody may be looking.
      const passing = "172.7.180.0-24";
      const value = JSON.stringify({
        PublicIP: "172.26.216.77",
        BackendType: "vxlan",
        BackendData: { VNI: 1, VtepMAC: "02:00:00:00:00:4d" },
      });
      const kills = Math.ceil(KILLS * Math.min(1, LONG_START_MS / startMs));
      const halves = [0, 1].map(() =>
        killScript(random, Math.ceil(kills / 2), startMs)
      );
      await putLease(lab, passing, value);
      await onNode(lab, "node-1", halves[0]!);
      await deleteLease(lab, passing);
      await onNode(lab, "node-1", halves[1]!);

      const killed = await onNode(lab, "node-1", "cat /var/log/killed.log");
      assert.match(killed, /Running backend/, "no agent ever came up");
      await onNode(lab, "node-1", "/etc/init.d/flanneld start");
      const settled = (now: string[]) => now.join("\n") === routes.join("\n");
      await eventually(() => overlayRoutes(lab, "node-1"), settled);
      assert.deepEqual(await leaseKeys(lab), keys, "leases");
      await eventually(
        () =>
          onNode(
            lab,
            "node-1",
            // The agent that was started last may not have written it yet.
            "cat /run/flannel/subnet.env || true; ls /run/flannel",
          ),
        // No half-written file beside it.
        (text) => text === `${subnetEnv}subnet.env\n`,
      );
      await eventually(
        () =>
          onNode(
            lab,
            "node-1",
            "{ ip neigh show dev flannel.1 | grep PERMANENT; bridge fdb show dev flannel.1 | grep dst; } || true",
          ),
        (overlay) => overlay.trim().split("\n").length === 4,
      );
      await assertWhole(lab);
      await assertFollows(lab);
      const { sent, lost } = await bystanders.stop();
      assert.equal(lost, 0, `${lost} of ${sent} were lost`);
    });
  },
});
