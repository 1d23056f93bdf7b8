import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { type Fact, isKnown, valueOf } from "./fact.ts";
import type { Facts } from "./facts.ts";
import { INPUTS } from "./inputs.ts";

const PASSWORD = "hunter2swordfish";

/** What the collecting process prints. */
interface Collected {
  readonly facts: Facts;
  readonly timings: Record<string, number>;
  readonly progress: string[];
}

/** Two hosts of a host-gw network, etcd on the first. */
class TwoHosts implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync();
  readonly b = new TestNetns("link set lo up");
  readonly a = new TestNetns(
    "link set lo up",
    `link add eth0 type veth peer name eth0 netns ${this.b.name}`,
    "link set eth0 up",
    "address add 192.168.77.1/24 dev eth0",
    "link add docker0 type bridge",
    "link set docker0 up",
    "address add 10.5.1.1/24 dev docker0",
    "route add default via 192.168.77.2",
    "route add 10.5.2.0/24 via 192.168.77.2",
  );
  readonly #children: Deno.ChildProcess[] = [];

  constructor() {
    this.b.ip(
      "link set eth0 up",
      "address add 192.168.77.2/24 dev eth0",
      "link add docker0 type bridge",
      "link set docker0 up",
      "address add 10.5.2.1/24 dev docker0",
      "route add 10.5.1.0/24 via 192.168.77.1",
    );
  }

  #spawn(argv: readonly string[], env: Record<string, string> = {}): void {
    this.#children.push(
      new Deno.Command("nsenter", {
        args: [`--net=/var/run/netns/${this.a.name}`, ...argv],
        env,
        cwd: this.directory,
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn(),
    );
  }

  startEtcd(): void {
    const url = "http://192.168.77.1:2379";
    this.#spawn([
      "etcd",
      "--enable-v2",
      `--data-dir=${this.directory}/etcd`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      "--listen-peer-urls=http://127.0.0.1:2380",
    ]);
  }

  /** A process that looks like flanneld and does nothing. */
  startFlanneld(): void {
    Deno.copyFileSync("/bin/sh", `${this.directory}/flanneld`);
    Deno.writeTextFileSync(
      `${this.directory}/subnet.env`,
      "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.1.1/24\n" +
        "FLANNEL_MTU=1500\nFLANNEL_IPMASQ=true\n",
    );
    this.#spawn([`${this.directory}/flanneld`, "-c", "read line"], {
      FLANNELD_ETCD_ENDPOINTS: "http://192.168.77.1:2379",
      FLANNELD_ETCD_PASSWORD: PASSWORD,
      FLANNELD_ETCD_USERNAME: "root",
      FLANNELD_SUBNET_FILE: "./subnet.env",
      FLANNELD_IFACE: "eth0",
      FLANNELD_HEALTHZ_PORT: "2401",
    });
  }

  /** Runs a module's text inside the first host and parses what it prints. */
  async run<T>(script: string, flags: readonly string[]): Promise<T> {
    const file = `${this.directory}/script.ts`;
    await Deno.writeTextFile(file, script);
    const { stdout, stderr } = await new Deno.Command("nsenter", {
      args: [
        `--net=/var/run/netns/${this.a.name}`,
        Deno.execPath(),
        "run",
        "--quiet",
        "--no-prompt",
        `--config=${new URL("../deno.json", import.meta.url).pathname}`,
        ...flags,
        file,
      ],
      // FLANNELD_* of whoever runs the tests are not this host's.
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: Deno.env.get("HOME") ?? "",
        DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
      },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.notEqual(text, "", new TextDecoder().decode(stderr));
    return JSON.parse(text) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      await child.stdin.close();
      try {
        child.kill("SIGTERM");
      } catch {
        // It ended with its input.
      }
      await child.status;
    }
    this.a[Symbol.dispose]();
    this.b[Symbol.dispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

const RECORDS = `
  const base = "http://192.168.77.1:2379/v2/keys/coreos.com/network";
  const put = (key, value) => fetch(base + key, {
    method: "PUT",
    body: new URLSearchParams({ value }),
  }).then((response) => response.json());
  for (let tries = 0; ; tries++) {
    try {
      await put("/config",
        '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}');
      break;
    } catch (error) {
      if (tries === 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  for (const host of [1, 2]) {
    await put("/subnets/10.5." + host + ".0-24", JSON.stringify({
      PublicIP: "192.168.77." + host, BackendType: "host-gw",
    }));
  }
  console.log("true");`;

function collecting(
  options: string,
  module = import.meta.resolve("./collect.ts"),
): string {
  const url = JSON.stringify(module);
  return `import { collect } from ${url};
    const progress = [];
    const onProgress = (step) => progress.push(step);
    const { facts, timings } = await collect({ onProgress, ${options} });
    console.log(JSON.stringify({ facts, timings, progress }));`;
}

/** Copies what collecting needs of the sources, readable for everybody. */
async function copySource(target: string): Promise<void> {
  const root = new URL("..", import.meta.url).pathname;
  const parts = ["deno.json", "version.ts", "flannel", "host", "stores"];
  await Deno.mkdir(target);
  const { success, stderr } = await new Deno.Command("cp", {
    args: ["-r", ...parts, "snapshot", target],
    cwd: root,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** What the binary is compiled with: no more, and only the programs listed. */
const LEAST = [
  "--allow-ffi",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env",
  "--allow-sys",
  `--allow-run=${
    [
      ...new Set(
        INPUTS.filter((input) => input.kind === "program")
          .map((input) => input.name.split(" ")[0]),
      ),
    ].join(",")
  }`,
];

function reasons(facts: Facts): string[] {
  return Object.entries(facts).flatMap((
    [name, fact]: [string, Fact<unknown>],
  ) => isKnown(fact) ? [] : [`${name}: ${fact.unknown}`]);
}

Deno.test({
  name: "collect() knows every fact of a real host with the least permissions",
  ...needs({ netns: true, programs: ["etcd", "nft"] }),
  async fn(t) {
    await using hosts = new TwoHosts();
    hosts.startEtcd();
    hosts.startFlanneld();
    await hosts.run(RECORDS, ["--allow-net"]);
    const { facts, timings, progress } = await hosts.run<Collected>(
      collecting(""),
      LEAST,
    );

    await t.step("nothing is unknown", () => {
      assert.deepEqual(reasons(facts), []);
    });
    await t.step("settings come from the agent's environment", () => {
      const settings = valueOf(facts.settings);
      assert.match(settings?.etcdPrefix.source ?? "", /^default$/);
      assert.match(settings?.iface.source ?? "", /^flanneld \(pid \d+\)$/);
      assert.equal(
        settings?.subnetFile.value,
        `${Deno.realPathSync(hosts.directory)}/subnet.env`,
      );
      assert.deepEqual(settings?.store, {
        value: "etcd-v2",
        source: "the config is in etcd's v2 API",
      });
    });
    await t.step("records", () => {
      assert.equal(
        valueOf(facts.configRecord)?.key,
        "/coreos.com/network/config",
      );
      assert.deepEqual(
        valueOf(facts.leaseRecords)?.map((record) => record.key).sort(),
        ["10.5.1.0-24", "10.5.2.0-24"],
      );
      assert.equal(valueOf(facts.node)?.lease?.subnet, "10.5.1.0/24");
    });
    await t.step("expected and observed routes are the same", () => {
      const line = (route: { dst: string; gateway: string | null }) =>
        `${route.dst} via ${route.gateway}`;
      assert.deepEqual(valueOf(facts.expected)?.routes.map(line), [
        "10.5.2.0/24 via 192.168.77.2",
      ]);
      assert.ok(
        valueOf(facts.routes)?.map(line).includes(
          "10.5.2.0/24 via 192.168.77.2",
        ),
      );
    });
    await t.step("the peer answers ARP", () => {
      const [link] = hosts.b.ipJson<{ address: string }>("link show eth0");
      assert.deepEqual(valueOf(facts.arp)?.answers, [
        { address: "192.168.77.2", macs: [link?.address], replies: 1 },
      ]);
      assert.equal(valueOf(facts.arp)?.gateway, "192.168.77.2");
    });
    await t.step("the peer answers echoes", () => {
      assert.equal(valueOf(facts.forwarding)?.source, "10.5.1.1");
      assert.deepEqual(valueOf(facts.forwarding)?.answers, [{
        subnet: "10.5.2.0/24",
        publicIP: "192.168.77.2",
        hostReached: true,
        bridgeReached: true,
      }]);
    });
    await t.step("the agent's port is closed", () => {
      assert.equal(valueOf(facts.health)?.error, "connection refused");
    });
    await t.step("the password is in no fact", () => {
      assert.ok(!JSON.stringify(facts).includes(PASSWORD));
    });
    await t.step("each step is told and measured", () => {
      assert.ok(progress.includes("asking the store"));
      assert.ok(progress.length >= 10);
      assert.deepEqual(
        Object.entries(timings).filter(([, ms]) => !(ms >= 0 && ms < 10_000)),
        [],
      );
    });
  },
});

Deno.test({
  name: "collect() asks no peer with probe: false",
  ...needs({ netns: true }),
  async fn() {
    await using hosts = new TwoHosts();
    const { facts } = await hosts.run<Collected>(
      collecting(
        'probe: false, flags: new Map([["etcd-endpoints", ["http://127.0.0.1:4"]]])',
      ),
      ["--allow-all"],
    );
    for (const fact of [facts.arp, facts.forwarding] as Fact<unknown>[]) {
      assert.deepEqual(fact, { unknown: "not asked: --no-probe" });
    }
    assert.match(JSON.stringify(facts.leaseRecords), /unknown.*127\.0\.0\.1:4/);
    assert.ok(isKnown(facts.routes));
  },
});

Deno.test({
  name: "collect() gives a reason for what an ordinary user may not read",
  ...needs({ netns: true, programs: ["setpriv"] }),
  async fn() {
    await using hosts = new TwoHosts();
    await Deno.chmod(hosts.directory, 0o755);
    const file = `${hosts.directory}/script.ts`;
    // The sources may be where only root may look.
    const source = `${hosts.directory}/source`;
    await copySource(source);
    await Deno.writeTextFile(
      file,
      collecting(
        'flags: new Map([["etcd-endpoints", ["http://127.0.0.1:4"]]])',
        `file://${source}/snapshot/collect.ts`,
      ),
    );
    const bundle = `${hosts.directory}/deno`;
    await Deno.copyFile(Deno.execPath(), bundle);
    await Deno.chmod(bundle, 0o755);
    const { stdout, stderr } = await new Deno.Command("nsenter", {
      args: [
        `--net=/var/run/netns/${hosts.a.name}`,
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
        bundle,
        "run",
        "--quiet",
        "--allow-all",
        "--no-lock",
        // The namespace has no network to look for packages in.
        "--cached-only",
        `--config=${source}/deno.json`,
        file,
      ],
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        DENO_DIR: `${hosts.directory}/cache`,
        HOME: hosts.directory,
      },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.notEqual(text, "", new TextDecoder().decode(stderr));
    const { facts } = JSON.parse(text) as Collected;
    assert.equal(valueOf(facts.host)?.uid, 65534);
    assert.ok(isKnown(facts.routes));
    assert.ok(isKnown(facts.sysctls));
    assert.match(
      JSON.stringify(facts.netfilter),
      /unknown.*not permitted|root/,
    );
  },
});
