/**
 * Holds against the kernel what `tunnel_marks.ts` says of vxlan: marks go
 * through it in both directions, conntrack's state does not.
 */
import "../../tests/support/preload.ts";
import assert from "node:assert/strict";
import { needs } from "../../tests/support/needs.ts";
import { runProgram } from "../program.ts";
import { TestNetns } from "../../tests/support/netns.ts";

const SENDER = `table ip t {
  chain inside {
    type filter hook output priority -300
    oifname "f.1" notrack
  }
  chain marked {
    type filter hook postrouting priority 0
    oifname "f.1" meta mark set 7
  }
  chain around {
    type filter hook output priority 0
    udp dport 8472 meta mark 7 ct state new counter
  }
}`;

const RECEIVER = `table ip t {
  chain around {
    type filter hook input priority 0
    udp dport 8472 meta mark set 9
  }
  chain inside {
    type filter hook input priority 1
    iifname "f.1" meta mark 9 counter
  }
}`;

function vxlan(netns: TestNetns, own: number, peer: number): void {
  netns.ip(
    `address add 10.9.0.${own}/24 dev eth0`,
    "link set eth0 up",
    `link add f.1 type vxlan id 1 dstport 8472 local 10.9.0.${own} remote 10.9.0.${peer} dev eth0`,
    `address add 10.8.0.${own}/24 dev f.1`,
    "link set f.1 up",
  );
}

function counted(netns: TestNetns, chain: string): number {
  const text = netns.exec("nft", "list", "chain", "ip", "t", chain);
  return Number(/packets (\d+)/.exec(text)?.[1]);
}

Deno.test({
  name: "a mark goes through vxlan, the state of a connection does not",
  ...needs({ netns: true, programs: ["nft", "bash"] }),
  async fn() {
    using one = new TestNetns("link set lo up");
    using two = new TestNetns("link set lo up");
    one.ip(`link add eth0 type veth peer name eth0 netns ${two.name}`);
    vxlan(one, 1, 2);
    vxlan(two, 2, 1);
    for (
      const [{ name: netns }, stdin] of [[one, SENDER], [
        two,
        RECEIVER,
      ]] as const
    ) {
      await runProgram("nft", ["-f", "-"], { netns, stdin });
    }
    for (let sent = 0; sent < 20; sent++) {
      one.exec("bash", "-c", "echo > /dev/udp/10.8.0.2/999; sleep 0.05");
      if (counted(two, "inside") > 0) break;
    }
    assert.ok(counted(one, "around") > 0, "around");
    assert.ok(counted(two, "inside") > 0, "inside");
  },
});
