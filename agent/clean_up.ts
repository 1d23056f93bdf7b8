/**
 * `flandoc run --cleanup`: takes away what flandoc made on this host.
 *
 * @module
 */
import { formatRoute } from "../flannel/format.ts";
import {
  FLANDOC_ALIAS,
  FLANDOC_PROTOCOL,
  type Route,
} from "../flannel/kernel.ts";
import { deleteChain, deleteNftTable } from "../host/netfilter/delete_chain.ts";
import { readNetfilter } from "../host/netfilter/read_netfilter.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { Netlink } from "../host/netlink/netlink.ts";
import { takeNetnsLock } from "../host/netns_lock.ts";
import { isKnown } from "../snapshot/fact.ts";
import { ownChains, ownTables } from "./firewall/own_chains.ts";
import { scopedRules } from "./firewall/scoped_rules.ts";
import type { Kernel, ObservedState } from "./kernel.ts";
import { createLogger, type Logger } from "./log.ts";
import type { AgentOptions } from "./options.ts";
import { deleteFdb, deleteNeighbour, deleteRoute } from "./repair_changes.ts";
import { isDone } from "./repair_sender.ts";
import { rivalOf } from "./rival.ts";
import { AGENT_LOCK } from "./run.ts";
import { networksOf, readSubnetFile } from "./subnet_file.ts";

/** One thing to take away, and its name for people. */
export interface CleanUpStep {
  readonly change: NetlinkChange;
  readonly name: string;
}

/**
 * Routes with flandoc's protocol number, the neighbours and FDB entries that
 * they lead to, and devices with flandoc's alias; what else is on those goes
 * with them. A device that flanneld made, and flandoc took over, stays.
 */
export function cleanUpSteps(observed: ObservedState): CleanUpStep[] {
  const routes = observed.routes
    .filter((route) => route.protocol === FLANDOC_PROTOCOL);
  const devices = observed.links.filter((link) => link.alias === FLANDOC_ALIAS);
  const own = new Set(devices.map(({ name }) => name));
  return [
    ...routes.map((route) => ({
      change: deleteRoute(route),
      name: `route ${formatRoute(route)}`,
    })),
    ...peerEntries(routes.filter((r) => !own.has(r.device ?? "")), observed),
    ...devices.map(({ name }) => ({
      change: { kind: "link", op: "delete", name } as const,
      name: `device ${name}`,
    })),
  ];
}

/** Entries of peers on devices that stay: those of onlink routes. */
function peerEntries(
  routes: readonly Route[],
  { neighbours, fdb }: ObservedState,
): CleanUpStep[] {
  const peers = new Set(
    routes.filter((route) => route.onlink)
      .map(({ device, gateway }) => `${device} ${gateway}`),
  );
  const own = neighbours.filter((entry) =>
    entry.state === "PERMANENT" && peers.has(`${entry.device} ${entry.address}`)
  );
  const macs = new Set(own.map(({ device, mac }) => `${device} ${mac}`));
  return [
    ...own.map((entry) => ({
      change: deleteNeighbour(entry),
      name: `neighbour ${entry.address} dev ${entry.device}`,
    })),
    ...fdb.filter((entry) =>
      entry.permanent && entry.dst !== null &&
      macs.has(`${entry.device} ${entry.mac}`)
    ).map((entry) => ({
      change: deleteFdb(entry),
      name: `fdb ${entry.mac} dev ${entry.device} dst ${entry.dst}`,
    })),
  ];
}

/** Most things that get a line each. */
const MOST_LINES = 20;

/**
 * Takes routes, devices and firewall rules away. The lease and subnet.env
 * stay: the next agent of this host asks for the same subnet by them, and
 * Docker and the CNI go on with the one they have. Docker's rule stays scoped:
 * that may be a person's repair or `fix --snat`'s, and taken back it hides the
 * containers behind this host as soon as another agent runs. It is told, with
 * what takes it back.
 *
 * @returns exit status: 0 when nothing of it is left, else 1
 */
export async function cleanUp(
  options: AgentOptions,
  log: Logger = createLogger({ format: options.logFormat }),
): Promise<number> {
  using lock = takeNetnsLock(AGENT_LOCK, options.netns);
  if (lock === null) {
    log.error("flandoc runs as the agent of this host: stop it first");
    return 1;
  }
  const rival = rivalOf(options);
  if (rival !== null) {
    log.error(`${rival}, for it uses what is to be removed`);
    return 1;
  }
  const netns = options.netns === undefined ? {} : { netns: options.netns };
  using kernel = new Netlink(netns);
  const networks = networksOf(readSubnetFile(options.subnetFile));
  const failed = await cleanUpKernel(kernel, log) +
    await cleanUpFirewall(netns, networks, log);
  log.info(
    `Our lease and ${options.subnetFile} stay: by them the next agent here gets the same subnet`,
  );
  return failed === 0 ? 0 : 1;
}

/** How many things could not be removed. */
async function cleanUpKernel(kernel: Kernel, log: Logger): Promise<number> {
  const steps = cleanUpSteps(kernel.observe({ tunnels: true }));
  const results = await kernel.apply(steps.map(({ change }) => change));
  let failed = 0;
  let removed = 0;
  for (const [index, result] of results.entries()) {
    const { name } = steps[index]!;
    if (!isDone(result)) {
      failed++;
      log.error(`Cannot remove ${name}: ${result.error!.message}`);
    } else if (++removed <= MOST_LINES) log.info(`Removed ${name}`);
  }
  if (removed > MOST_LINES) {
    log.info(`Removed ${removed} routes, entries and devices in all`);
  }
  if (steps.length === 0) log.info("There are no routes or devices of ours");
  return failed;
}

/** How many things could not be removed. */
async function cleanUpFirewall(
  netns: { readonly netns?: string },
  networks: readonly string[],
  log: Logger,
): Promise<number> {
  const fact = await readNetfilter(netns);
  if (!isKnown(fact)) {
    log.error(`Cannot read the firewall: ${fact.unknown}`);
    return 1;
  }
  const steps = [
    ...ownChains(fact.known).map((chain) => ({
      name:
        `chain ${chain.chain} of ${chain.backend} ${chain.table}, IPv${chain.family}`,
      remove: () => deleteChain(chain, netns),
    })),
    ...ownTables(fact.known).map(({ family, table }) => ({
      name: `nftables table ${family} ${table}`,
      remove: () => deleteNftTable(family, table, netns),
    })),
  ];
  let failed = 0;
  for (const { name, remove } of steps) {
    try {
      await remove();
      log.info(`Removed ${name}`);
    } catch (error) {
      failed++;
      const reason = error instanceof Error ? error.message : String(error);
      log.error(`Cannot remove ${name}: ${reason}`);
    }
  }
  if (steps.length === 0) log.info("There are no firewall rules of ours");
  for (const { place, commands } of scopedRules(fact.known, networks)) {
    log.info(
      `Docker's rule in ${place.backend} stays scoped, by --snat, fix --snat or by hand: ${place.rule.text}. To take it back, flandoc undo where fix --snat did it, else: ${
        commands.join("; ")
      }`,
    );
  }
  return failed;
}
