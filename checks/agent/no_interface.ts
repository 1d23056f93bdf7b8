import { isAgent } from "../flannel_agents.ts";
import type { Finding } from "../check.ts";
import { canonicalAddress } from "../../flannel/address.ts";
import { chooseInterface } from "../../flannel/interface_choice.ts";
import { versionInUse } from "../../flannel/version_in_use.ts";
import type { Known, Setting } from "../../snapshot/facts.ts";
import { lookupBy } from "../../flannel/route_lookup.ts";

type Needs = "processes" | "settings" | "links" | "addresses" | "routes";

/** The families a network can have; the config may not be known. */
const FAMILIES = [
  { ipv4: true, ipv6: false },
  { ipv4: false, ipv6: true },
  { ipv4: true, ipv6: true },
] as const;

/**
 * Findings of FD803 for a host on which flanneld finds no interface at its
 * next start, whatever family the network has.
 */
export function noInterfaceFindings(facts: Known<Needs>): Finding[] {
  const told = flagsTold(facts.settings);
  const isRunning = facts.processes.some(isAgent);
  // How an agent that is nowhere in sight would be started, nobody knows.
  if (told.length === 0 && !isRunning) return [];
  const problem = problemOf(facts);
  if (problem === null) return [];
  const { iface } = facts.settings;
  const isNamed = told.length === iface.value.length && told.length > 0;
  const flags = told.map(({ flag, value }) => `--${flag}=${value}`);
  return [{
    subject: isNamed ? `--iface=${iface.value.join(", ")}` : flags.join(" "),
    variant: isNamed ? "iface" : told.length > 0 ? "no-match" : "no-interface",
    arguments: { iface: iface.value, flags, problem },
    evidence: told.map(({ flag, value, source }) => ({
      label: "config",
      text: `--${flag}=${value} (${source})`,
    })),
    commands: [
      "ip -br address",
      ...told.length === 0 ? ["ip route show default"] : [],
    ],
  }];
}

interface Told {
  readonly flag: string;
  readonly value: string;
  readonly source: string;
}

/** The settings that say which interface is meant; without any, public IPs. */
function flagsTold(settings: Known<"settings">["settings"]): Told[] {
  const { iface, ifaceRegex, ifaceCanReach, publicIP, publicIPv6 } = settings;
  const told = [
    ...wordsOf("iface", iface),
    ...wordsOf("iface-regex", ifaceRegex),
    ...wordsOf("iface-can-reach", ifaceCanReach),
  ];
  return told.length > 0 ? told : [
    ...wordsOf("public-ip", publicIP),
    ...wordsOf("public-ipv6", publicIPv6),
  ];
}

function wordsOf(
  flag: string,
  { value, source }: Setting<string | readonly string[]>,
): Told[] {
  return [value].flat().filter((text) => text !== "")
    .map((text) => ({ flag, value: text, source }));
}

/** Why no interface can be chosen, in flanneld's words; null when one can. */
function problemOf(
  { processes, settings, links, addresses, routes }: Known<Needs>,
): string | null {
  const publicIP = settings.publicIP.value;
  // That it is no address at all has a sentence of its own.
  const isAddress = publicIP === "" || canonicalAddress(publicIP) !== null;
  const options = {
    iface: settings.iface.value,
    ifaceRegex: settings.ifaceRegex.value,
    ifaceCanReach: settings.ifaceCanReach.value,
    publicIP: isAddress ? publicIP : "",
    publicIPv6: settings.publicIPv6.value,
    flannelVersion: versionInUse(processes, settings.store.value),
  };
  const lookup = lookupBy(routes, addresses);
  const kernel = { links, addresses, routes, lookup };
  let first: string | null = null;
  for (const families of FAMILIES) {
    const choice = chooseInterface({ ...options, ...families }, kernel);
    if (!("problem" in choice)) return null;
    first ??= choice.problem;
  }
  return first;
}
