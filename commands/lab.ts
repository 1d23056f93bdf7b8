import { buildCommand, buildRouteMap } from "@stricli/core";
import type { FlandocContext } from "./context.ts";

/** Flags of `flandoc lab up`. */
export interface LabUpFlags {
  readonly name: string;
  readonly hosts: number;
  readonly etcd: "v2" | "v3";
  readonly members: number;
  readonly tls?: boolean;
  readonly docker?: boolean;
  readonly agent: "flandoc" | "none";
  readonly cloud?: boolean;
  readonly config?: string;
  readonly for?: string;
}

/** The lab a command means. */
export interface LabNameFlags {
  readonly name: string;
}

/** Flags of `flandoc lab break` and `restore`. */
export interface LabFaultFlags extends LabNameFlags {
  readonly on: string;
}

const NAME = {
  kind: "parsed",
  parse: String,
  brief: "Name of the lab",
  placeholder: "name",
  default: "lab",
} as const;

function whole(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new SyntaxError(`Cannot read number: "${text}" is not a whole number`);
}

function flag(brief: string) {
  return {
    kind: "boolean",
    brief,
    optional: true,
    withNegated: false,
  } as const;
}

const upCommand = buildCommand<LabUpFlags, [], FlandocContext>({
  loader: async () => (await import("./lab_main.ts")).up,
  parameters: {
    flags: {
      name: NAME,
      hosts: {
        kind: "parsed",
        parse: whole,
        brief: "How many hosts, 1 to 64",
        placeholder: "number",
        default: "2",
      },
      etcd: {
        kind: "enum",
        values: ["v2", "v3"],
        brief: "etcd API of the records",
        default: "v2",
      },
      members: {
        kind: "parsed",
        parse: whole,
        brief: "Members of the etcd cluster, 1 to 5",
        placeholder: "number",
        default: "1",
      },
      tls: flag("etcd over TLS with client certificates"),
      docker: flag("A real Docker with a web container on each host"),
      agent: {
        kind: "enum",
        values: ["flandoc", "none"],
        brief: "Agent on each host; none: state as flanneld leaves it",
        default: "flandoc",
      },
      cloud: flag("A switch that proxies ARP and drops what is not its own"),
      config: {
        kind: "parsed",
        parse: String,
        brief: "Network config, JSON as in the config key",
        placeholder: "json",
        optional: true,
      },
      for: {
        kind: "parsed",
        parse: String,
        brief: "Make the network that a fault needs",
        placeholder: "fault",
        optional: true,
      },
    },
  },
  docs: { brief: "Make a practice network in network namespaces" },
});

const execCommand = buildCommand<LabNameFlags, string[], FlandocContext>({
  loader: async () => (await import("./lab_main.ts")).exec,
  parameters: {
    flags: { name: NAME },
    positional: {
      kind: "array",
      parameter: {
        parse: String,
        brief: "Host, then -- and the command to run on it",
        placeholder: "host -- command",
      },
      minimum: 1,
    },
  },
  docs: { brief: "Run a command on a host of the lab; without one, a shell" },
});

function faultCommand(loader: "breakLab" | "restoreLab", brief: string) {
  return buildCommand<LabFaultFlags, [string?], FlandocContext>({
    loader: async () => (await import("./lab_main.ts"))[loader],
    parameters: {
      flags: {
        name: NAME,
        on: {
          kind: "parsed",
          parse: String,
          brief: "Host that is broken",
          placeholder: "host",
          default: "node-1",
        },
      },
      positional: {
        kind: "tuple",
        parameters: [{
          parse: String,
          brief: "Fault, or a code it provokes; without one, lists them",
          placeholder: "fault",
          optional: true,
        }],
      },
    },
    docs: { brief },
  });
}

const downCommand = buildCommand<LabNameFlags, [], FlandocContext>({
  loader: async () => (await import("./lab_main.ts")).down,
  parameters: { flags: { name: NAME } },
  docs: { brief: "Remove the lab, also what a killed run left" },
});

const statusCommand = buildCommand<Record<never, never>, [], FlandocContext>({
  loader: async () => (await import("./lab_main.ts")).status,
  parameters: {},
  docs: { brief: "List the labs of this machine and what runs on them" },
});

/** `flandoc lab …`: a practice network in namespaces. */
export const labRoutes = buildRouteMap({
  routes: {
    up: upCommand,
    exec: execCommand,
    break: faultCommand("breakLab", "Break the lab with a fault"),
    restore: faultCommand("restoreLab", "Take a fault back"),
    status: statusCommand,
    down: downCommand,
  },
  docs: { brief: "A practice network in network namespaces" },
});
