/**
 * `flandoc fix` and `flandoc undo` by their command line, on hosts of a lab:
 * real Docker, both iptables, the kernel's routes and settings.
 *
 * @module
 */
import "../support/preload.ts";
import assert from "node:assert/strict";
import { DROP_IN_NAME } from "../../fixes/drop_in.ts";
import {
  type Lab,
  labDown,
  labExec,
  type LabRequest,
  labUp,
  onInterrupt,
} from "../../lab/mod.ts";
import { needs } from "../support/needs.ts";
import type { ReportDocument } from "../support/report.ts";

const PROGRAMS = ["etcd", "etcdctl", "iptables", "nft", "ip", "nsenter"];

const NETWORK = "172.7.0.0/16";
const UNSCOPED = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = `-s 172.7.21.0/24 ! -d ${NETWORK} ! -o docker0 -j MASQUERADE`;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One host of a lab, as somebody who is logged in there sees it. */
class Host {
  constructor(readonly lab: Lab) {}

  /** Runs a shell script that has to succeed; answers its output. */
  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run("sh", "-euc", script);
    assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout;
  }

  run(...argv: string[]): Promise<Run> {
    return labExec(this.lab, "node-1", argv);
  }

  flandoc(words: string): Promise<Run> {
    return this.run("flandoc", ...words.split(" "));
  }

  /** Runs flandoc and checks its exit status; answers its standard output. */
  async expect(code: number, words: string): Promise<string> {
    const end = await this.flandoc(words);
    assert.equal(end.code, code, `${words}\n${end.stdout}${end.stderr}`);
    return end.stdout;
  }

  async verdict(code: string): Promise<string | undefined> {
    const { stdout } = await this.flandoc("check -o json");
    const report: ReportDocument = JSON.parse(stdout);
    return report.checks.find((check) => check.code === code)?.verdict;
  }

  /** What undo has to bring back, as the tools print it. */
  state(): Promise<string> {
    return this.sh(`
      ip -4 -d route show table all | sed 's/ *$//' | sort
      iptables-nft-save | sed '/^#/d; s/ \\[.*//'
      if [ -n "$(cat /proc/net/ip_tables_names)" ]; then
        iptables-legacy-save | sed '/^#/d; s/ \\[.*//'
      fi
      sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf.*[.](forwarding|rp_filter|accept_redirects)) ' | grep -v '[.]veth'
      find /etc/systemd/system /etc/sysctl.d | sort
    `);
  }

  async postrouting(): Promise<string[]> {
    const text = await this.sh("iptables-nft-save -t nat");
    return text.split("\n").filter((line) => /^-A POSTROUTING/.test(line))
      .map((line) => line.replace("-A POSTROUTING ", ""));
  }
}

async function withHost(
  request: LabRequest,
  work: (host: Host) => Promise<void>,
): Promise<void> {
  const name = `fix-${crypto.randomUUID().slice(0, 8)}`;
  try {
    const lab = await onInterrupt((signal) =>
      labUp({ agent: "none", ...request, name }, { signal })
    );
    await work(new Host(lab));
  } finally {
    await labDown(name);
  }
}

const DIRECTORY = "/etc/systemd/system/docker.service.d";

/**
 * Lets the host look as if systemd had started Docker: its unit, the group its
 * process is in, and a systemctl that notes whether the drop-in was there.
 */
async function pretendSystemd(host: Host): Promise<void> {
  await host.sh(`
    mkdir -p /run/systemd/system
    printf '[Service]\\nType=notify\\nExecStart=/usr/sbin/dockerd\\n' \\
      >/etc/systemd/system/docker.service
    printf '#!/bin/sh\\n[ -e ${DIRECTORY}/${DROP_IN_NAME} ] && echo "$@: there" >>/run/systemctl.log || echo "$@: gone" >>/run/systemctl.log\\n' \\
      >/opt/flannel/systemctl
    chmod +x /opt/flannel/systemctl
    for root in /sys/fs/cgroup/systemd /sys/fs/cgroup; do
      [ ! -e $root/cgroup.procs ] || break
    done
    group=$root/flandoc-lab.${host.lab.name}.node-1/docker.service
    mkdir -p $group
    cat /run/docker.pid >$group/cgroup.procs
  `);
}

