import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { eventually } from "../tests/support/agents.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import type { UdpPeer } from "./udp/peer_table.ts";
import type { UdpProxy, UdpProxyOptions } from "./udp/udp_proxy.ts";
import { UdpPath } from "./udp_path.ts";

function lease(key: string, PublicIP: string): Lease {
  const value = JSON.stringify({ PublicIP });
  return parseLease({ key, value, ttl: 60 }) as Lease;
}

const OWN = lease("10.5.1.0-24", "192.168.1.10");

/** Proxies that move nothing, and can be made to fail. */
class FakeProxies {
  readonly started: UdpProxyOptions[] = [];
  readonly peers: UdpPeer[][] = [];
  device = "flannel0";
  refuse: string | null = null;
  open = 0;
  fail: (error: Error) => void = () => {};

  readonly start = (options: UdpProxyOptions): Promise<UdpProxy> => {
    if (this.refuse !== null) return Promise.reject(new Error(this.refuse));
    this.started.push(options);
    this.open++;
    const done = Promise.withResolvers<void>();
    done.promise.catch(() => {});
    this.fail = done.reject;
    let isOpen = true;
    return Promise.resolve({
      device: this.device,
      done: done.promise,
      setPeers: (peers) => void this.peers.push([...peers]),
      counters: () => {
        throw new Error("not counted here");
      },
      close: () => {
        if (isOpen) this.open--;
        isOpen = false;
        done.resolve();
        return Promise.resolve();
      },
    });
  };
}

function setUp() {
  const proxies = new FakeProxies();
  const log = quietLog();
  const stop = new AbortController();
  const path = new UdpPath({
    own: OWN,
    log,
    config: parseNetworkConfig(
      '{"Network":"10.5.0.0/16","Backend":{"Type":"udp","Port":9285}}',
    ).config!,
    node: {
      device: "eth0",
      deviceMtu: 1500,
      address: "192.168.1.10",
      ipv6Address: null,
      publicIP: "203.0.113.7",
      publicIPv6: null,
      lease: OWN,
    },
    startProxy: proxies.start,
  });
  return { proxies, log, stop, path };
}

Deno.test("UdpPath starts a proxy and follows the leases", async () => {
  const { proxies, stop, path } = setUp();
  assert.equal(path.problems.length, 1);
  await path.start();
  assert.deepEqual(path.problems, []);
  const { onEvent: _, ...options } = proxies.started[0]!;
  assert.deepEqual(options, {
    network: "10.5.0.0/16",
    subnet: "10.5.1.0/24",
    mtu: 1472,
    interfaceAddress: "192.168.1.10",
    port: 9285,
  });
  const running = path.run(stop.signal);
  path.update(OWN, () => [lease("10.5.2.0-24", "192.168.1.11")]);
  path.update(OWN, () => [
    lease("10.5.2.0-24", "192.168.1.11"),
    lease("10.5.3.0-24", "0.0.0.0"),
  ]);
  await eventually(() => proxies.peers.length, (count) => count === 2);
  assert.deepEqual(proxies.peers[1], [
    { subnet: "10.5.2.0/24", publicIP: "192.168.1.11" },
  ]);
  stop.abort();
  await running;
  assert.equal(proxies.open, 0);
});

Deno.test("UdpPath begins anew with another subnet, peers included", async () => {
  const { proxies, stop, path } = setUp();
  await path.start();
  const running = path.run(stop.signal);
  const peers = () => [lease("10.5.2.0-24", "192.168.1.11")];
  path.update(OWN, peers);
  await eventually(() => proxies.peers.length, (count) => count === 2);
  path.update(lease("10.5.9.0-24", "192.168.1.10"), peers);
  await eventually(() => proxies.started.length, (count) => count === 2);
  assert.equal(proxies.started[1]!.subnet, "10.5.9.0/24");
  await eventually(() => proxies.peers.at(-1)!.length, (count) => count === 1);
  assert.equal(proxies.open, 1);
  stop.abort();
  await running;
});

Deno.test("UdpPath starts a proxy that failed again, and says so", async () => {
  const { proxies, stop, path, log } = setUp();
  await path.start();
  const running = path.run(stop.signal);
  proxies.refuse = "still broken";
  proxies.fail(new Error("broken"));
  await eventually(
    () => path.problems[0] ?? "",
    (text) => text.endsWith("still broken"),
  );
  proxies.refuse = null;
  await eventually(() => path.problems.length, (count) => count === 0);
  assert.equal(proxies.open, 1);
  assert.equal(log.lines.filter((line) => line.startsWith("E ")).length, 2);
  stop.abort();
  await running;
  assert.equal(proxies.open, 0);
});

Deno.test("UdpPath.start() refuses another device than flannel0", async () => {
  const { proxies, path } = setUp();
  proxies.device = "flannel1";
  await assert.rejects(() => path.start(), /there is one already/);
  assert.equal(proxies.open, 0);
});
