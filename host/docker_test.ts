import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { DockerFacts } from "../snapshot/facts.ts";
import { dockerEndpoint, readDocker } from "./docker.ts";
import type { HostProcess } from "./processes.ts";

Deno.test("dockerEndpoint() knows what can be asked plainly", async (t) => {
  const cases = [
    ["unix:///run/d.sock", { socket: "/run/d.sock" }],
    ["unix://", { socket: "/var/run/docker.sock" }],
    ["fd://", { socket: "/var/run/docker.sock" }],
    ["/run/d.sock", { socket: "/run/d.sock" }],
    ["tcp://0.0.0.0:2375", { url: "http://127.0.0.1:2375" }],
    ["tcp://127.0.0.1", { url: "http://127.0.0.1:2375" }],
    ["tcp://0.0.0.0:2376", null],
    ["ssh://host", null],
  ] as const;
  for (const [host, wanted] of cases) {
    await t.step(host, () => assert.deepEqual(dockerEndpoint(host), wanted));
  }
});

function dockerd(argv: readonly string[]): HostProcess {
  return {
    argv,
    environment: {},
    root: "",
    facts: {
      pid: 901,
      name: "dockerd",
      argv,
      environment: {},
      started: "2026-11-22T07:00:00.000Z",
      unit: "docker.service",
      version: "20.10.24",
      cwd: "/",
    },
  };
}

/** A daemon's answers on a socket, as 20.10 gives them, cut to what is read. */
function fakeDaemon(path: string, answers: Record<string, unknown>) {
  return Deno.serve({ path, onListen: () => {} }, (request) => {
    const answer = answers[new URL(request.url).pathname];
    return answer === undefined
      ? new Response("page not found", { status: 404 })
      : Response.json(answer);
  });
}

const ANSWERS = {
  "/info": { ServerVersion: "20.10.24", LiveRestoreEnabled: true },
  "/networks": [
    { Name: "host", Id: "1", Driver: "host", Options: {}, IPAM: null },
    {
      Name: "bridge",
      Id: "ad59c1a2de32",
      Driver: "bridge",
      IPAM: { Config: [{ Subnet: "172.7.21.0/24", Gateway: "172.7.21.1" }] },
      Options: {
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.name": "docker0",
        "com.docker.network.driver.mtu": "1450",
      },
    },
    {
      Name: "shop",
      Id: "0123456789abcdef",
      Driver: "bridge",
      IPAM: { Config: [{ Subnet: "172.18.0.0/16" }] },
      Options: {},
    },
  ],
  "/containers/json": [
    {
      Names: ["/web"],
      NetworkSettings: {
        Networks: {
          bridge: { IPAddress: "172.7.21.2" },
          host: { IPAddress: "" },
        },
      },
    },
  ],
};

