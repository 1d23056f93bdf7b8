/**
 * The agent's options, from flanneld's flags and variables.
 *
 * @module
 */
import { parseIpv4, parseIpv6 } from "../flannel/address.ts";
import {
  type FlagSpecification,
  FLANNELD_FLAGS,
  isTrue,
  parseGoInt,
} from "../flannel/flags.ts";
import type { InterfaceOptions } from "../flannel/interface_choice.ts";
import type { EtcdOptions, StoreKind } from "../stores/store.ts";

/** Kubernetes as the store, names as flanneld's flags. */
export interface KubernetesOptions {
  readonly apiUrl: string;
  readonly kubeconfigFile: string;
  readonly annotationPrefix: string;
  readonly netConfigPath: string;
  readonly setNodeNetworkUnavailable: boolean;
  /** `$NODE_NAME` */
  readonly nodeName: string;
  /** `$POD_NAME` */
  readonly podName: string;
  /** `$POD_NAMESPACE` */
  readonly podNamespace: string;
  /** `$KUBERNETES_SERVICE_HOST`, in a pod. */
  readonly serviceHost: string;
  /** `$KUBERNETES_SERVICE_PORT` */
  readonly servicePort: string;
}

/** Everything `flandoc run` is told. */
export interface AgentOptions {
  /** `auto` takes the etcd API that holds the network config. */
  readonly store: StoreKind | "auto";
  readonly etcd: EtcdOptions;
  readonly kubernetes: KubernetesOptions;
  readonly interface: InterfaceOptions;
  readonly subnetFile: string;
  /** Minutes before the lease's end at which it is renewed, 1 to 1439. */
  readonly subnetLeaseRenewMargin: number;
  readonly ipMasq: boolean;
  readonly ipMasqFullyRandomDisable: boolean;
  /** Seconds. */
  readonly iptablesResync: number;
  readonly iptablesForwardRules: boolean;
  readonly ipBlackholeRoute: boolean;
  readonly healthzIP: string;
  /** 0 for none. */
  readonly healthzPort: number;
  /** Keep Docker's masquerade rule scoped. */
  readonly snat: boolean;
  readonly logFormat: "text" | "json";
  /** flanneld's `-v`; from 1 on debug lines are written. */
  readonly verbosity: number;
  /** Value of `$NOTIFY_SOCKET`, or empty. */
  readonly notifySocket: string;
  /** Value of `$WATCHDOG_USEC`, microseconds; 0 where it is not for us. */
  readonly watchdogUsec?: number;
  /** Variables of the wrong form, which are ignored as by flanneld. */
  readonly ignoredVariables?: readonly string[];
  /** flanneld's flags that were given and have no meaning here. */
  readonly ignoredFlags?: readonly string[];
  /**
   * Network namespace to work in, by name or path: for tests and the lab. The
   * store is reached from the process's own. @default the process's own
   */
  readonly netns?: string;
  /** Seconds a lease lasts. @default 86400 */
  readonly leaseTtl?: number;
  /** Stops the agent as SIGTERM does. */
  readonly signal?: AbortSignal;
}

/** Given values by flanneld's names, `etcd-endpoints` → values. */
export type GivenFlags = ReadonlyMap<string, readonly string[]>;

/** What is told beside flanneld's flags. */
export interface MoreOptions {
  readonly snat?: boolean;
  readonly logFormat?: "text" | "json";
  readonly verbosity?: string;
  readonly ignoredFlags?: readonly string[];
}

/** A flag or variable of the wrong form; its message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Reads one setting from flags, then variables, then the default. */
class Reader {
  readonly #flags: GivenFlags;
  readonly #env: Readonly<Record<string, string | undefined>>;
  /** Variables that were ignored, for the log. */
  readonly ignored: string[] = [];

  constructor(
    flags: GivenFlags,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.#flags = flags;
    this.#env = env;
  }

  /**
   * `FLANDOC_*` goes before `FLANNELD_*`. A bad variable is ignored, as
   * flanneld does; a bad flag is an error.
   */
  #read<T>(name: string, parse: (text: string) => T | null, wanted: string): T {
    const flag = this.flag(name);
    const given = this.#flags.get(name)?.at(-1);
    if (given !== undefined) {
      const value = parse(given);
      if (value !== null) return value;
      throw new UsageError(
        `Cannot use --${name}: expected ${wanted}, got "${given}"`,
      );
    }
    for (const variable of variables(flag)) {
      const text = this.#env[variable] ?? "";
      if (text === "") continue;
      const value = parse(text);
      if (value !== null) return value;
      this.ignored.push(`${variable}="${text}": expected ${wanted}`);
    }
    return parse(flag.default)!;
  }

  flag(name: string): FlagSpecification {
    const flag = FLANNELD_FLAGS.find((f) => f.name === name);
    if (flag === undefined) throw new TypeError(`Cannot read flag "${name}"`);
    return flag;
  }

  text(name: string): string {
    return this.#read(name, (text) => text, "a text");
  }

  list(name: string): readonly string[] {
    const given = this.#flags.get(name);
    if (given !== undefined) return given;
    const text = this.text(name);
    return text === "" ? [] : [text];
  }

  boolean(name: string): boolean {
    const parse = (text: string) =>
      /^(1|t|T|TRUE|true|True)$/.test(text)
        ? isTrue(text)
        : /^(0|f|F|FALSE|false|False)$/.test(text)
        ? false
        : null;
    return this.#read(name, parse, "true or false");
  }

  number(name: string, least: number, most: number): number {
    const parse = (text: string) => {
      const number = parseGoInt(text);
      return number !== null && number >= least && number <= most
        ? number
        : null;
    };
    return this.#read(name, parse, `a number from ${least} to ${most}`);
  }

  address(name: string, family: 4 | 6): string {
    const parse = (text: string) =>
      text === "" ||
        (family === 4 ? parseIpv4(text) : parseIpv6(text)) !== null
        ? text
        : null;
    return this.#read(name, parse, `an IPv${family} address`);
  }
}

