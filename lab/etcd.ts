/**
 * etcd of a practice network.
 *
 * @module
 */
import { CERTS_DIRECTORY } from "./issue_script.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { mustRunOn, runOn } from "./node_command.ts";
import type { NodeFile } from "./node_files.ts";
import type { Output } from "./run.ts";
import { waitFor } from "./wait_for.ts";
import { settleAll } from "./settle_all.ts";

/** flannel's default prefix. */
export const ETCD_PREFIX = "/coreos.com/network";

/** Starts every member; they listen once they have found each other. */
export async function startEtcd(
  plan: LabPlan,
  signal?: AbortSignal,
): Promise<void> {
  const members = plan.nodes.filter((node) => node.kind === "etcd");
  await settleAll(
    members.map((member) =>
      mustRunOn(plan, member, [ETCD_SCRIPT], signal ? { signal } : {})
    ),
  );
}

const ETCD_SCRIPT = "/run/etcd.sh";

/** A script that starts a member in the background, also after it ended. */
export function etcdFiles(plan: LabPlan, member: LabNode): NodeFile[] {
  const words = etcdArgv(plan, member).join(" \\\n  ");
  const text = `#!/bin/sh
setsid ${words} \\
  </dev/null >>/var/log/etcd.log 2>&1 &
echo $! >/run/etcd.pid
`;
  return [{ path: ETCD_SCRIPT, text, mode: 0o755 }];
}

/** etcd's command line on a member. */
export function etcdArgv(plan: LabPlan, member: LabNode): string[] {
  const { tls } = plan.spec.etcd;
  const members = plan.nodes.filter((node) => node.kind === "etcd");
  const client = `${tls ? "https" : "http"}://${member.address}:2379`;
  const peer = `http://${member.address}:2380`;
  return [
    "etcd",
    `--name=${member.name}`,
    "--data-dir=/var/lib/etcd",
    "--enable-v2",
    // One alone need not wait a second to be the leader. Several on a busy
    // machine would be late by 0.3 s, and elect another again and again.
    ...members.length === 1
      ? ["--heartbeat-interval=50", "--election-timeout=300"]
      : ["--heartbeat-interval=100", "--election-timeout=1000"],
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${
      members.map((each) => `${each.name}=http://${each.address}:2380`)
        .join(",")
    }`,
    ...tls
      ? [
        `--cert-file=${CERTS_DIRECTORY}/server.pem`,
        `--key-file=${CERTS_DIRECTORY}/server-key.pem`,
        `--trusted-ca-file=${CERTS_DIRECTORY}/ca.pem`,
        "--client-cert-auth",
      ]
      : [],
  ];
}

/**
 * Writes the network config, waiting for etcd to serve.
 *
 * @throws {Error} with etcdctl's words when it does not in a minute.
 */
export async function writeNetworkConfig(
  plan: LabPlan,
  signal?: AbortSignal,
): Promise<void> {
  const key = `${ETCD_PREFIX}/config`;
  let last: Output = { code: 1, stdout: "", stderr: "" };
  try {
    await waitFor("etcd to serve", async () => {
      last = await runOn(plan, firstMember(plan), [
        "etcdctl",
        plan.spec.etcd.api === "v2" ? "set" : "put",
        key,
        plan.spec.config,
      ]);
      return last.code === 0;
    }, { timeoutMs: 60_000, everyMs: 50, ...(signal ? { signal } : {}) });
  } catch (error) {
    // Who interrupted knows why: etcdctl's last words would only blur it.
    signal?.throwIfAborted();
    throw new Error(`${messageOf(error)}: ${last.stderr.trim()}`);
  }
}

/**
 * Waits until every member serves and has a leader.
 *
 * @throws {Error} with etcdctl's words when they do not in a minute.
 */
export async function waitForEtcd(plan: LabPlan): Promise<void> {
  const isV2 = plan.spec.etcd.api === "v2";
  const question = isV2 ? ["cluster-health"] : ["endpoint", "health"];
  let last: Output = { code: 1, stdout: "", stderr: "" };
  try {
    await waitFor("etcd to be healthy", async () => {
      last = await runOn(plan, firstMember(plan), ["etcdctl", ...question]);
      return isV2 ? /^cluster is healthy$/m.test(last.stdout) : last.code === 0;
    }, { timeoutMs: 60_000, everyMs: 50 });
  } catch (error) {
    throw new Error(
      `${messageOf(error)}: ${(last.stderr || last.stdout).trim()}`,
    );
  }
}

/**
 * Writes a lease as flanneld does: 24 hours, under the subnet's key.
 *
 * @param key Such as `172.7.21.0-24`.
 */
export async function writeLease(
  plan: LabPlan,
  key: string,
  value: string,
): Promise<void> {
  const path = `${ETCD_PREFIX}/subnets/${key}`;
  const member = firstMember(plan);
  if (plan.spec.etcd.api === "v2") {
    const argv = ["etcdctl", "set", "--ttl", "86400", path, value];
    await mustRunOn(plan, member, argv);
    return;
  }
  const granted = await mustRunOn(plan, member, [
    ...["etcdctl", "lease", "grant", "86400"],
  ]);
  const id = granted.split(" ")[1] ?? "";
  await mustRunOn(plan, member, [
    "etcdctl",
    "put",
    `--lease=${id}`,
    path,
    value,
  ]);
}

/**
 * Whether a lease is in the store.
 *
 * @param key Such as `172.7.21.0-24`.
 */
export async function hasLease(plan: LabPlan, key: string): Promise<boolean> {
  const path = `${ETCD_PREFIX}/subnets/${key}`;
  const got = await runOn(plan, firstMember(plan), ["etcdctl", "get", path]);
  return got.code === 0 && got.stdout.trim() !== "";
}

/** The member that administration goes by. */
export function firstMember(plan: LabPlan): LabNode {
  const member = plan.nodes.find((node) => node.kind === "etcd");
  if (member === undefined) throw new Error("Cannot find etcd: no member");
  return member;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