/** Runs the drop-in's commands as systemd does after Docker has started. */
async function startedByDropIn(host: Host): Promise<void> {
  await host.sh("/etc/init.d/docker restart");
  const text = await host.sh(`cat ${DIRECTORY}/${DROP_IN_NAME}`);
  const commands = text.split("\n").flatMap((line) =>
    /^ExecStartPost=-\/bin\/sh -c "(.*)"$/.exec(line)?.[1] ?? []
  );
  assert.equal(commands.length, 2, text);
  for (const command of commands) await host.run("/bin/sh", "-c", command);
}

Deno.test({
  name: "fix and undo beside a real Docker",
  ...needs({ netns: true, programs: [...PROGRAMS, "dockerd", "docker"] }),
  fn: (t) =>
    withHost({ containers: "docker" }, async (host) => {
      await t.step(
        "a dry run shows the commands and changes nothing",
        async () => {
          const before = await host.state();
          const said = await host.expect(1, "fix --snat --dry-run");
          assert.match(
            said,
            new RegExp(`iptables -t nat -I .* ! -d ${NETWORK}`),
          );
          assert.equal(await host.state(), before);
        },
      );
      await t.step("--snat scopes the rule, once", async () => {
        const said = await host.expect(0, "fix --snat --yes");
        assert.match(said, /Repaired: FD601\./);
        assert.deepEqual(await host.postrouting(), [SCOPED]);
        const again = await host.expect(0, "fix --snat --yes");
        assert.equal(again, "Nothing to repair.\n");
      });
      await t.step(
        "undo after Docker's restart says what to type, and leaves all",
        async () => {
          await host.sh("/etc/init.d/docker restart");
          assert.deepEqual(await host.postrouting(), [UNSCOPED, SCOPED]);
          const before = await host.state();
          const said = await host.expect(1, "undo --yes");
          assert.match(said, /nothing was changed/);
          assert.ok(
            said.includes(`    iptables -t nat -D POSTROUTING ${SCOPED}\n`),
            said,
          );
          assert.equal(await host.state(), before);
        },
      );
      await t.step("--persist without systemd names the agent", async () => {
        const said = await host.expect(1, "fix --snat --persist --yes");
        assert.match(said, /no systemd .* flandoc run --snat/);
        assert.deepEqual(await host.postrouting(), [SCOPED]);
      });
      let before = "";
      await t.step(
        "--persist with systemd holds it over Docker's restart",
        async () => {
          await host.sh("/etc/init.d/docker restart");
          await pretendSystemd(host);
          before = await host.state();
          const said = await host.expect(0, "fix --snat --persist --yes");
          assert.match(
            said,
            /survives Docker's restart, survives a reboot\.\n/,
          );
          assert.equal(await host.verdict("FD610"), "ok");
          await startedByDropIn(host);
          assert.deepEqual(await host.postrouting(), [SCOPED]);
          await startedByDropIn(host);
          assert.deepEqual(await host.postrouting(), [SCOPED]);
        },
      );
      await t.step(
        "undo takes the drop-in, its directory and the rule back",
        async () => {
          await host.expect(0, "undo --yes");
          assert.equal(await host.state(), before);
          assert.deepEqual(
            (await host.sh("cat /run/systemctl.log")).trim().split("\n"),
            ["daemon-reload: there", "daemon-reload: gone"],
          );
        },
      );
    }),
});

/** A stand-in for a program, before it in the host's PATH. */
function standIn(host: Host, program: string, script: string): Promise<string> {
  return host.sh(`
    printf '%s\\n' '#!/bin/sh' '${script}' >/opt/flannel/${program}
    chmod +x /opt/flannel/${program}
  `);
}

async function assertFixAndUndo(
  t: Deno.TestContext,
  host: Host,
  name: string,
  flag: string,
  breaking: string,
  wanted: RegExp,
  restoring: string,
): Promise<void> {
  await t.step(name, async () => {
    await host.sh(breaking);
    const broken = await host.state();
    await host.expect(0, `fix ${flag} --yes`);
    assert.match(await host.state(), wanted);
    await host.expect(0, `fix ${flag} --yes`);
    await host.expect(0, "undo --yes");
    assert.equal(await host.state(), broken);
    await host.sh(restoring);
  });
}