function variables(flag: FlagSpecification): string[] {
  return [flag.env.replace("FLANNELD_", "FLANDOC_"), flag.env];
}

function readStore(
  reader: Reader,
  flags: GivenFlags,
  env: Readonly<Record<string, string | undefined>>,
): StoreKind | "auto" {
  const api = flags.get("etcd-api")?.at(-1) ?? env["FLANDOC_ETCD_API"] ?? "";
  if (reader.boolean("kube-subnet-mgr")) return "kubernetes";
  if (api === "") return "auto";
  if (api === "v2" || api === "v3") return `etcd-${api}`;
  throw new UsageError(
    `Cannot use --etcd-api: expected v2 or v3, got "${api}"`,
  );
}

function readEtcd(reader: Reader): EtcdOptions {
  const endpoints = reader.text("etcd-endpoints").split(",")
    .map((text) => text.trim()).filter((text) => text !== "");
  if (endpoints.length === 0) {
    throw new UsageError("Cannot use --etcd-endpoints: expected a URL");
  }
  const optional = {
    cafile: reader.text("etcd-cafile"),
    certfile: reader.text("etcd-certfile"),
    keyfile: reader.text("etcd-keyfile"),
    username: reader.text("etcd-username"),
    password: reader.text("etcd-password"),
  };
  const given = Object.entries(optional).filter(([, text]) => text !== "");
  return {
    endpoints,
    prefix: reader.text("etcd-prefix"),
    ...Object.fromEntries(given),
  };
}

/** `sd_watchdog_enabled(3)`: another process may be meant. */
function readWatchdog(
  env: Readonly<Record<string, string | undefined>>,
): number {
  const { WATCHDOG_USEC: usec = "", WATCHDOG_PID: pid = "" } = env;
  const isOurs = pid === "" || pid === String(Deno.pid);
  return isOurs && /^\d{1,15}$/.test(usec) ? Number(usec) : 0;
}

/**
 * Makes the agent's options of flags and environment.
 *
 * @throws {UsageError} when a flag's value is of the wrong form
 */
export function agentOptions(
  flags: GivenFlags,
  env: Readonly<Record<string, string | undefined>>,
  more: MoreOptions = {},
): AgentOptions {
  const reader = new Reader(flags, env);
  const verbosity = more.verbosity ?? reader.text("v");
  return {
    store: readStore(reader, flags, env),
    etcd: readEtcd(reader),
    kubernetes: {
      apiUrl: reader.text("kube-api-url"),
      kubeconfigFile: reader.text("kubeconfig-file"),
      annotationPrefix: reader.text("kube-annotation-prefix"),
      netConfigPath: reader.text("net-config-path"),
      setNodeNetworkUnavailable: reader.boolean("set-node-network-unavailable"),
      nodeName: env["NODE_NAME"] ?? "",
      podName: env["POD_NAME"] ?? "",
      podNamespace: env["POD_NAMESPACE"] ?? "",
      serviceHost: env["KUBERNETES_SERVICE_HOST"] ?? "",
      servicePort: env["KUBERNETES_SERVICE_PORT"] ?? "",
    },
    interface: {
      iface: reader.list("iface"),
      ifaceRegex: reader.list("iface-regex"),
      ifaceCanReach: reader.text("iface-can-reach"),
      publicIP: reader.address("public-ip", 4),
      publicIPv6: reader.address("public-ipv6", 6),
    },
    subnetFile: reader.text("subnet-file"),
    subnetLeaseRenewMargin: reader.number("subnet-lease-renew-margin", 1, 1439),
    ipMasq: reader.boolean("ip-masq"),
    ipMasqFullyRandomDisable: reader.boolean("ip-masq-fully-random-disable"),
    iptablesResync: reader.number("iptables-resync", 1, 86400),
    iptablesForwardRules: reader.boolean("iptables-forward-rules"),
    ipBlackholeRoute: reader.boolean("ip-blackhole-route"),
    healthzIP: reader.text("healthz-ip"),
    healthzPort: reader.number("healthz-port", 0, 65535),
    snat: more.snat ?? false,
    logFormat: more.logFormat ?? "text",
    verbosity: /^\d{1,3}$/.test(verbosity) ? Number(verbosity) : 0,
    notifySocket: env["NOTIFY_SOCKET"] ?? "",
    watchdogUsec: readWatchdog(env),
    ignoredVariables: reader.ignored,
    ignoredFlags: more.ignoredFlags ?? [],
  };
}
