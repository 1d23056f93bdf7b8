/**
 * The udp backend's throughput beside host-gw's, between the same two network
 * namespaces.
 *
 * @module
 */
import { startUdpProxy, type UdpProxy } from "../agent/udp/udp_proxy.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { median } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const ROUNDS = 3;
const SECONDS = 2;
/** Three times what flanneld's C proxy carries of host-gw's throughput. */
const GOAL = 0.075;
const MTU = 1472;

/** One host of the two. */
interface Host {
  readonly netns: TestNetns;
  /** On the wire. */
  readonly address: string;
  readonly subnet: string;
  /** An address of the subnet. */
  readonly inside: string;
}

/** Measures one TCP connection through the tunnel and beside it. */
export async function benchUdp(): Promise<BenchRow[]> {
  using one = new TestNetns("link set lo up");
  using two = new TestNetns("link set lo up");
  one.ip(`link add eth0 type veth peer name eth0 netns ${two.name}`);
  const hosts = [host(one, 1), host(two, 2)] as const;
  const direct: number[] = [];
  const tunnel: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    direct.push(await throughHostGw(hosts));
    tunnel.push(await throughUdp(hosts));
  }
  const [ours, peer] = [median(tunnel), median(direct)];
  const ratio = ours / peer;
  return [{
    name: "udp: throughput of one TCP connection",
    ours: gigabits(ours),
    peer: `host-gw ${gigabits(peer)}`,
    ratio,
    goal: `≥ ${GOAL}×`,
    met: ratio >= GOAL,
  }];
}

function host(netns: TestNetns, number: number): Host {
  const address = `192.168.77.${number}`;
  const inside = `10.77.${number}.1`;
  netns.ip(
    `address add ${address}/24 dev eth0`,
    "link set eth0 up",
    "link add docker0 type bridge",
    `address add ${inside}/24 dev docker0`,
    "link set docker0 up",
  );
  return { netns, address, inside, subnet: `10.77.${number}.0/24` };
}

async function throughHostGw([one, two]: readonly [Host, Host]) {
  const routes = [[one, two], [two, one]] as const;
  for (const [from, to] of routes) {
    from.netns.ip(`route add ${to.subnet} via ${to.address}`);
  }
  try {
    return await iperf(one, two);
  } finally {
    for (const [from, to] of routes) from.netns.ip(`route del ${to.subnet}`);
  }
}

async function throughUdp([one, two]: readonly [Host, Host]) {
  const proxies: UdpProxy[] = [];
  try {
    for (const [from, to] of [[one, two], [two, one]] as const) {
      const proxy = await startUdpProxy({
        network: "10.77.0.0/16",
        subnet: from.subnet,
        interfaceAddress: from.address,
        mtu: MTU,
        netns: from.netns.name,
      });
      proxies.push(proxy);
      proxy.setPeers([{ subnet: to.subnet, publicIP: to.address }]);
    }
    return await iperf(one, two);
  } finally {
    for (const proxy of proxies) await proxy.close();
  }
}

/** Bits a second from one host's subnet to the other's. */
async function iperf(from: Host, to: Host): Promise<number> {
  const server = inside(to, ["-s", "-1", "-B", to.inside]).spawn();
  try {
    await listening(to);
    const output = await inside(from, [
      ...["-c", to.inside, "-B", from.inside],
      ...["-t", String(SECONDS), "-J"],
    ]).output();
    const result = JSON.parse(new TextDecoder().decode(output.stdout));
    if (result.error !== undefined) {
      throw new Error(`Cannot measure: iperf3 said: ${result.error}`);
    }
    return result.end.sum_received.bits_per_second;
  } finally {
    try {
      server.kill();
    } catch {
      // It ends after one client.
    }
    await server.status;
  }
}

function inside({ netns }: Host, args: readonly string[]): Deno.Command {
  return new Deno.Command("ip", {
    args: ["netns", "exec", netns.name, "iperf3", ...args],
    stdout: "piped",
    stderr: "null",
  });
}

/** Waits for the server's port. */
async function listening({ netns }: Host): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (netns.exec("ss", "-Hltn", "sport = :5201") !== "") return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("Cannot measure: iperf3 does not listen");
}

function gigabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
}