Deno.test({
  name: "fix and undo on the kernel",
  ...needs({
    netns: true,
    programs: [...PROGRAMS, "iptables-legacy", "flock", "sysctl"],
  }),
  fn: (t) =>
    withHost({ containers: "bridge", masquerade: "scoped" }, async (host) => {
      const peer = "172.7.22.0/24 via 172.26.216.12 dev eth0";
      await assertFixAndUndo(
        t,
        host,
        "--routes",
        "--routes",
        `ip route del 172.7.22.0/24
         ip route add 172.7.22.0/24 via 172.26.216.1 proto static metric 7 src 172.26.216.11
         ip route add 172.7.77.0/24 via 172.26.216.12 dev eth0
         ip route add 172.7.21.128/25 via 172.26.216.12 dev eth0`,
        new RegExp(`${peer} table main proto 107`),
        `ip route del 172.7.22.0/24; ip route del 172.7.77.0/24
         ip route del 172.7.21.128/25; ip route add ${peer}`,
      );
      await assertFixAndUndo(
        t,
        host,
        "--sysctl with a device that forwards by itself",
        "--sysctl",
        `sysctl -qw net.ipv4.ip_forward=0
         sysctl -qw net.ipv4.conf.docker0.forwarding=1
         sysctl -qw net.ipv4.conf.all.accept_redirects=0`,
        /zz-flandoc\.conf/,
        "sysctl -qw net.ipv4.ip_forward=1",
      );
      for (const tool of ["iptables-nft", "iptables-legacy"]) {
        await assertFixAndUndo(
          t,
          host,
          `--forward in ${tool}`,
          "--forward",
          `iptables-nft -D FORWARD -s ${NETWORK} -j ACCEPT
           iptables-nft -D FORWARD -d ${NETWORK} -j ACCEPT
           ${tool} -P FORWARD DROP`,
          new RegExp(`-A FORWARD -s ${NETWORK} -j ACCEPT`),
          `${tool} -P FORWARD ACCEPT
           iptables-nft -A FORWARD -s ${NETWORK} -j ACCEPT
           iptables-nft -A FORWARD -d ${NETWORK} -j ACCEPT`,
        );
      }
      await t.step("a step that fails takes those before it back", async () => {
        await host.sh(`
          sysctl -qw net.ipv4.ip_forward=0
          iptables-nft -t nat -I POSTROUTING ${UNSCOPED}
        `);
        await standIn(
          host,
          "iptables-nft-restore",
          'echo "broken pipe" >&2; exit 4',
        );
        const before = await host.state();
        const said = await host.expect(1, "fix --sysctl --snat --yes");
        assert.match(said, /Cannot repair: .*broken pipe/);
        assert.match(said, /has been taken back/);
        assert.equal(await host.state(), before);
      });
      await t.step(
        "a repair killed between the kernel and the journal can be undone",
        async () => {
          await standIn(
            host,
            "iptables-nft-restore",
            'case "$1" in --version) exec /usr/sbin/iptables-nft-restore "$@";; esac; /usr/sbin/iptables-nft-restore "$@"; kill -9 $PPID',
          );
          const before = await host.state();
          const killed = await host.flandoc("fix --sysctl --snat --yes");
          assert.equal(killed.code, 137, killed.stdout + killed.stderr);
          assert.deepEqual(await host.postrouting(), [SCOPED]);
          await host.sh("rm /opt/flannel/iptables-nft-restore");
          await host.expect(0, "undo --yes");
          assert.equal(await host.state(), before);
          await host.sh(`
          sysctl -qw net.ipv4.ip_forward=1
          iptables-nft -t nat -D POSTROUTING ${UNSCOPED}
        `);
        },
      );
      await t.step("one at a time", async () => {
        await host.sh("ip route del 172.7.22.0/24");
        const { code, stdout, stderr } = await host.run(
          ..."flock /var/lib/flandoc/lock flandoc fix --routes --yes".split(
            " ",
          ),
        );
        assert.equal(code, 3, stdout + stderr);
        assert.match(stderr, /^Cannot repair: another flandoc /m);
      });
      await t.step("no journal, no repair", async () => {
        const { code, stdout, stderr } = await host.run(
          ..."env FLANDOC_STATE_DIR=/proc/none flandoc fix --routes --yes"
            .split(" "),
        );
        assert.equal(code, 3, stdout + stderr);
        assert.match(stderr, /cannot be kept in "\/proc\/none": /);
        assert.equal(stderr.trim().split("\n").length, 1);
      });
      await t.step("without --yes and a terminal nobody agreed", async () => {
        const before = await host.state();
        assert.match(
          await host.expect(1, "fix --routes"),
          /Nothing was changed/,
        );
        assert.equal(await host.state(), before);
      });
      await t.step("a dry run without rights tells what it can", async () => {
        const { code, stdout, stderr } = await host.run(
          ..."unshare --user flandoc fix --dry-run".split(" "),
        );
        assert.equal(code, 1, stdout + stderr);
        assert.match(stdout, /ip route add 172\.7\.22\.0\/24/);
        assert.match(stdout, /FD601 FD602: could not be judged/);
        assert.doesNotMatch(stdout + stderr, /\.ts:\d/);
      });
      await t.step("in Chinese", async () => {
        const said = await host.expect(1, "fix --routes --dry-run --lang zh");
        assert.match(said, /^将要修改\n {2}FD401 --routes\n/);
      });
      await t.step("undo of an unknown id is wrong usage", async () => {
        const { code, stderr } = await host.flandoc("undo 19990101 --yes");
        assert.equal(code, 2);
        assert.match(stderr, /^Cannot undo "19990101"/);
      });
    }),
});

