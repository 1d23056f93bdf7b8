import type { Action } from "./action.ts";
import type { HostOptions } from "./host_options.ts";
import { netfilterByHand, readChains } from "./netfilter_standing.ts";

/**
 * What a person types to take an action back from a host that somebody else
 * has changed too since.
 */
export async function byHand(
  action: Action,
  options: HostOptions = {},
): Promise<readonly string[]> {
  const { change, commands, undoCommands } = action;
  if (change.kind !== "netfilter") return undoCommands;
  const [rules = null] = await readChains([change], options);
  const [tool = "iptables"] = commands[0]?.split(" ") ?? [];
  return netfilterByHand(change, rules, tool);
}
