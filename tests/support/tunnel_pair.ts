/**
 * Two hosts of a udp network, each with a bridge and one container.
 *
 * @module
 */
import {
  startUdpProxy,
  type UdpProxy,
  type UdpProxyOptions,
} from "../../agent/udp/udp_proxy.ts";
import { TestNetns } from "./netns.ts";

/** What a host's tunnel is, without the host itself. */
export type TunnelSettings = Partial<UdpProxyOptions>;

/** One host of the pair. */
export interface TunnelHost {
  readonly netns: TestNetns;
  readonly container: TestNetns;
  /** On the wire, `192.168.77.1`. */
  readonly address: string;
  /** `10.77.1.0/24` */
  readonly subnet: string;
  /** Address of the bridge, `10.77.1.1`; the container has `10.77.1.2`. */
  readonly inside: string;
  readonly containerAddress: string;
}

/** The hosts; their tunnels are started apart, and closed with the pair. */
export class TunnelPair implements AsyncDisposable {
  readonly #stack = new DisposableStack();
  readonly #proxies: UdpProxy[] = [];
  readonly one: TunnelHost;
  readonly two: TunnelHost;

  constructor() {
    using building = new DisposableStack();
    const [one, two] = [0, 1].map(() =>
      building.use(new TestNetns("link set lo up"))
    ) as [TestNetns, TestNetns];
    one.ip(`link add eth0 type veth peer name eth0 netns ${two.name}`);
    this.one = makeHost(building, one, 1);
    this.two = makeHost(building, two, 2);
    this.#stack.use(building.move());
  }

  /** Starts a host's tunnel, without peers. */
  async start(
    host: TunnelHost,
    settings: TunnelSettings = {},
  ): Promise<UdpProxy> {
    const proxy = await startUdpProxy({
      network: "10.77.0.0/16",
      subnet: host.subnet,
      interfaceAddress: host.address,
      mtu: 1472,
      netns: host.netns.name,
      ...settings,
    });
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Starts both tunnels, each the other's peer. */
  async connect(
    settings: TunnelSettings = {},
  ): Promise<readonly [UdpProxy, UdpProxy]> {
    const one = await this.start(this.one, settings);
    const two = await this.start(this.two, settings);
    one.setPeers([peerOf(this.two)]);
    two.setPeers([peerOf(this.one)]);
    return [one, two];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const proxy of this.#proxies) await proxy.close();
    } finally {
      this.#stack.dispose();
    }
  }
}

/** A host as its peers know it. */
export function peerOf({ subnet, address }: TunnelHost) {
  return { subnet, publicIP: address };
}

function makeHost(
  stack: DisposableStack,
  netns: TestNetns,
  number: number,
): TunnelHost {
  const address = `192.168.77.${number}`;
  const inside = `10.77.${number}.1`;
  const containerAddress = `10.77.${number}.2`;
  const container = stack.use(new TestNetns("link set lo up"));
  netns.ip(
    `address add ${address}/24 dev eth0`,
    "link set eth0 up",
    "link add docker0 type bridge",
    `address add ${inside}/24 dev docker0`,
    `link add pod0 mtu 1472 type veth peer name eth0 mtu 1472 netns ${container.name}`,
    "link set pod0 master docker0 up",
    "link set docker0 up",
  );
  netns.exec("sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
  container.ip(
    `address add ${containerAddress}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${inside}`,
  );
  return {
    netns,
    container,
    address,
    inside,
    containerAddress,
    subnet: `10.77.${number}.0/24`,
  };
}
