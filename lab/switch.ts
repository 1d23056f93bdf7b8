/**
 * The switch: a network namespace the nodes' cables end in.
 *
 * @module
 */
import { builderEnvironment } from "./builders.ts";
import type { LabPlan } from "./lab_plan.ts";
import { mustRun } from "./run.ts";

/** The MAC a cloud's switch answers every ARP request with. */
export const CLOUD_MAC = "ee:ff:ff:ff:ff:ff";

/**
 * Makes every namespace and cable, then the switch: bridges, or in a cloud a
 * router. No cable ever passes through the machine's own namespace.
 */
export async function createSwitch(
  plan: LabPlan,
  signal?: AbortSignal,
): Promise<void> {
  const options = {
    env: builderEnvironment(plan.spec.name),
    ...(signal ? { signal } : {}),
  };
  await mustRun(["ip", "-batch", "-"], { ...options, stdin: cables(plan) });
  const script = plan.spec.cloud ? cloudScript(plan) : bridgeScript(plan);
  await mustRun([...switchCommand(plan), "sh", "-s"], {
    ...options,
    stdin: script,
  });
}

/** The words before a command that make it run on the switch. */
export function switchCommand(plan: LabPlan): string[] {
  return ["nsenter", `--net=/run/netns/${plan.switchNetns}`];
}

/** `ip -batch` lines for the namespaces and the cables between them. */
export function cables(plan: LabPlan): string {
  return [
    ...plan.netns.map((netns) => `netns add ${netns}`),
    ...plan.nodes.map((node) =>
      `link add eth0 netns ${node.netns} type veth peer name ${node.port} netns ${plan.switchNetns}`
    ),
    "",
  ].join("\n");
}

/** A bridge for each segment, with the router's address on it. */
export function bridgeScript(plan: LabPlan): string {
  const { mtu, segments } = plan.spec;
  const bridges = Array.from(
    { length: segments },
    (_, index) => `segment${index + 1}`,
  );
  return [
    "set -eu",
    "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "ip -batch - <<'EOF'",
    "link set lo up",
    ...bridges.flatMap((bridge, index) => [
      `link add ${bridge} mtu ${mtu} type bridge`,
      `address add 172.26.${216 + index}.1/24 dev ${bridge}`,
      `link set ${bridge} up`,
    ]),
    ...plan.nodes.map((node) =>
      `link set ${node.port} mtu ${mtu} master segment${node.segment} up`
    ),
    "EOF",
    "",
  ].join("\n");
}

/**
 * A router whose ports all have one MAC and answer for every address of the
 * range. Only packets between the nodes' own addresses pass; `cloud-routes` is
 * the cloud's route table, empty at first: container packets have no way.
 */
export function cloudScript(plan: LabPlan): string {
  const own = plan.nodes.map((node) => node.address).join(", ");
  return [
    "set -eu",
    "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "ip -batch - <<'EOF'",
    "link set lo up",
    "link add void type bridge",
    "link set void up",
    "route add 172.26.216.0/23 dev void",
    "route add blackhole default",
    ...plan.nodes.flatMap((node) => [
      `link set ${node.port} mtu ${plan.spec.mtu} address ${CLOUD_MAC} up`,
      `address add ${node.gateway}/32 dev ${node.port}`,
      `route add ${node.address} dev ${node.port}`,
    ]),
    "EOF",
    ...plan.nodes.flatMap((node) => [
      `echo 1 >/proc/sys/net/ipv4/conf/${node.port}/proxy_arp`,
      // The kernel would wait up to 0.8 s before it answers for others.
      `echo 0 >/proc/sys/net/ipv4/neigh/${node.port}/proxy_delay`,
    ]),
    "nft -f - <<'EOF'",
    "table ip cloud {",
    "  set own { type ipv4_addr; flags interval; elements = { " + own + " } }",
    "  chain forward {",
    "    type filter hook forward priority 0; policy drop;",
    "    ip saddr @own ip daddr @own accept",
    "  }",
    "}",
    "EOF",
    "",
  ].join("\n");
}

/**
 * Commands that write the cloud's route table, or empty it: packets to and from
 * a subnet pass by the host that holds it, as the tutorial's way out 1 has it.
 */
export function cloudRouteCommands(
  plan: LabPlan,
  change: "add" | "delete",
): string[] {
  const hosts = plan.nodes.filter((node) => node.subnet !== null);
  return hosts.flatMap((node) => [
    `ip route ${change} ${node.subnet} via ${node.address} dev ${node.port}`,
    `nft ${change} element ip cloud own '{ ${node.subnet} }'`,
  ]);
}

/**
 * Carries out {@linkcode cloudRouteCommands} on the switch.
 *
 * @throws {Error} when the lab has no cloud's switch.
 */
export async function changeCloudRoutes(
  plan: LabPlan,
  change: "add" | "delete",
): Promise<void> {
  const lines = cloudRouteCommands(plan, change);
  await mustRun([...switchCommand(plan), "sh", "-eus"], {
    stdin: `${lines.join("\n")}\n`,
  });
}
