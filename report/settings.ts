import { valueOf } from "../snapshot/fact.ts";
import type { Facts, Setting } from "../snapshot/facts.ts";
import type { Strings } from "./strings.ts";

/** Every setting with its source, for `check -v`; flags are named as typed. */
export function settingLines(facts: Facts, strings: Strings): string[] {
  const settings = valueOf(facts.settings);
  if (settings === undefined) return [];
  const rows = Object.entries(settings).map(([name, setting]) => {
    const { value, source } = setting as Setting<unknown>;
    const shown = Array.isArray(value) ? value.join(",") : String(value);
    return `    ${flagName(name).padEnd(28)}${shown || '""'}   (${source})`;
  });
  return [`  ${strings.settings}`, ...rows];
}

function flagName(property: string): string {
  const kebab = property
    .replace("publicIPv6", "publicIpv6")
    .replace("publicIP", "publicIp")
    .replace("healthzIP", "healthzIp")
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `--${kebab}`;
}
