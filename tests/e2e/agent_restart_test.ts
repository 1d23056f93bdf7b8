/**
 * A restart among 5,000 peers changes nothing in the kernel but what changed
 * in the records: no packet goes into the void.
 *
 * @module
 */
import assert from "node:assert/strict";
import { benchHost } from "../../bench/network.ts";
import { type MonitorEvent, openMonitor } from "../../host/netlink/monitor.ts";
import { AgentProcess } from "../support/agent.ts";
import { eventually } from "../support/agents.ts";
import { startEtcd } from "../support/etcd.ts";
import { needs } from "../support/needs.ts";
import type { TestNetns } from "../support/netns.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const REAL = needs({ netns: true, programs: ["etcd", "etcdctl"] });
const PEERS = 5_000;
/** Position 41 of the network: 10.0.42.0/24 by 172.16.0.42. */
const LEAVER = "10.0.42.0";

function fill(host: TestNetns, endpoint: string, backend: string): void {
  host.exec(
    Deno.execPath(),
    ...["run", "-A", "--no-check"],
    new URL("../../bench/fill_store.ts", import.meta.url).pathname,
    ...[endpoint, String(PEERS + 1), backend, "etcd-v3"],
  );
}

/** What an event did, in a few words; null for what does not matter. */
function told(event: MonitorEvent): string | null {
  switch (event.type) {
    case "route":
      // The kernel makes an IPv6 route for the device in its own time.
      return event.route.family === 4
        ? `${event.change} route ${event.route.dst}`
        : null;
    case "neighbour":
      return event.neighbour.family === 4 &&
          (event.neighbour.state === "PERMANENT" || event.change === "delete")
        ? `${event.change} neighbour ${event.neighbour.address}`
        : null;
    case "fdb":
      return `${event.change} fdb ${event.entry.dst}`;
    case "overrun":
      return "events were lost";
    default:
      return null;
  }
}

for (const backend of ["host-gw", "vxlan"]) {
  Deno.test({
    name: `flandoc run: ${backend} restarted among ${PEERS} peers`,
    ...REAL,
    async fn(t) {
      using host = benchHost();
      using scratch = temporaryDirectory();
      await using etcd = await startEtcd({ netns: host.name });
      const [endpoint = ""] = etcd.endpoints;
      fill(host, endpoint, backend);
      const subnetFile = `${scratch.path}/subnet.env`;
      const start = () =>
        new AgentProcess({
          netns: host.name,
          endpoints: etcd.endpoints,
          subnetFile,
          flags: ["--iface=eth0", "--iptables-forward-rules=false"],
        });
      const running = (agent: AgentProcess) =>
        eventually(
          () => agent.log,
          (log) => log.includes("Running backend"),
        );
      await using first = start();
      await first.ready();
      await using monitor = openMonitor({
        netns: host.name,
        routes: true,
        neighbours: true,
      });
      const events: string[] = [];
      const watching = (async () => {
        for await (const event of monitor) {
          const text = told(event);
          if (text !== null) events.push(text);
        }
      })();
      await t.step("SIGTERM, start: no change at all", async () => {
        await running(first);
        assert.equal(await first.stop(), 0);
        await using second = start();
        await running(second);
        assert.equal(await second.stop("SIGKILL"), 137);
        assert.deepEqual(events, []);
      });
      await t.step("kill -9, a peer leaves, start: only it goes", async () => {
        const key = `/coreos.com/network/subnets/${LEAVER}-24`;
        host.exec(
          ...["env", "ETCDCTL_API=3", "etcdctl"] as const,
          `--endpoints=${endpoint}`,
          ...["del", key],
        );
        await using third = start();
        await running(third);
        const wanted = backend === "vxlan"
          ? [
            "delete fdb 172.16.0.42",
            `delete neighbour ${LEAVER}`,
            `delete route ${LEAVER}/24`,
          ]
          : [`delete route ${LEAVER}/24`];
        await eventually(
          () => [...new Set(events)].sort(),
          (now) => now.join() === wanted.join(),
        );
        assert.equal(await third.stop(), 0);
      });
      await monitor.close();
      await watching;
    },
  });
}
