/**
 * Labs on a real kernel: what comes up, and that nothing is left behind.
 */
import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { labDown } from "./down.ts";
import { type Lab, labExec, openLab } from "./lab.ts";
import { LAB_ROOT, labNames, nodeInit } from "./lab_state.ts";
import { isAlive } from "./process_stat.ts";
import { run } from "./run.ts";
import { labStatus } from "./status.ts";
import { changeCloudRoutes } from "./switch.ts";
import { type LabRequest, labUp } from "./up.ts";
import { waitFor } from "./wait_for.ts";

const LAB = needs({ netns: true, programs: ["etcd", "etcdctl", "busybox"] });
const DOCKER = needs({ netns: true, programs: ["etcd", "dockerd", "openssl"] });
const WEB_1 = "http://172.7.21.2/";
const WEB_2 = "http://172.7.22.2/";

function randomName(): string {
  return `fd-${crypto.randomUUID().slice(0, 8)}`;
}

/** Everything a lab of that name could leave on the machine. */
function traces(name: string): string[] {
  const list = (path: string) => {
    try {
      return [...Deno.readDirSync(path)].map((entry) =>
        `${path}/${entry.name}`
      );
    } catch {
      return [];
    }
  };
  const cgroups = list("/sys/fs/cgroup");
  const mine = [
    ...list("/run/netns"),
    ...list(LAB_ROOT),
    ...cgroups,
    ...cgroups.flatMap(list),
    ...Deno.readTextFileSync("/proc/self/mountinfo").split("\n"),
  ].filter((line) => line.includes(name));
  return mine;
}

async function withLab(
  request: LabRequest,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  const name = randomName();
  try {
    const lab = await labUp({ name, agent: "none", ...request });
    const firsts = lab.plan.nodes.map((node) => nodeInit(lab.plan, node));
    await body(lab);
    assert.equal(await labDown(name), true);
    assert.deepEqual(firsts.filter((each) => each && isAlive(each)), []);
  } finally {
    await labDown(name);
  }
  assert.deepEqual(traces(name), []);
}

/** The page that a node's container gets, or what wget complains of. */
async function fetchFrom(
  lab: Lab,
  node: string,
  url: string,
  seconds = 30,
): Promise<string> {
  const limit = ["busybox", "timeout", String(seconds)];
  const wget = [...limit, "busybox", "wget", "-qO-", url];
  const enter = lab.plan.spec.containers === "docker"
    ? ["docker", "exec", "web"]
    : ["nsenter", "--net=/run/netns/web"];
  const { stdout, stderr } = await labExec(lab, node, [...enter, ...wget]);
  return stdout || stderr;
}

async function webLog(lab: Lab, node: string): Promise<string> {
  const argv = lab.plan.spec.containers === "docker"
    ? ["docker", "logs", "web"]
    : ["cat", "/var/log/web.log"];
  const { stdout, stderr } = await labExec(lab, node, argv);
  return stdout + stderr;
}

Deno.test({
  name: "labUp() makes a host-gw network whose containers reach each other",
  ...LAB,
  async fn() {
    await withLab({}, async (lab) => {
      assert.match(await fetchFrom(lab, "node-1", WEB_2), /web on node-2/);
      assert.match(await webLog(lab, "node-2"), /172\.7\.21\.2\]/);
      const status = await labStatus(openLab(lab.name));
      assert.deepEqual(
        status.nodes.map((node) => [node.name, ...node.services]),
        [["etcd-1", "etcd"], ["node-1", "web"], ["node-2", "web"]],
      );
    });
  },
});

Deno.test({
  name: "labUp() makes each host a machine of its own",
  ...LAB,
  async fn() {
    await withLab({ containers: "none" }, async (lab) => {
      const see = async (node: string, line: string) =>
        (await labExec(lab, node, ["sh", "-c", line])).stdout.trim();
      assert.equal(
        await see("node-1", "cat /proc/sys/kernel/hostname"),
        "node-1",
      );
      assert.equal(
        await see("node-1", "grep -c . /run/flannel/subnet.env"),
        "4",
      );
      assert.equal(
        await see("node-2", "getent hosts node-1 | cut -c-13"),
        "172.26.216.11",
      );
      await see("node-1", "echo x >/etc/docker/daemon.json; echo x >/run/only");
      assert.equal(
        await see("node-2", "ls /etc/docker /run/only 2>&1 | grep -c No"),
        "1",
      );
      assert.equal(await see("node-1", "ls /sys/class/net"), "eth0\nlo");
      const seen = await see("node-1", "cat /proc/[0-9]*/comm | sort -u");
      assert.doesNotMatch(seen, /deno|etcd/);
    });
  },
});

Deno.test({
  name:
    "labUp() makes a vxlan network over TLS and the v3 API on a cloud's switch",
  ...LAB,
  async fn() {
    const config = '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}';
    const etcd = { api: "v3", tls: true, members: 3 } as const;
    await withLab({ config, etcd, cloud: true }, async (lab) => {
      assert.match(await fetchFrom(lab, "node-1", WEB_2), /web on node-2/);
      assert.match(await webLog(lab, "node-2"), /172\.7\.21\.2\]/);
      const argv = [
        "etcdctl",
        "get",
        "--prefix",
        "/coreos.com/network/subnets",
      ];
      const { stdout } = await labExec(lab, "node-2", argv);
      assert.match(stdout, /172\.7\.21\.0-24\n.*"VtepMAC":"02:fd/);
    });
  },
});

