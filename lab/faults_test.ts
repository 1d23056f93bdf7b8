/**
 * Every fault on a real kernel: exactly the expected codes fail, the named
 * repair mends it, a second one has nothing to do, undo brings the broken state
 * back to the letter, and the network is found healthy when it is restored.
 */
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { labBreak, labRestore } from "./break.ts";
import { labDown } from "./down.ts";
import type { Fault } from "./fault.ts";
import { loadFaults } from "./faults/mod.ts";
import { type Lab, labExec } from "./lab.ts";
import { labUp } from "./up.ts";

const VICTIM = "node-1";

/** Codes that fail in a sound network of this kind, by the tutorial's design. */
function inborn(fault: Fault): readonly string[] {
  return fault.break.length === 0 ? fault.expect : [];
}

async function flandoc(lab: Lab, ...args: string[]) {
  const { code, stdout, stderr } = await labExec(lab, VICTIM, [
    "flandoc",
    ...args,
  ]);
  assert.ok(code <= 2, `flandoc ${args.join(" ")}: ${code} ${stdout}${stderr}`);
  return { code, text: stdout };
}

async function failing(lab: Lab): Promise<string[]> {
  const { text } = await flandoc(lab, "check", "-o", "json");
  const report = JSON.parse(text) as {
    checks: { code: string; verdict: string }[];
  };
  assert.deepEqual(
    report.checks.filter((check) => check.verdict === "crashed"),
    [],
  );
  return report.checks.filter((check) => check.verdict === "failed")
    .map((check) => check.code).sort();
}

const STATE = `ip route show table all | grep -v -e ' proto kernel' -e ' cache'
ip rule
iptables-save | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]//'
cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/rp_filter
cat /run/flannel/subnet.env`;

async function kernelState(lab: Lab): Promise<string> {
  return (await labExec(lab, VICTIM, ["sh", "-c", STATE])).stdout;
}

async function repair(lab: Lab, fault: Fault): Promise<void> {
  const flags = fault.fix.map((fix) => `--${fix}`);
  const broken = await kernelState(lab);
  const fixed = await flandoc(lab, "fix", ...flags, "--yes");
  assert.equal(fixed.code, 0, fixed.text);
  const left = (await failing(lab)).filter((code) =>
    fault.expect.some((expected) => expected === code)
  );
  assert.deepEqual(left, [], "the repair mends it");
  const again = await flandoc(lab, "fix", ...flags, "--dry-run");
  assert.equal(again.code, 0, `the second repair plans: ${again.text}`);
  const undone = await flandoc(lab, "undo", "--yes");
  assert.equal(undone.code, 0, undone.text);
  assert.equal(await kernelState(lab), broken, "undo brings back what was");
}

async function tryFault(lab: Lab, fault: Fault): Promise<void> {
  await labBreak(lab, fault);
  try {
    assert.deepEqual(await failing(lab), [...fault.expect].sort());
    if (fault.fix.length > 0) await repair(lab, fault);
  } finally {
    await labRestore(lab, fault);
  }
}

const byLab = Map.groupBy(loadFaults(), (fault) => JSON.stringify(fault.lab));

for (const [spec, faults] of byLab) {
  Deno.test({
    name: `flandoc check finds each fault of a lab ${spec}`,
    ...needs({
      netns: true,
      programs: ["etcd", "etcdctl", "dockerd", "openssl"],
    }),
    async fn(t) {
      const name = `fd-${crypto.randomUUID().slice(0, 8)}`;
      try {
        const lab = await labUp({ ...faults[0]?.lab, name });
        await t.step("healthy", async () => {
          const known = faults.flatMap(inborn);
          const found = (await failing(lab)).filter((code) =>
            !known.includes(code)
          );
          assert.deepEqual(found, []);
        });
        for (const fault of faults) {
          await t.step(fault.name, () => tryFault(lab, fault));
        }
      } finally {
        await labDown(name);
      }
    },
  });
}
