/**
 * Keeps the udp backend's packet path up.
 *
 * @module
 */
import { UDP_DEVICE } from "../flannel/expected_udp.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { flannelMtu } from "../flannel/mtu.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { Backoff } from "../stores/backoff.ts";
import {
  BackendError,
  type DataPath,
  type DataPathContext,
} from "./backends/backend.ts";
import type { UdpCounters } from "./udp/counters.ts";
import type { UdpPeer } from "./udp/peer_table.ts";
import { startUdpProxy, type UdpProxy } from "./udp/udp_proxy.ts";

/** Options of {@linkcode UdpPath}. */
export interface UdpPathOptions extends DataPathContext {
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  /** Makes a proxy. @default startUdpProxy */
  readonly startProxy?: typeof startUdpProxy;
}

/** A proxy that lasted so long was a good one, milliseconds. */
const STEADY_MS = 60_000;

/** Peers that packets can be sent to; their backend type is not looked at. */
function udpPeers(leases: readonly Lease[]): UdpPeer[] {
  return leases.flatMap(({ subnet, attributes: { publicIP } }) =>
    subnet === null || publicIP === "0.0.0.0" ? [] : [{ subnet, publicIP }]
  );
}

/** One proxy after the other: it ends with its subnet, or when it fails. */
export class UdpPath implements DataPath {
  readonly #options: UdpPathOptions;
  #own: Lease;
  #peers: readonly UdpPeer[] = [];
  #proxy: UdpProxy | null = null;
  #problem: string | null = "The packet path has not been started yet";
  /** Ends the proxy that is there. */
  #end = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: UdpPathOptions) {
    this.#options = options;
    this.#own = options.own;
  }

  get problems(): readonly string[] {
    return this.#problem === null ? [] : [this.#problem];
  }

  get counters(): UdpCounters | null {
    return this.#proxy?.counters() ?? null;
  }

  update(own: Lease, peers: () => readonly Lease[]): void {
    // Leases that come in one go are told in one go.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#peers = udpPeers(peers());
      this.#proxy?.setPeers(this.#peers);
    }, 0);
    if (own.subnet === this.#own.subnet) return;
    this.#own = own;
    this.#end.resolve();
  }

  async start(): Promise<void> {
    const { config, node, log, netns } = this.#options;
    const { startProxy = startUdpProxy } = this.#options;
    const port = config.udpPort;
    this.#end = Promise.withResolvers();
    const proxy = await startProxy({
      network: config.ipv4!.network,
      subnet: this.#own.subnet!,
      mtu: flannelMtu(config, node.deviceMtu)!,
      interfaceAddress: node.address!,
      ...port === undefined ? {} : { port },
      ...netns === undefined ? {} : { netns },
      onEvent: ({ message }) => log.warning(message),
    });
    if (proxy.device !== UDP_DEVICE) {
      await proxy.close();
      throw new BackendError(
        `Cannot make ${UDP_DEVICE}: there is one already, perhaps of a flanneld or of another network`,
      );
    }
    this.#proxy = proxy;
    this.#problem = null;
    proxy.setPeers(this.#peers);
    log.info(`Packets pass through ${proxy.device}`, { port });
  }

  async run(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#end.resolve();
    signal.addEventListener("abort", onAbort);
    const backoff = new Backoff(500, 30_000);
    let started = Infinity;
    try {
      while (!signal.aborted) {
        try {
          if (this.#proxy === null) await this.start();
          if (signal.aborted) return;
          started = performance.now();
          await Promise.race([this.#proxy!.done, this.#end.promise]);
        } catch (error) {
          if (performance.now() - started > STEADY_MS) backoff.reset();
          const text = error instanceof Error ? error.message : String(error);
          this.#problem = `The packet path of the udp backend failed: ${text}`;
          this.#options.log.error(`${this.#problem}; it is started again`);
          await this.#close();
          await backoff.wait(signal);
        }
        await this.#close();
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(this.#timer);
      this.#timer = undefined;
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    const proxy = this.#proxy;
    this.#proxy = null;
    await proxy?.close();
  }
}
