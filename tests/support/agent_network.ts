/**
 * A network of agents for tests: its config, and what its hosts have.
 *
 * @module
 */
import { createStore } from "../../stores/create_store.ts";
import type { Store } from "../../stores/store.ts";
import { eventually, type TestHost } from "./agents.ts";
import type { EtcdCluster } from "./etcd.ts";

/** Where the network's records are. */
export const PREFIX = "/coreos.com/network";

/** The tutorial's network with a backend. */
export function networkConfig(
  backend: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({ Network: "172.7.0.0/16", ...more, Backend: backend });
}

/** What a program prints; nothing while what it shows is not there. */
export function show(
  host: TestHost,
  program: string,
  ...args: readonly string[]
): string {
  try {
    return host.netns.exec(program, ...args);
  } catch {
    return "";
  }
}

/** `ip route` lines of the network, spaces cut off. */
export function routes(host: TestHost, family = "-4"): string[] {
  return show(host, "ip", family, "route")
    .split("\n").map((line) => line.trim())
    .filter((line) => /^(172\.7|fd00:)/.test(line));
}

/** A host's subnet by its subnet.env: `172.7.21.0/24`. */
export function subnetOf(host: TestHost): string {
  const text = Deno.readTextFileSync(host.subnetFile);
  const address = /^FLANNEL_SUBNET=(.*)$/m.exec(text)![1]!;
  return address.replace(/\.1\//, ".0/");
}

/** Opens a store and writes the config. */
export async function setUp(
  etcd: EtcdCluster,
  kind: "etcd-v2" | "etcd-v3",
  text: string,
): Promise<Store> {
  const store = createStore(kind, {
    endpoints: etcd.endpoints,
    prefix: PREFIX,
  });
  await store.writeConfig(text);
  return store;
}

/** Flags that every agent of these tests has. */
export function flags(etcd: EtcdCluster): Record<string, string> {
  return {
    "etcd-endpoints": etcd.endpoints.join(","),
    "iptables-forward-rules": "false",
  };
}

/** Rules of one table, as a program of iptables saves them. */
export function rulesOf(
  host: TestHost,
  program: string,
  table: string,
): string[] {
  return show(host, program, "-t", table).split("\n")
    .filter((line) => line.startsWith("-A"));
}

/** Waits until every host has one route to every other. */
export async function converged(hosts: readonly TestHost[]): Promise<void> {
  await eventually(
    () => hosts.map((host) => routes(host).length),
    (counts) => counts.every((count) => count === hosts.length - 1),
  );
}

/** Waits until an agent has written subnet.env: it is ready then. */
export async function ready(...hosts: readonly TestHost[]): Promise<void> {
  for (const host of hosts) {
    await eventually(() => {
      try {
        return Deno.statSync(host.subnetFile).isFile;
      } catch {
        return false;
      }
    }, (isThere) => isThere);
  }
}
