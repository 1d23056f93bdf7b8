/**
 * Every fault on a real kernel: exactly the expected codes fail, the repair
 * mends it, a second repair plans nothing, undo brings the exact earlier state
 * back. Faults that want the same network share one lab.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Fault,
  type Lab,
  labBreak,
  labDown,
  labExec,
  labRestore,
  labUp,
  loadFaults,
  onInterrupt,
} from "../../lab/mod.ts";
import { needs } from "../support/needs.ts";
import {
  failedCodes,
  type ReportDocument,
  sentences,
  unjudged,
} from "../support/report.ts";

const PROGRAMS = [
  "etcd",
  "etcdctl",
  "iptables",
  "nft",
  "ip",
  "nsenter",
  "openssl",
];

async function check(lab: Lab): Promise<ReportDocument> {
  const { stdout, stderr } = await labExec(lab, "node-1", [
    "flandoc",
    "check",
    "-o",
    "json",
  ]);
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(
      `Cannot read the report: ${stdout.slice(0, 500)}\n${stderr}`,
    );
  }
}

/** Codes of the healthy lab: Docker's own masquerade rule is FD601 by design. */
async function assertFails(
  lab: Lab,
  expected: readonly string[],
): Promise<void> {
  const report = await check(lab);
  assert.deepEqual(
    failedCodes(report),
    [...expected].sort(byNumber),
    sentences(report),
  );
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(2)) - Number(b.slice(2));
}

/** What undo has to bring back: routes, rules, settings, as tools print them. */
async function state(lab: Lab): Promise<string> {
  const commands = [
    "ip route show table main | sort",
    "iptables-save | grep -v '^[#:]'",
    "sysctl -n net.ipv4.ip_forward net.ipv4.conf.eth0.rp_filter net.ipv4.conf.eth0.forwarding",
    "cat /etc/sysctl.d/zz-flandoc.conf 2>/dev/null || true",
  ];
  const { stdout } = await labExec(lab, "node-1", [
    "sh",
    "-c",
    commands.join("; "),
  ]);
  // A repair's route carries flandoc's protocol number; the way it leads counts.
  return stdout.replaceAll(/ +$/gm, "");
}

async function flandoc(
  lab: Lab,
  words: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return await labExec(lab, "node-1", ["flandoc", ...words.split(" ")]);
}

async function assertRepairs(
  lab: Lab,
  fault: Fault,
  healthy: readonly string[],
): Promise<void> {
  const flags = fault.fix.map((name) => `--${name}`).join(" ");
  const broken = await state(lab);
  const dry = await flandoc(lab, `fix ${flags} --dry-run`);
  assert.equal(dry.code, 1, `dry run: ${dry.stdout}${dry.stderr}`);
  assert.equal(await state(lab), broken, "a dry run changed something");
  const fixed = await flandoc(lab, `fix ${flags} --yes`);
  assert.equal(fixed.code, 0, `fix: ${fixed.stdout}${fixed.stderr}`);
  await assertFails(lab, healthy);
  const again = await flandoc(lab, `fix ${flags} --yes`);
  assert.equal(again.code, 0, `second fix: ${again.stdout}${again.stderr}`);
  assert.doesNotMatch(
    again.stdout,
    /journal/,
    "the second fix planned something",
  );
  const undone = await flandoc(lab, "undo --yes");
  assert.equal(undone.code, 0, `undo: ${undone.stdout}${undone.stderr}`);
  assert.equal(
    await state(lab),
    broken,
    "undo did not bring the earlier state back",
  );
  await assertFails(lab, fault.expect);
}

function bySpec(faults: readonly Fault[]): Map<string, Fault[]> {
  const groups = new Map<string, Fault[]>();
  for (const fault of faults) {
    const key = JSON.stringify(fault.lab);
    groups.set(key, [...groups.get(key) ?? [], fault]);
  }
  return groups;
}

const only = Deno.env.get("FLANDOC_FAULT");
const groups = bySpec(
  loadFaults().filter(({ name }) => !only || name === only),
);

for (const [spec, faults] of groups) {
  Deno.test({
    name: `faults on ${spec}`,
    ...needs({ netns: true, programs: PROGRAMS }),
    async fn(t) {
      const name = `faults-${crypto.randomUUID().slice(0, 8)}`;
      const request = { ...JSON.parse(spec), name };
      let lab: Lab | undefined;
      let healthy: string[] = [];
      try {
        for (const fault of faults) {
          await t.step(fault.name, async () => {
            if (lab === undefined) {
              lab = await onInterrupt((signal) => labUp(request, { signal }));
              const report = await check(lab);
              healthy = failedCodes(report);
              assert.deepEqual(unjudged(report), []);
              // A network that is at fault as it is made, such as a cloud's.
              const inborn = faults.filter((each) => each.break.length === 0)
                .flatMap((each) => each.expect);
              const docker = request.containers === "docker" &&
                !request.agentFlags?.includes("--ip-masq");
              const allowed = docker ? ["FD601", ...inborn] : inborn;
              assert.deepEqual(
                healthy.filter((code) => !allowed.includes(code)),
                [],
                sentences(report),
              );
            }
            const here = lab;
            // A step that fails leaves a lab nobody can judge by: the next makes its own.
            lab = undefined;
            try {
              await labBreak(here, fault);
              await assertFails(here, fault.expect);
              if (fault.fix.length > 0) {
                await assertRepairs(here, fault, healthy);
              }
              await labRestore(here, fault);
              await assertFails(here, healthy);
              lab = here;
            } finally {
              if (lab === undefined) await labDown(name);
            }
          });
        }
      } finally {
        await labDown(name);
      }
    },
  });
}
