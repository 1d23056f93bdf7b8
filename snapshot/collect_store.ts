/**
 * Records of the network and health of the store that keeps them.
 *
 * @module
 */
import type { LeaseRecord } from "../flannel/lease.ts";
import { readHost } from "../host/identity.ts";
import { maskText } from "../host/secrets.ts";
import {
  type EndpointHealth,
  type EtcdOptions,
  type Store,
  type StoreKind,
  TTL_NOT_ASKED,
} from "../stores/store.ts";
import { attempt } from "./attempt.ts";
import { type Fact, isKnown, known, unknown, valueOf } from "./fact.ts";
import type { ConfigRecord, Settings } from "./facts.ts";
import { type Discovery, withStore } from "./settings.ts";

/** The two etcd APIs. */
export type EtcdKind = Exclude<StoreKind, "kubernetes">;

/** Opens a store; `stores/mod.ts` has the real one. */
export type OpenStore = (kind: EtcdKind, options: EtcdOptions) => Store;

/** Facts of the store. */
export interface StoreFacts {
  /** With the store decided. */
  readonly settings: Settings;
  readonly endpoints: Fact<readonly EndpointHealth[]>;
  readonly configRecord: Fact<ConfigRecord>;
  readonly leaseRecords: Fact<readonly LeaseRecord[]>;
}

/**
 * Prefixes that tutorials and packages use, for a config that was written to
 * one while flannel reads another: flannel's own, projectatomic's, kubeasz's,
 * hack scripts'.
 */
export const NEARBY_PREFIXES = [
  "/coreos.com/network",
  "coreos.com/network",
  "/flannel/network",
  "/kube-centos/network",
  "/atomic.io/network",
  "/kubernetes/network",
  "/k8s/network",
] as const;

/** Deadline of one request at one endpoint, milliseconds. */
const REQUEST_MS = 3000;
/** Deadline of everything asked of etcd, milliseconds. */
const STORE_MS = 6000;

const OTHER: Readonly<Record<EtcdKind, EtcdKind>> = {
  "etcd-v2": "etcd-v3",
  "etcd-v3": "etcd-v2",
};

/** TTLs asked of etcd v3: 500 take 0.15 s of its time, 5,000 take 1.4 s. */
const TTL_LIMIT = 500;

/** Connection options of etcd as discovered, password included. */
export function etcdOptions(discovery: Discovery): EtcdOptions {
  const { settings, secrets } = discovery;
  const given = {
    cafile: settings.etcdCafile.value,
    certfile: settings.etcdCertfile.value,
    keyfile: settings.etcdKeyfile.value,
    username: settings.etcdUsername.value,
    password: secrets.etcdPassword ?? "",
  };
  return {
    endpoints: secrets.etcdEndpoints,
    prefix: settings.etcdPrefix.value,
    timeoutMs: REQUEST_MS,
    ...Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== ""),
    ),
  };
}

/** One attempt to talk to etcd through both APIs, closed at its end. */
class EtcdCollection implements Disposable {
  readonly #opened: Store[] = [];
  readonly #end: number;
  readonly #lost = Promise.withResolvers<Fact<never>>();

  constructor(
    readonly open: OpenStore,
    readonly options: EtcdOptions,
    deadlineMs: number,
  ) {
    this.#end = performance.now() + deadlineMs;
  }

  store(kind: EtcdKind, prefix = this.options.prefix): Store {
    const store = this.open(kind, { ...this.options, prefix });
    this.#opened.push(store);
    return store;
  }

