/**
 * `flandoc run --snat` beside a real Docker that is restarted.
 */
import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { labDown } from "../lab/down.ts";
import { type Lab, labExec } from "../lab/lab.ts";
import { labUp } from "../lab/up.ts";
import { eventually } from "../tests/support/agents.ts";
import { needs } from "../tests/support/needs.ts";

const SCOPED =
  "-A POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";

/** Makes the host one whose only iptables is the legacy one. */
const LEGACY = `
  set -e
  service flanneld stop
  service docker stop
  nft flush ruleset
  mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi
  iptables --version | grep -q legacy
  service docker start
  service flanneld start
`;

async function sh(lab: Lab, script: string): Promise<string> {
  const { code, stdout, stderr } = await labExec(lab, "node-1", [
    "sh",
    "-c",
    script,
  ]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Docker's rules of the nat table. */
async function dockers(lab: Lab): Promise<string[]> {
  const text = await sh(lab, "iptables-save -t nat");
  return text.split("\n").filter((line) =>
    line.startsWith("-A POSTROUTING") && line.includes("docker0")
  );
}

const KINDS: [string, string][] = [
  ["iptables-nft", ""],
  ["iptables-legacy", LEGACY],
  ["nftables for flannel", ""],
];

for (const [name, script] of KINDS) {
  const nftables = name.startsWith("nftables");
  Deno.test({
    name: `runAgent() scopes Docker's rule when Docker restarts: ${name}`,
    ...needs({
      netns: true,
      programs: ["etcd", "dockerd", "docker", "nft", "iptables-legacy"],
    }),
    async fn() {
      const lab = `fd-${crypto.randomUUID().slice(0, 8)}`;
      try {
        const up = await labUp({
          name: lab,
          hosts: 1,
          containers: "docker",
          agent: "flandoc",
          // Only what the kernel tells, or legacy iptables shows, can help.
          agentFlags: ["--snat", "--iptables-resync=3600"],
          ...nftables
            ? {
              config: JSON.stringify({
                Network: "172.7.0.0/16",
                EnableNFTables: true,
                Backend: { Type: "host-gw" },
              }),
            }
            : {},
        });
        if (script !== "") await sh(up, script);
        const isScoped = (rules: readonly string[]) => rules.join() === SCOPED;
        await eventually(() => dockers(up), isScoped);
        for (let round = 0; round < 2; round++) {
          await sh(up, "service docker restart");
          await eventually(() => dockers(up), isScoped, 30_000);
        }
        const own = await sh(
          up,
          nftables
            ? "nft list table ip flannel-ipv4"
            : "iptables-save -t filter | grep FLANNEL-FWD",
        );
        assert.match(own, /172\.7\.0\.0\/16/);
      } finally {
        await labDown(lab);
      }
    },
  });
}
