/**
 * Kernel parameters, with those the kernel changes along.
 *
 * @module
 */
import { inNetns } from "../host/netns.ts";
import { readSysctl, readSysctls, writeSysctl } from "../host/sysctl.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Change } from "./action.ts";
import type { Standing } from "./apply_routes.ts";
import type { HostOptions } from "./host_options.ts";

/** The sysctl kind of a change. */
export type SettingChange = Extract<Change, { kind: "sysctl" }>;

/**
 * Settings that writing one key overwrites (kernel ip-sysctl.rst,
 * `inet_forward_change()` and `addrconf_fixup_forwarding()`).
 */
const SETS: Readonly<Record<string, RegExp>> = {
  "net.ipv4.ip_forward": /^net\.ipv4\.conf\..+\.forwarding$/,
  "net.ipv4.conf.all.forwarding": /^net\.ipv4\.conf\..+\.forwarding$/,
  "net.ipv6.conf.all.forwarding": /^net\.ipv6\.conf\..+\.forwarding$/,
};

/** Turned with forwarding by the kernel, and not among the facts. */
const REDIRECTS = "net.ipv4.conf.all.accept_redirects";

function within<T>({ netns }: HostOptions, work: () => T): T {
  return netns === undefined ? work() : inNetns(netns, work);
}

/** Settings that go along with a key, with their values now. */
export function settingsAlong(
  key: string,
  options: HostOptions = {},
): Record<string, string> | undefined {
  const pattern = SETS[key];
  if (pattern === undefined) return undefined;
  return within(options, () => {
    const values = Object.entries(valueOf(readSysctls()) ?? {})
      .filter(([name]) => pattern.test(name) && name !== key);
    const redirects = key.startsWith("net.ipv4") ? readSysctl(REDIRECTS) : null;
    if (redirects !== null) values.push([REDIRECTS, redirects]);
    return Object.fromEntries(values);
  });
}

/** How a change of a setting stands. A device that has gone needs nothing. */
export function settingStanding(
  { key, before, after, along = {} }: SettingChange,
  options: HostOptions = {},
): Standing {
  return within(options, () => {
    const now = readSysctl(key);
    if (now === after) return "done";
    if (now === null) return "undone";
    if (now !== before) return "other";
    // An undo that was cut off before it came to these.
    const isWhole = Object.entries(along).every(([name, value]) =>
      [value, null].includes(readSysctl(name))
    );
    return isWhole ? "undone" : "done";
  });
}

/** Sets a setting. @throws {Error} as the kernel refuses it */
export function writeSetting(
  { key, after }: SettingChange,
  options: HostOptions = {},
): void {
  within(options, () => writeSysctl(key, after));
}

/** Gives a setting, and each that was changed along, its own value back. */
export function restoreSetting(
  { key, before, along = {} }: SettingChange,
  options: HostOptions = {},
): void {
  within(options, () => {
    if (readSysctl(key) !== before) writeSysctl(key, before);
    for (const [name, value] of Object.entries(along)) {
      const now = readSysctl(name);
      if (now !== null && now !== value) writeSysctl(name, value);
    }
  });
}
