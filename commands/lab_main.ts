import {
  findFault,
  findNode,
  labBreak,
  labDown,
  labNames,
  labRestore,
  labStatus,
  labUp,
  loadFaults,
  nodeCommand,
  onInterrupt,
  openLab,
  renderLabStatus,
  runInTerminal,
} from "../lab/mod.ts";
import type { FlandocContext } from "./context.ts";
import type { LabFaultFlags, LabNameFlags, LabUpFlags } from "./lab.ts";
import { progressOf } from "./progress.ts";

/** Prints the sentence of an error that a person can act on; 2 for usage. */
async function guarded(
  context: FlandocContext,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    context.process.stderr.write(`${error.message}\n`);
    const usage = error instanceof RangeError || error instanceof TypeError;
    context.process.exitCode = usage ? 2 : 3;
  }
}

/** Makes a lab and prints it. */
export function up(this: FlandocContext, flags: LabUpFlags): Promise<void> {
  const progress = progressOf(this);
  return guarded(this, async () => {
    try {
      const lab = await onInterrupt((signal) =>
        labUp({
          name: flags.name,
          hosts: flags.hosts,
          etcd: {
            api: flags.etcd,
            tls: flags.tls ?? false,
            members: flags.members,
          },
          agent: flags.agent,
          cloud: flags.cloud ?? false,
          ...flags.docker ? { containers: "docker", masquerade: "docker" } : {},
          ...flags.config === undefined ? {} : { config: flags.config },
          ...flags.for === undefined ? {} : findFault(flags.for).lab,
        }, { signal, onStep: progress.show })
      );
      progress.clear();
      const lines = renderLabStatus(await labStatus(lab));
      const named = flags.name === "lab" ? "" : ` --name ${flags.name}`;
      const hint = `Try: flandoc lab exec${named} node-1 -- flandoc check`;
      this.process.stdout.write([...lines, hint].join("\n") + "\n");
    } finally {
      progress.clear();
    }
  });
}

/** Runs a command, or a shell, on a host, with this terminal. */
export function exec(
  this: FlandocContext,
  flags: LabNameFlags,
  host = "",
  ...words: string[]
): Promise<void> {
  return guarded(this, async () => {
    const { plan } = openLab(flags.name);
    const argv = words.length > 0 ? words : ["bash"];
    this.process.exitCode = await runInTerminal(
      nodeCommand(plan, findNode(plan, host), argv),
    );
  });
}

/** Breaks a lab and prints what was typed for it. */
export function breakLab(
  this: FlandocContext,
  flags: LabFaultFlags,
  name?: string,
): Promise<void> {
  return guarded(this, async () => {
    if (name === undefined) {
      const rows = loadFaults().map((fault) =>
        `${fault.name.padEnd(28)}${
          fault.expect.join(" ").padEnd(8)
        } ${fault.describes}`
      );
      this.process.stdout.write(rows.join("\n") + "\n");
      return;
    }
    const fault = findFault(name);
    const typed = await labBreak(openLab(flags.name), fault, flags.on);
    const named = flags.name === "lab" ? "" : ` --name ${flags.name}`;
    const hints = [
      fault.describes,
      ...fault.freeze
        ? [
          `The agents stand still until: flandoc lab restore${named} ${fault.name}`,
        ]
        : [],
      `Try: flandoc lab exec${named} ${flags.on} -- flandoc check`,
    ];
    this.process.stdout.write([...typed, ...hints].join("\n") + "\n");
  });
}

/** Takes a fault back and prints what was typed for it. */
export function restoreLab(
  this: FlandocContext,
  flags: LabFaultFlags,
  name?: string,
): Promise<void> {
  return guarded(this, async () => {
    const fault = findFault(name ?? "");
    const typed = await labRestore(openLab(flags.name), fault, flags.on);
    this.process.stdout.write(typed.map((line) => `${line}\n`).join(""));
  });
}

/** Removes a lab. */
export function down(this: FlandocContext, flags: LabNameFlags): Promise<void> {
  return guarded(this, async () => {
    const was = await labDown(flags.name);
    const said = was
      ? `Removed lab "${flags.name}".`
      : `There is no lab "${flags.name}".`;
    this.process.stdout.write(`${said}\n`);
  });
}

/** Prints every lab. */
export function status(this: FlandocContext): Promise<void> {
  return guarded(this, async () => {
    const names = labNames();
    if (names.length === 0) {
      this.process.stdout.write(
        'There is no lab; "flandoc lab up" makes one.\n',
      );
    }
    for (const name of names) {
      const lines = renderLabStatus(await labStatus(openLab(name)));
      this.process.stdout.write(lines.join("\n") + "\n");
    }
  });
}