Deno.test({
  name: "labUp() makes a cloud that answers ARP for all and drops containers",
  ...LAB,
  async fn() {
    await withLab({ cloud: true }, async (lab) => {
      for (const last of [1, 2, 12, 200]) {
        const address = `172.26.216.${last}`;
        const argv = ["busybox", "arping", "-fc1", "-Ieth0", address];
        const { stdout } = await labExec(lab, "node-1", argv);
        assert.match(stdout, /\[ee:ff:ff:ff:ff:ff\]/, address);
      }
      assert.match(await fetchFrom(lab, "node-1", WEB_2, 2), /Terminated|^$/);
      await changeCloudRoutes(lab.plan, "add");
      assert.match(await fetchFrom(lab, "node-1", WEB_2), /web on node-2/);
    });
  },
});

Deno.test({
  name: "labUp() routes between two segments, vxlan with DirectRouting",
  ...LAB,
  async fn() {
    const config =
      '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan","DirectRouting":true}}';
    await withLab({ config, segments: 2, hosts: 3 }, async (lab) => {
      for (const host of ["2", "3"]) {
        const url = `http://172.7.2${host}.2/`;
        const page = await fetchFrom(lab, "node-1", url);
        assert.match(page, new RegExp(`web on node-${host}`));
      }
    });
  },
});

Deno.test({
  name: "labUp() runs real Docker, which hides containers as the tutorial says",
  ...DOCKER,
  async fn() {
    const etcd = { api: "v2", tls: true } as const;
    await withLab({ containers: "docker", etcd }, async (lab) => {
      assert.match(await fetchFrom(lab, "node-2", WEB_1), /web on node-1/);
      assert.match(await webLog(lab, "node-1"), /172\.26\.216\.12\]/);
      const { stdout } = await labExec(lab, "node-1", ["iptables-save"]);
      assert.match(stdout, /^:FORWARD DROP/m);
      assert.match(
        stdout,
        /-A POSTROUTING -s 172.7.21.0\/24 ! -o docker0 -j MASQ/,
      );
    });
  },
});

Deno.test({
  name: "labUp() refuses a name that is taken, and leaves that lab alone",
  ...LAB,
  async fn() {
    await withLab({ hosts: 1, containers: "none" }, async (lab) => {
      await assert.rejects(labUp({ name: lab.name, hosts: 1 }), {
        message:
          `Cannot create lab "${lab.name}": it exists already, "flandoc lab down --name ${lab.name}" takes it down`,
      });
      assert.ok(labNames().includes(lab.name));
      assert.equal((await labExec(lab, "node-1", ["true"])).code, 0);
    });
  },
});

Deno.test({
  name: "labUp() leaves nothing when it is interrupted",
  ...LAB,
  async fn() {
    for (const last of ["4 hosts on", "etcd", "leases", "containers"]) {
      const name = randomName();
      const controller = new AbortController();
      const onStep = (step: string) => {
        const abort = () => controller.abort(new Error("Interrupted"));
        if (step.startsWith(last)) setTimeout(abort, 10);
      };
      const { signal } = controller;
      const up = labUp({ name, hosts: 4, agent: "none" }, { signal, onStep });
      try {
        // A message given here would stand in the way of what was thrown.
        await assert.rejects(up, { message: "Interrupted" });
        assert.deepEqual(traces(name), [], last);
      } finally {
        await labDown(name);
      }
    }
  },
});

Deno.test({
  name: "labUp() says what a part that does not come up said",
  ...LAB,
  async fn() {
    const name = randomName();
    const config = '{"Network":"172.7.0.0/33","Backend":{"Type":"host-gw"}}';
    await assert.rejects(
      labUp({ name, config, agent: "none" }),
      /Cannot run "node-\d: .*exit status/s,
    );
    assert.deepEqual(traces(name), []);
  },
});

Deno.test({
  name: "labDown() cleans up after a lab up that was killed at any moment",
  ...LAB,
  async fn() {
    for (const milliseconds of [5, 40, 80, 120, 200, 300, 450]) {
      const name = randomName();
      const module = new URL("./up.ts", import.meta.url);
      const code = `import { labUp } from "${module}";
        console.log("start");
        await labUp({ name: "${name}", hosts: 3, agent: "none" });`;
      const child = new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", code],
        stdout: "piped",
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      await waitFor("the lab to begin", () => labNames().includes(name), {
        timeoutMs: 60_000,
      });
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It may have ended on its own by then.
        if (!(error instanceof TypeError)) throw error;
      }
      await reader.cancel();
      await child.status;
      assert.equal(await labDown(name), true);
      assert.deepEqual(traces(name), []);
      const ps = await run(["sh", "-c", "cat /proc/[0-9]*/cmdline"]);
      assert.doesNotMatch(ps.stdout, new RegExp(`flandoc-${name}`));
    }
  },
});

Deno.test({
  name: "labDown() says that there is no such lab",
  ...LAB,
  async fn() {
    assert.equal(await labDown(randomName()), false);
    assert.throws(
      () => openLab("fd-none"),
      /Cannot open lab "fd-none": there /,
    );
  },
});

Deno.test({
  name: "labExec() refuses a node that is not there, and one that is down",
  ...LAB,
  async fn() {
    await withLab({ hosts: 1, containers: "none" }, async (lab) => {
      assert.throws(() => labExec(lab, "node-9", ["true"]), {
        message:
          `Cannot find node "node-9" in lab "${lab.name}": it has etcd-1, node-1`,
      });
      const node = lab.plan.nodes[1];
      const init = node && nodeInit(lab.plan, node);
      assert.ok(init);
      Deno.kill(init.pid, "SIGKILL");
      await waitFor("the node to end", () => !isAlive(init), {
        timeoutMs: 60_000,
      });
      assert.throws(() => labExec(lab, "node-1", ["true"]), /it does not run/);
      const status = await labStatus(lab);
      assert.equal(status.nodes[1]?.running, false);
    });
  },
});