Deno.test("readDocker() takes what the daemon says before argv", async () => {
  const directory = await Deno.makeTempDir();
  const socket = `${directory}/d.sock`;
  await using _server = fakeDaemon(socket, ANSWERS);
  const daemon = dockerd([
    "dockerd",
    `--host=unix://${socket}`,
    "--bip=172.7.99.1/24",
    "--iptables=false",
    `--config-file=${directory}/none.json`,
  ]);
  try {
    const docker = valueOf(
      await readDocker({ here: [daemon], elsewhere: [] }, []),
    );
    assert.deepEqual(docker, {
      version: "20.10.24",
      socket,
      pid: 901,
      bip: { value: "172.7.21.1/24", source: "daemon" },
      mtu: { value: 1450, source: "daemon" },
      ipMasq: { value: false, source: "daemon" },
      bridge: { value: "docker0", source: "daemon" },
      liveRestore: { value: true, source: "daemon" },
      iptables: { value: false, source: "argv" },
      ipForward: { value: true, source: "default" },
      networks: [
        {
          name: "bridge",
          bridge: "docker0",
          subnets: ["172.7.21.0/24"],
          gateway: "172.7.21.1",
          ipMasquerade: false,
          mtu: 1450,
        },
        {
          name: "shop",
          bridge: "br-0123456789ab",
          subnets: ["172.18.0.0/16"],
          gateway: null,
          ipMasquerade: true,
          mtu: null,
        },
      ],
      containers: [{ name: "web", network: "bridge", address: "172.7.21.2" }],
      daemonJson: null,
      unitFiles: [],
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readDocker() goes by argv and daemon.json when the daemon is silent", async () => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/daemon.json`;
  await Deno.writeTextFile(
    file,
    '{"mtu":1450,"auths":{"r":{"auth":"aHVudGVyMg=="}}}',
  );
  const daemon = dockerd([
    "dockerd",
    `--host=unix://${directory}/none.sock`,
    "--bip=172.7.21.1/24",
    `--config-file=${file}`,
  ]);
  try {
    const docker = valueOf(
      await readDocker({ here: [daemon], elsewhere: [] }, []),
    );
    assert.deepEqual(docker?.bip, { value: "172.7.21.1/24", source: "argv" });
    assert.deepEqual(docker?.mtu, { value: 1450, source: "daemon.json" });
    assert.deepEqual(docker?.ipMasq, { value: true, source: "default" });
    assert.equal(docker?.version, "20.10.24");
    assert.equal(docker?.daemonJson?.path, file);
    assert.ok(!JSON.stringify(docker).includes("aHVudGVyMg"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readDocker() is over in time when the daemon hangs", async () => {
  const directory = await Deno.makeTempDir();
  const socket = `${directory}/d.sock`;
  using listener = Deno.listen({ transport: "unix", path: socket });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  try {
    const start = performance.now();
    const docker = valueOf(
      await readDocker(
        {
          here: [dockerd(["dockerd", "-H", `unix://${socket}`])],
          elsewhere: [],
        },
        [],
        { timeoutMs: 200 },
      ),
    );
    assert.ok(performance.now() - start < 30_000);
    assert.equal(docker?.pid, 901);
    assert.deepEqual(docker?.networks, []);
  } finally {
    listener.close();
    await accepting;
    for (const connection of held) connection.close();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readDocker() leaves another namespace's daemon alone", async () => {
  const elsewhere = [{ name: "dockerd", pid: 901 }];
  const docker = await readDocker({ here: [], elsewhere }, []);
  assert.deepEqual(docker, { known: null });
});

Deno.test({
  name: "readDocker() asks a real dockerd of this namespace, and no other",
  ...needs({ netns: true, programs: ["dockerd", "containerd"] }),
  async fn() {
    const directory = await Deno.makeTempDir();
    using netns = new TestNetns("link set lo up");
    const { name } = netns;
    const socket = `${directory}/d.sock`;
    const inside = (...argv: string[]) =>
      new Deno.Command("nsenter", {
        args: [`--net=/var/run/netns/${name}`, ...argv],
        stdout: "piped",
        stderr: "piped",
      });
    await Deno.writeTextFile(
      `${directory}/daemon.json`,
      '{"live-restore":true}',
    );
    let daemon: Deno.ChildProcess | undefined;
    try {
      daemon = new Deno.Command("nsenter", {
        args: [
          `--net=/var/run/netns/${name}`,
          // dockerd mounts its data directory on itself, and does not always
          // take that back: with this it is gone with the process.
          ...["unshare", "--mount"],
          "dockerd",
          `--data-root=${directory}/data`,
          `--exec-root=${directory}/exec`,
          `--pidfile=${directory}/pid`,
          `--host=unix://${socket}`,
          `--config-file=${directory}/daemon.json`,
          "--storage-driver=vfs",
          "--bip=172.7.21.1/24",
          "--mtu=1450",
          "--ip-masq=false",
        ],
        stdout: "null",
        stderr: "null",
      }).spawn();
      const docker = await askUntilVersion(inside);
      assert.equal(docker?.pid, daemon.pid);
      assert.equal(docker?.socket, socket);
      assert.deepEqual(docker?.bip, {
        value: "172.7.21.1/24",
        source: "daemon",
      });
      assert.deepEqual(docker?.mtu, { value: 1450, source: "daemon" });
      assert.deepEqual(docker?.ipMasq, { value: false, source: "daemon" });
      assert.deepEqual(docker?.liveRestore, { value: true, source: "daemon" });
      assert.deepEqual(docker?.networks.map((network) => network.bridge), [
        "docker0",
      ]);
    } finally {
      daemon?.kill("SIGTERM");
      await daemon?.status;
      await Deno.remove(directory, { recursive: true });
    }
  },
});

/** Reads Docker inside the namespace until the daemon answers, two minutes. */
async function askUntilVersion(
  inside: (...argv: string[]) => Deno.Command,
): Promise<DockerFacts | null | undefined> {
  const url = (name: string) => JSON.stringify(import.meta.resolve(name));
  const script = `
    import { readProcesses } from ${url("./processes.ts")};
    import { readDocker } from ${url("./docker.ts")};
    let fact;
    for (let tries = 0; tries < 600; tries++) {
      fact = await readDocker(readProcesses().known, []);
      if (fact.known?.networks.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    console.log(JSON.stringify(fact));`;
  const { stdout, stderr } = await inside(Deno.execPath(), "eval", script)
    .output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return valueOf(JSON.parse(text) as Awaited<ReturnType<typeof readDocker>>);
}
