import assert from "node:assert/strict";
import { flandocCommand } from "../../lab/mod.ts";
import { readLines } from "../../stores/read_lines.ts";
import { eventually } from "../support/agents.ts";
import type { FakeNode, NewNode } from "../support/kube_api.ts";
import { needs } from "../support/needs.ts";
import { TestNetns } from "../support/netns.ts";

const P = "flannel.alpha.coreos.com";

/** What a container with drop ALL, add NET_ADMIN and NET_RAW may do. */
const CONTAINED = [
  "setpriv",
  "--no-new-privs",
  "--bounding-set=-all,+net_admin,+net_raw",
  "--inh-caps=-all,+net_admin,+net_raw",
];

/** A process inside a namespace, ended by its own id. */
class Inside implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;

  constructor(
    netns: TestNetns,
    command: readonly string[],
    env: Record<string, string> = {},
  ) {
    const [program = "", ...args] = [
      "ip",
      "netns",
      "exec",
      netns.name,
      ...command,
    ];
    this.#child = new Deno.Command(program, {
      args,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = readLines(this.#child.stdout);
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value ?? "";
  }

  async ask(text: string): Promise<string> {
    await this.#writer.write(new TextEncoder().encode(`${text}\n`));
    return await this.line();
  }

  async stop(signal: Deno.Signal): Promise<number> {
    await this.#writer.close().catch(() => {});
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended.
    }
    while (!(await this.#lines.next()).done);
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

async function check(
  netns: TestNetns,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, string>> {
  const [program = "", ...rest] = [
    ...["ip", "netns", "exec", netns.name],
    ...flandocCommand(),
    ...["check", "-o", "json", "--no-probe"],
    ...args,
  ];
  const { stdout, stderr } = await new Deno.Command(program, {
    args: rest,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  const { checks } = JSON.parse(text) as {
    readonly checks: readonly {
      readonly code: string;
      readonly verdict: string;
    }[];
  };
  return new Map(checks.map(({ code, verdict }) => [code, verdict]));
}

Deno.test({
  name: "flandoc run and check work on a Kubernetes node with few rights",
  ...needs({ netns: true, programs: ["setpriv", "iptables"] }),
  async fn(t) {
    const directory = await Deno.makeTempDir();
    using netns = new TestNetns(
      "link set lo up",
      "link add eth0 type veth peer name p0",
      "link set p0 up",
      "link set eth0 up",
      "address add 192.168.77.1/24 dev eth0",
      "route add default via 192.168.77.254",
    );
    try {
      const conf = `${directory}/net-conf.json`;
      const subnetFile = `${directory}/subnet.env`;
      await Deno.writeTextFile(
        conf,
        JSON.stringify({
          Network: "10.244.0.0/16",
          Backend: { Type: "vxlan" },
        }),
      );
      const nodes: Record<string, NewNode> = {
        "node-1": { podCIDRs: ["10.244.1.0/24"] },
        "node-2": {
          podCIDRs: ["10.244.2.0/24"],
          annotations: {
            [`${P}/kube-subnet-manager`]: "true",
            [`${P}/backend-type`]: "vxlan",
            [`${P}/backend-data`]: '{"VNI":1,"VtepMAC":"aa:bb:cc:dd:ee:02"}',
            [`${P}/public-ip`]: "192.168.77.2",
          },
        },
      };
      const main = new URL("../support/kube_api_main.ts", import.meta.url);
      await using api = new Inside(netns, [
        ...[Deno.execPath(), "run", "--quiet", "--allow-net", main.pathname],
        JSON.stringify(nodes),
        await Deno.readTextFile(conf),
      ]);
      const url = await api.line();
      const flags = [
        "--kube-subnet-mgr",
        `--kube-api-url=${url}`,
        `--net-config-path=${conf}`,
        `--subnet-file=${subnetFile}`,
      ];
      const routes = () =>
        netns.ipJson<{ dst: string; dev: string }>("route show")
          .map(({ dst, dev }) => `${dst} ${dev}`);
      const arrived = (list: readonly string[]) =>
        list.includes("10.244.2.0/24 flannel.1");

      await t.step("the agent makes its part of the network", async () => {
        await using agent = new Inside(netns, [
          ...CONTAINED,
          ...flandocCommand(),
          "run",
          "--ip-masq",
          ...flags,
        ], { NODE_NAME: "node-1" });
        await eventually(routes, arrived);
        await eventually(
          () => netns.exec("iptables", "-t", "nat", "-S"),
          (rules) => rules.includes("-s 10.244.0.0/16"),
        );
        const node: FakeNode = JSON.parse(await api.ask("get node-1"));
        const [link] = netns.ipJson<{ address: string }>("link show flannel.1");
        assert.equal(
          node.metadata.annotations[`${P}/backend-data`],
          `{"VNI":1,"VtepMAC":"${link?.address}"}`,
        );
        assert.equal(await agent.stop("SIGTERM"), 0);
        assert.ok(arrived(routes()));
      });

      const overlay = ["FD401", "FD402", "FD403", "FD505", "FD508", "FD509"];
      await t.step(
        "check finds routes and overlay as they should be",
        async () => {
          const verdicts = await check(netns, flags);
          const known = overlay.filter((code) => verdicts.has(code));
          assert.ok(known.includes("FD401"));
          for (const code of known) {
            assert.equal(verdicts.get(code), "ok", code);
          }
        },
      );

      await t.step("check needs no more than a kubeconfig", async () => {
        const kubeconfig = `${directory}/kubeconfig`;
        const cluster = { server: url };
        await Deno.writeTextFile(
          kubeconfig,
          JSON.stringify({
            "current-context": "c",
            contexts: [{ name: "c", context: { cluster: "k" } }],
            clusters: [{ name: "k", cluster }],
          }),
        );
        // The config is in the ConfigMap, as on a node without the pod.
        for (
          const [args, env] of [
            [[`--kubeconfig-file=${kubeconfig}`], {}],
            [[], { FLANNELD_KUBECONFIG_FILE: kubeconfig }],
            [[], { KUBECONFIG: `/nowhere:${kubeconfig}` }],
          ] as const
        ) {
          const verdicts = await check(
            netns,
            [`--subnet-file=${subnetFile}`, ...args],
            env,
          );
          const codes = ["FD101", "FD201", "FD401", "FD505"];
          assert.deepEqual(
            codes.map((code) => verdicts.get(code)),
            ["ok", "skipped", "ok", "ok"],
            JSON.stringify([args, env]),
          );
        }
      });

      await t.step("check names two nodes with one pod CIDR", async () => {
        const other: NewNode = {
          podCIDRs: ["10.244.2.0/24"],
          annotations: {
            ...nodes["node-2"]!.annotations,
            [`${P}/backend-data`]: '{"VNI":1,"VtepMAC":"aa:bb:cc:dd:ee:03"}',
            [`${P}/public-ip`]: "192.168.77.3",
          },
        };
        await api.ask(`add node-3 ${JSON.stringify(other)}`);
        const verdicts = await check(netns, flags);
        assert.equal(verdicts.get("FD208"), "failed");
        for (const code of [...overlay, "FD507", "FD510"]) {
          assert.equal(verdicts.get(code), "ok", code);
        }
      });

      await t.step("check minds the pods' bridge by any name", async () => {
        const bridge = async () => {
          const verdicts = await check(netns, flags);
          return ["FD107", "FD305"].map((code) => verdicts.get(code));
        };
        await Deno.writeTextFile(
          subnetFile,
          "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
        );
        assert.deepEqual(await bridge(), ["ok", "skipped"]);
        netns.ip(
          "link add pods0 type bridge",
          "link add veth1 type veth peer name eth1",
          "link set veth1 master pods0",
          "address add 10.244.9.1/24 dev pods0",
          "link set pods0 up",
        );
        assert.deepEqual(await bridge(), ["ok", "failed"]);
        netns.ip(
          "address add 10.244.1.1/24 dev pods0",
          "address del 10.244.9.1/24 dev pods0",
        );
        assert.deepEqual(await bridge(), ["ok", "ok"]);
        netns.ip("link del pods0", "link del veth1");
        await Deno.remove(subnetFile);
      });

      await t.step("check finds what is missing", async () => {
        netns.ip("route del 10.244.2.0/24");
        const verdicts = await check(netns, flags);
        assert.equal(verdicts.get("FD401"), "failed");
        assert.equal(verdicts.get("FD403"), "ok");
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