const DUAL_STACK = JSON.stringify({
  Network: NETWORK,
  EnableIPv6: true,
  IPv6Network: "fd07::/48",
  Backend: { Type: "host-gw" },
});

/** Gives the lab's hosts and node-1 what a network of both families has. */
async function makeDualStack(host: Host): Promise<void> {
  await host.sh(`
    export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://172.26.216.2:2379
    for n in 1 2; do
      etcdctl del /coreos.com/network/subnets/172.7.2$n.0-24
      etcdctl put "/coreos.com/network/subnets/172.7.2$n.0-24&fd07:0:0:2$n::-64" \\
        "{\\"PublicIP\\":\\"172.26.216.1$n\\",\\"PublicIPv6\\":\\"fd01::1$n\\",\\"BackendType\\":\\"host-gw\\"}"
    done
    sysctl -qw net.ipv6.conf.all.disable_ipv6=0
    ip address add fd01::11/64 dev eth0 nodad
    ip address add fd07:0:0:21::1/64 dev docker0 nodad
    ip route add fd07:0:0:22::/64 via fd01::12 dev eth0
  `);
}

Deno.test({
  name: "fix and undo of IPv6's rules",
  ...needs({ netns: true, programs: [...PROGRAMS, "ip6tables"] }),
  fn: (t) =>
    withHost({ etcd: { api: "v3" }, config: DUAL_STACK }, async (host) => {
      await makeDualStack(host);
      const rules = () => host.sh("ip6tables-save | sed '/^#/d; s/ \\[.*//'");
      await t.step("nothing is wrong", async () => {
        assert.equal(await host.verdict("FD601"), "ok");
        assert.equal(await host.verdict("FD606"), "ok");
      });
      await host.sh(`
        ip6tables -t nat -A POSTROUTING -s fd07:0:0:21::/64 ! -o docker0 -j MASQUERADE
        ip6tables -P FORWARD DROP
      `);
      const broken = await rules();
      await t.step("both are found and repaired, once", async () => {
        const said = await host.expect(0, "fix --snat --forward --yes");
        assert.match(said, /Repaired: FD606, FD601\./);
        const lines = (await rules()).split("\n");
        assert.deepEqual(lines.filter((line) => line.startsWith("-A")), [
          "-A FORWARD -s fd07::/48 -j ACCEPT",
          "-A FORWARD -d fd07::/48 -j ACCEPT",
          "-A POSTROUTING -s fd07:0:0:21::/64 ! -d fd07::/48 ! -o docker0 -j MASQUERADE",
        ]);
        const again = await host.expect(0, "fix --snat --forward --yes");
        assert.equal(again, "Nothing to repair.\n");
      });
      await t.step("undo brings the earlier rules back", async () => {
        await host.expect(0, "undo --yes");
        assert.equal(await rules(), broken);
      });
    }),
});