  ask<T>(
    kind: EtcdKind,
    use: (store: Store, signal: AbortSignal) => Promise<T>,
    prefix?: string,
  ): Promise<Fact<T>> {
    const rest = Math.max(1, Math.round(this.#end - performance.now()));
    return attempt(
      "etcd",
      rest,
      (signal) => use(this.store(kind, prefix), signal),
      this.#lost.promise,
    );
  }

  /**
   * Asks every endpoint. When all stay silent, reads, which try one after the
   * other, are not waited for any longer.
   */
  async health(kind: EtcdKind): Promise<Fact<readonly EndpointHealth[]>> {
    const fact = await this.ask(kind, (store) => store.health());
    const endpoints = valueOf(fact) ?? [];
    const silent = endpoints.every((one) => one.errorKind === "timeout");
    if (silent && endpoints.length > 0) {
      const names = endpoints.map((one) => one.endpoint).join(", ");
      this.#lost.resolve(unknown(`no answer in time from ${names}`));
    }
    return fact;
  }

  config(kind: EtcdKind, prefix?: string): Promise<Fact<string | null>> {
    return this.ask(
      kind,
      (store, signal) => store.readConfig(signal),
      prefix,
    );
  }

  /**
   * All leases. Of the TTLs, which cost etcd v3 a request each, those that end
   * first are asked for, and those of the leases that publish one of `own`.
   */
  leases(
    kind: EtcdKind,
    own: readonly string[],
  ): Promise<Fact<readonly LeaseRecord[]>> {
    return this.ask(kind, async (store, signal) => {
      const { leases } = await store.readLeases(signal, {
        ttlLimit: TTL_LIMIT,
      });
      const wanted = leases.filter(({ ttl, value }) =>
        ttl === TTL_NOT_ASKED &&
        own.some((address) => value.includes(`"${address}"`))
      ).slice(0, TTL_LIMIT);
      const read = await Promise.all(
        wanted.map(({ key }) => store.readLease(key, signal)),
      );
      const known = new Map(
        read.flatMap((r) => r === null ? [] : [[r.key, r]]),
      );
      return leases.map((record) => known.get(record.key) ?? record);
    });
  }

  /** Configs under other prefixes, through the API given. */
  async nearby(kind: EtcdKind): Promise<ConfigRecord["nearby"]> {
    const others = NEARBY_PREFIXES.filter((prefix) =>
      prefix !== this.options.prefix &&
      // The v2 API adds the slash by itself: the same key as that with it.
      (kind === "etcd-v3" || prefix.startsWith("/"))
    );
    const texts = await Promise.all(
      others.map((prefix) => this.config(kind, prefix)),
    );
    return others.flatMap((prefix, index) => {
      const text = valueOf(texts[index] ?? unknown(""));
      return text ? [{ key: `${prefix}/config`, text: maskText(text) }] : [];
    });
  }

  [Symbol.dispose](): void {
    for (const store of this.#opened) store.close();
  }
}

type Configs = Readonly<Record<EtcdKind, Fact<string | null>>>;

/** The API whose config is there, when nothing else tells which one is read. */
export function chooseApi(
  configs: Configs,
  fallback: EtcdKind,
): { readonly kind: EtcdKind; readonly source: string } {
  const holds = (kind: EtcdKind) => (valueOf(configs[kind]) ?? null) !== null;
  if (holds("etcd-v3") !== holds("etcd-v2")) {
    const kind = holds("etcd-v3") ? "etcd-v3" : "etcd-v2";
    return { kind, source: `the config is in etcd's ${kind.slice(5)} API` };
  }
  return { kind: fallback, source: "default" };
}

/**
 * Reads config and leases, and asks every endpoint for its health, all at
 * once. Nothing here throws; a store that cannot be reached makes its facts
 * unknown, each with the reason.
 *
 * @param deadlineMs of everything asked of a store, milliseconds
 * @param own addresses of this host: of leases that publish one, the TTL is read
 */
export async function collectStore(
  discovery: Discovery,
  open: OpenStore,
  deadlineMs = STORE_MS,
  own: readonly string[] = [],
): Promise<StoreFacts> {
  const kind = discovery.settings.store.value;
  if (kind === "kubernetes") {
    // Kubernetes' client and YAML are loaded only where they are needed.
    const { collectKubernetes } = await import("./collect_kubernetes.ts");
    return await collectKubernetes(discovery, deadlineMs);
  }
  const found = await collectEtcd(discovery, kind, open, deadlineMs, own);
  const isEtcd = (valueOf(found.configRecord)?.text ?? null) !== null;
  const isShells = discovery.isOpen && !isEtcd && Deno.env.has("KUBECONFIG");
  if (!isShells) return found;
  const { collectByKubeconfig } = await import("./collect_by_kubeconfig.ts");
  const hostname = valueOf(readHost())?.hostname ?? "";
  const host = { hostname, addresses: own };
  return await collectByKubeconfig(discovery, deadlineMs, host) ?? found;
}

async function collectEtcd(
  discovery: Discovery,
  kind: EtcdKind,
  open: OpenStore,
  deadlineMs: number,
  own: readonly string[],
): Promise<StoreFacts> {
  const { settings } = discovery;
  const mine = [...own, settings.publicIP.value, settings.publicIPv6.value]
    .filter((address) => address !== "");
  using etcd = new EtcdCollection(open, etcdOptions(discovery), deadlineMs);
  const early = discovery.storeDecided ? etcd.leases(kind, mine) : null;
  const [endpoints, v2, v3] = await Promise.all([
    etcd.health(kind),
    etcd.config("etcd-v2"),
    etcd.config("etcd-v3"),
  ]);
  const configs: Configs = { "etcd-v2": v2, "etcd-v3": v3 };
  const chosen = discovery.storeDecided
    ? { kind, source: settings.store.source }
    : chooseApi(configs, kind);
  const text = configs[chosen.kind];
  const [leaseRecords, nearby, health] = await Promise.all([
    early ?? etcd.leases(chosen.kind, mine),
    valueOf(text) === null ? etcd.nearby(chosen.kind) : [],
    // Each API has users of its own.
    chosen.kind === kind ? endpoints : etcd.health(chosen.kind),
  ]);
  return {
    settings: withStore(settings, chosen.kind, chosen.source),
    endpoints: health,
    leaseRecords,
    configRecord: isKnown(text)
      ? known({
        key: `${settings.etcdPrefix.value}/config`,
        text: text.known === null ? null : maskText(text.known),
        otherApi: masked(configs[OTHER[chosen.kind]]),
        nearby,
      })
      : text,
  };
}

function masked(fact: Fact<string | null>): Fact<string | null> {
  const text = valueOf(fact);
  return text ? known(maskText(text)) : fact;
}
