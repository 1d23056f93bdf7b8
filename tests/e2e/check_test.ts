/**
 * Healthy networks of every kind, on a real kernel with real etcd: check finds
 * nothing at all. And snapshots of their hosts, judged elsewhere by somebody
 * else, say what check said there.
 *
 * @module
 */
import "../support/preload.ts";
import assert from "node:assert/strict";
import {
  type Lab,
  labDown,
  labExec,
  type LabRequest,
  labUp,
  onInterrupt,
} from "../../lab/mod.ts";
import { flandoc } from "../support/flandoc.ts";
import { needs } from "../support/needs.ts";
import {
  failedCodes,
  type ReportDocument,
  sentences,
  unjudged,
} from "../support/report.ts";

const PROGRAMS = ["etcd", "etcdctl", "iptables", "nft", "ip", "openssl"];

/** A config of a network with room for the lab's subnets. */
function config(backend: string): string {
  return `{"Network": "172.7.0.0/16", "Backend": {"Type": "${backend}"}}`;
}

const V2 = { api: "v2", tls: false, members: 1 } as const;
const V3 = { api: "v3", tls: false, members: 1 } as const;

const KINDS: Readonly<Record<string, LabRequest>> = {
  "host-gw, etcd v2, TLS": { etcd: { ...V2, tls: true } },
  "host-gw, etcd v3, three members": { etcd: { ...V3, members: 3 } },
  "host-gw, etcd v3, TLS, flannel masquerades": {
    etcd: { ...V3, tls: true },
    agentFlags: ["--ip-masq"],
    masquerade: "none",
  },
  "vxlan, etcd v2": { config: config("vxlan") },
  "vxlan, etcd v3, TLS": {
    config: config("vxlan"),
    etcd: { ...V3, tls: true },
  },
  "vxlan over two segments": { config: config("vxlan"), segments: 2, hosts: 3 },
  "alloc, etcd v2": { config: config("alloc") },
  "alloc, etcd v3": { config: config("alloc"), etcd: V3 },
  "without containers": { containers: "none" },
  "a health port": { healthz: true },
  "one host alone": { hosts: 1 },
};

/** What cannot be asked: without a bridge, no packet of a container's. */
const UNJUDGED: Readonly<Record<string, readonly string[]>> = {
  "without containers": ["FD502", "FD504"],
};

async function withLab(
  request: LabRequest,
  use: (lab: Lab) => Promise<void>,
): Promise<void> {
  const name = `check-${crypto.randomUUID().slice(0, 8)}`;
  try {
    await use(
      await onInterrupt((signal) => labUp({ ...request, name }, { signal })),
    );
  } finally {
    await labDown(name);
  }
}

async function check(
  lab: Lab,
  host = "node-1",
): Promise<{ code: number; report: ReportDocument }> {
  const words = ["flandoc", "check", "-o", "json"];
  const { code, stdout, stderr } = await labExec(lab, host, words);
  assert.match(stdout, /^\{/, stderr);
  return { code, report: JSON.parse(stdout) };
}

for (const [kind, request] of Object.entries(KINDS)) {
  Deno.test({
    name: `flandoc check finds nothing wrong: ${kind}`,
    ...needs({ netns: true, programs: PROGRAMS }),
    async fn() {
      await withLab({ hosts: 2, ...request }, async (lab) => {
        const { code, report } = await check(lab);
        assert.deepEqual(failedCodes(report), [], sentences(report));
        const codes = unjudged(report).map((line) => line.split(" ")[0]);
        assert.deepEqual(codes, UNJUDGED[kind] ?? [], unjudged(report).join());
        assert.equal(code, 0);
      });
    },
  });
}

Deno.test({
  name: "flandoc check finds FD601 alone on a host with Docker as it comes",
  ...needs({ netns: true, programs: [...PROGRAMS, "dockerd", "busybox"] }),
  async fn() {
    await withLab({ hosts: 2, containers: "docker" }, async (lab) => {
      const { code, report } = await check(lab);
      assert.deepEqual(failedCodes(report), ["FD601"], sentences(report));
      assert.deepEqual(unjudged(report), []);
      assert.equal(code, 1);
    });
  },
});

Deno.test({
  name: "flandoc in a container says so, judges nothing and repairs nothing",
  ...needs({ netns: true, programs: PROGRAMS }),
  async fn() {
    await withLab({ hosts: 2 }, async (lab) => {
      for (const words of ["check", "check -o json", "fix --sysctl --yes"]) {
        const { code, stdout, stderr } = await labExec(lab, "node-1", [
          ...["ip", "netns", "exec", "web", "flandoc"],
          ...words.split(" "),
        ]);
        assert.deepEqual([code, stdout], [3, ""], stderr);
        assert.match(
          stderr,
          /network namespace of a container.* 172\.7\.21\.2/,
        );
      }
    });
  },
});

/** Verdict by code. */
function verdicts(report: ReportDocument): Record<string, string> {
  return Object.fromEntries(
    report.checks.map(({ code, verdict }) => [code, verdict]),
  );
}

const SECRET = "s3cr3t-Swordfish";

Deno.test({
  name: "flandoc check --from says of snapshots what check says on their hosts",
  ...needs({ netns: true, programs: PROGRAMS }),
  async fn(t) {
    const directory = await Deno.makeTempDir();
    await withLab({ hosts: 3, masquerade: "docker" }, async (lab) => {
      const hosts = ["node-1", "node-2", "node-3"];
      await labExec(lab, "node-2", ["ip", "route", "del", "172.7.21.0/24"]);
      await labExec(lab, "node-2", [
        ...["ip", "route", "add", "blackhole", "172.7.21.0/24"],
      ]);
      const live: Record<string, string>[] = [];
      const paths: string[] = [];
      for (const host of hosts) {
        live.push(verdicts((await check(lab, host)).report));
        const { code, stdout, stderr } = await labExec(lab, host, [
          ...["env", `FLANNELD_ETCD_PASSWORD=${SECRET}`, "flandoc", "snapshot"],
          ...["--etcd-username=reader", `--etcd-password=${SECRET}`],
        ]);
        assert.equal(code, 0, stderr);
        const path = `${directory}/${host}.json`;
        await Deno.writeTextFile(path, stdout);
        paths.push(path);
      }
      await t.step("the same verdicts, elsewhere", async () => {
        const words = ["check", "--from", ...paths, "-o", "json"];
        const { code, stdout, stderr } = await flandoc(words);
        const { reports } = JSON.parse(stdout) as { reports: ReportDocument[] };
        assert.deepEqual(reports.map(({ host }) => host), hosts, stderr);
        assert.deepEqual(reports.map(verdicts), live);
        assert.equal(code, 1);
      });
      await t.step("text and short name every host", async () => {
        for (const output of ["text", "short"]) {
          const { stdout } = await flandoc([
            ...["check", "--from", ...paths, "-o", output],
          ]);
          for (const host of hosts) assert.match(stdout, RegExp(host));
        }
      });
      await t.step("no secret in them", async () => {
        for (const path of paths) {
          const text = await Deno.readTextFile(path);
          assert.equal(text.indexOf(SECRET), -1);
          assert.match(text, /reader/);
        }
      });
    });
    await Deno.remove(directory, { recursive: true });
  },
});
