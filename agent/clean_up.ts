/**
 * `flandoc run --cleanup`: takes away what flandoc made in the kernel.
 *
 * @module
 */
import { findFlannelRules } from "../flannel/firewall/find_flannel.ts";
import type { Ruleset } from "../flannel/firewall/rule.ts";
import { ruleSpecification } from "../flannel/firewall/scope_rule.ts";
import { FLANDOC_PROTOCOL, type Link, type Route } from "../flannel/kernel.ts";
import { subnetOf } from "../flannel/subnet_env.ts";
import { applyNetfilter } from "../host/netfilter/apply_netfilter.ts";
import type { NetfilterChange } from "../host/netfilter/chain_edits.ts";
import { readNetfilter } from "../host/netfilter/read_netfilter.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { Netlink } from "../host/netlink/netlink.ts";
import { takeNetnsLock } from "../host/netns_lock.ts";
import { isKnown } from "../snapshot/fact.ts";
import { createLogger } from "./log.ts";
import type { AgentOptions } from "./options.ts";
import { deleteRoute } from "./repair_changes.ts";
import { AGENT_LOCK } from "./run.ts";
import { readSubnetFile } from "./subnet_file.ts";

/**
 * Routes with flandoc's protocol number, and the vxlan devices that some of
 * them lead through; what else is on those devices goes with them.
 */
export function cleanUpChanges(
  routes: readonly Route[],
  links: readonly Link[],
): NetlinkChange[] {
  const ours = routes.filter((route) => route.protocol === FLANDOC_PROTOCOL);
  const used = new Set(ours.map((route) => route.device));
  const devices = links.filter((link) =>
    link.kind === "vxlan" && /^flannel(-v6)?\.\d+$/.test(link.name) &&
    used.has(link.name)
  );
  return [
    ...ours.map(deleteRoute),
    ...devices.map(({ name }) =>
      ({ kind: "link", op: "delete", name }) as const
    ),
  ];
}

/** Deletes of the rules in flannel's shape for the network of subnet.env. */
export function cleanUpRules(
  rulesets: readonly Ruleset[],
  network: string,
  subnet: string,
): NetfilterChange[] {
  const family = network.includes(":") ? 6 : 4;
  const found = findFlannelRules(rulesets, { network, subnet })
    // Jumps and the chains of flannel's own, which the agent keeps too.
    // A rule of that form without a name may be an administrator's.
    .filter((place) =>
      place.named && (place.network === network || place.network === null)
    );
  const groups = Map.groupBy(
    found,
    (p) => `${p.backend} ${p.table} ${p.chain}`,
  );
  return [...groups.values()].map((places) => ({
    kind: "netfilter",
    backend: places[0]!.backend,
    family,
    table: places[0]!.table,
    chain: places[0]!.chain,
    edits: places.toSorted((a, b) => b.position - a.position).map((p) => ({
      op: "delete",
      rule: ruleSpecification(p.rule.text),
      position: p.position,
    })),
  }));
}

/**
 * Takes away routes, devices and firewall rules. The lease and subnet.env
 * stay: the next agent of this host asks for the same subnet by them.
 *
 * @returns exit status: 0 when nothing of it is left, else 1
 */
export async function cleanUp(options: AgentOptions): Promise<number> {
  const log = createLogger({ format: options.logFormat });
  using lock = takeNetnsLock(AGENT_LOCK, options.netns);
  if (lock === null) {
    log.error("flandoc runs as the agent of this host: stop it first");
    return 1;
  }
  const netns = options.netns === undefined ? {} : { netns: options.netns };
  using kernel = new Netlink(netns);
  const changes = cleanUpChanges(kernel.routes(), kernel.links());
  let failed = 0;
  for (const { change, error } of await kernel.apply(changes)) {
    if (error === null || ["ESRCH", "ENODEV"].includes(error.code)) continue;
    failed++;
    log.error(`Cannot remove ${change.kind}: ${error.message}`);
  }
  log.info("Removed routes and devices", { count: changes.length - failed });
  try {
    await cleanUpFirewall(options, netns, log);
  } catch (error) {
    failed++;
    log.error(error instanceof Error ? error.message : String(error));
  }
  log.info(`Our lease and ${options.subnetFile} stay in place`);
  return failed === 0 ? 0 : 1;
}

async function cleanUpFirewall(
  options: AgentOptions,
  netns: { readonly netns?: string },
  log: ReturnType<typeof createLogger>,
): Promise<void> {
  const env = readSubnetFile(options.subnetFile);
  const pairs = [
    [env?.network, env?.subnet],
    [env?.ipv6Network, env?.ipv6Subnet],
  ] as const;
  for (const [network, subnet] of pairs) {
    if (!network || !subnet) continue;
    const fact = await readNetfilter(netns);
    if (!isKnown(fact)) throw new Error(fact.unknown);
    for (const change of cleanUpRules(fact.known, network, subnetOf(subnet))) {
      await applyNetfilter(change, netns);
      log.info(
        `Removed ${change.edits.length} rules of ${change.backend} ${change.table} ${change.chain}`,
      );
    }
  }
}
