/**
 * flandoc as the agent of a host.
 *
 * @module
 */
import { CERT_FILES } from "./certificates.ts";
import { AGENT_LOG, AGENT_SERVICE_SCRIPT } from "./agent_script.ts";
import { hasLease } from "./etcd.ts";
import { flandocCommand } from "./flandoc_command.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import type { NodeFile } from "./node_files.ts";
import { mustRunOn, runOn } from "./node_command.ts";
import { waitFor } from "./wait_for.ts";
import { leaseKey, subnetEnv } from "./write_by_hand.ts";
import { settleAll } from "./settle_all.ts";

/** Port the agent of every host answers health requests on. */
export const HEALTHZ_PORT = 2401;

/** `flandoc` by that name on a node, and `etcdctl`. */
export function flandocFiles(): NodeFile[] {
  const quoted = flandocCommand().map((word) =>
    `'${word.replaceAll("'", `'\\''`)}'`
  );
  return [{
    path: "/opt/flannel/flandoc",
    text: `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`,
    mode: 0o755,
  }, {
    path: "/opt/flannel/etcdctl",
    text: ETCDCTL,
    mode: 0o755,
  }];
}

/**
 * A node has etcd's address and files in variables, for whoever types; with a
 * flag beside such a variable etcdctl 3 refuses to run. The commands that check
 * prints have flags.
 */
const ETCDCTL = `#!/bin/sh
case " $*" in
  *" --endpoints"*)
    unset ETCDCTL_ENDPOINTS ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
    ;;
esac
exec /usr/bin/etcdctl "$@"
`;

/**
 * What a host has for its agent: the tutorial's start script, a service that
 * runs it, the unit a host with systemd would have, and a subnet.env that asks
 * for the planned subnet, as the tutorial's section 2.2.3 does. No systemd runs
 * here, but flandoc finds the agent's flags in the unit where no agent runs.
 */
export function agentFiles(plan: LabPlan, host: LabNode): NodeFile[] {
  const [program, command, ...flags] = agentArgv(plan, host);
  const words = [`${program} ${command}`, ...flags];
  return [
    {
      path: "/opt/flannel/flanneld.sh",
      text: `#!/bin/sh\nexec ${words.join(" \\\n  ")}\n`,
      mode: 0o755,
    },
    {
      path: "/etc/init.d/flanneld",
      text: AGENT_SERVICE_SCRIPT,
      mode: 0o755,
    },
    {
      path: "/etc/systemd/system/flanneld.service",
      text: unit([program, command, ...flags].join(" ")),
    },
    ...plan.network === null
      ? []
      : [{ path: "/run/flannel/subnet.env", text: subnetEnv(plan, host) }],
  ];
}

function unit(command: string): string {
  return `\
[Unit]
Description=flandoc as flannel agent
After=network-online.target

[Service]
Type=notify
ExecStart=${command}
Restart=always

[Install]
WantedBy=multi-user.target
`;
}

/** The agent's command line on a host; flanneld would take the same. */
export function agentArgv(plan: LabPlan, host: LabNode): string[] {
  const { cafile, certfile, keyfile } = CERT_FILES;
  return [
    "/opt/flannel/flandoc",
    "run",
    `--public-ip=${host.address}`,
    `--etcd-endpoints=${plan.endpoints.join(",")}`,
    ...plan.spec.etcd.tls
      ? [
        `--etcd-keyfile=${keyfile}`,
        `--etcd-certfile=${certfile}`,
        `--etcd-cafile=${cafile}`,
      ]
      : [],
    `--etcd-api=${plan.spec.etcd.api}`,
    "--iface=eth0",
    ...plan.spec.healthz ? [`--healthz-port=${HEALTHZ_PORT}`] : [],
    ...plan.spec.agentFlags,
  ];
}

/** Starts a host's agent in the background; its number is `/run/flanneld.pid`. */
export async function startAgent(plan: LabPlan, host: LabNode): Promise<void> {
  await mustRunOn(plan, host, ["/etc/init.d/flanneld", "start"]);
}

/**
 * Waits until every host's agent has its lease and routes to every other host
 * that it can have routes to.
 *
 * @throws {Error} with the end of the log of one that has not.
 */
export async function waitForAgents(
  plan: LabPlan,
  signal?: AbortSignal,
): Promise<void> {
  const hosts = plan.nodes.filter((node) => node.kind === "host");
  await settleAll(hosts.map(async (host) => {
    try {
      await waitFor(`the agent of ${host.name}`, () => isReady(plan, host), {
        timeoutMs: 120_000,
        everyMs: 50,
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}${await logEnd(plan, host)}`);
    }
  }));
}

async function isReady(plan: LabPlan, host: LabNode): Promise<boolean> {
  // It gives out subnets and leaves the routes to others.
  if (plan.backend === "alloc") return await hasLease(plan, leaseKey(host));
  const routes = (await runOn(plan, host, ["ip", "-4", "route"])).stdout;
  const others = plan.nodes.filter((node) =>
    node.subnet !== null && node !== host
  );
  // host-gw cannot cross a router, and says so: no route to wait for.
  const peers = others.filter((peer) =>
    plan.backend !== "host-gw" || peer.segment === host.segment
  );
  // One route for all of them, to the device that the agent reads.
  if (plan.backend === "udp") {
    return routes.includes(" dev flannel0 ") &&
      await hasLease(plan, leaseKey(host));
  }
  if (!peers.every((peer) => routes.includes(`${peer.subnet} via `))) {
    return false;
  }
  // Where not everybody has a route to this host, its lease is looked for.
  return peers.length > 0 && peers.length === others.length ||
    await hasLease(plan, leaseKey(host));
}

async function logEnd(plan: LabPlan, host: LabNode): Promise<string> {
  const log = await runOn(plan, host, ["tail", "-n", "8", AGENT_LOG]);
  return log.stdout.trim() === "" ? "" : `, its log ends:\n${log.stdout}`;
}
