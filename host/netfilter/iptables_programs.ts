import { ProgramError, type ProgramOptions, runProgram } from "../program.ts";

/** The two iptables: over nf_tables, and over the kernel's own old tables. */
export type IptablesVariant = "nft" | "legacy";

/** Names of the programs of one variant. */
export interface IptablesPrograms {
  readonly save: string;
  readonly restore: string;
}

function plain(family: 4 | 6): string {
  return family === 4 ? "iptables" : "ip6tables";
}

/**
 * The variant of the plain `iptables`. Versions before 1.8 are all legacy and
 * do not say so.
 */
async function plainVariant(
  family: 4 | 6,
  options: ProgramOptions,
): Promise<IptablesVariant> {
  const { stdout } = await runProgram(plain(family), ["--version"], options);
  return stdout.includes("nf_tables") ? "nft" : "legacy";
}

async function isInstalled(
  program: string,
  options: ProgramOptions,
): Promise<boolean> {
  try {
    await runProgram(program, ["--version"], options);
    return true;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    if (error.failure === "denied") throw error;
    return error.failure !== "missing";
  }
}

const cache = new Map<string, Promise<IptablesPrograms | null>>();

async function find(
  variant: IptablesVariant,
  family: 4 | 6,
  options: ProgramOptions,
): Promise<IptablesPrograms | null> {
  const named = `${plain(family)}-${variant}`;
  if (await isInstalled(`${named}-save`, options)) {
    return { save: `${named}-save`, restore: `${named}-restore` };
  }
  try {
    if (await plainVariant(family, options) !== variant) return null;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    if (error.failure === "denied") throw error;
    return null;
  }
  return { save: `${plain(family)}-save`, restore: `${plain(family)}-restore` };
}

/**
 * The programs that read and write one variant's tables, or null when they are
 * not installed: `iptables-nft-save` and its like by name, else the plain
 * `iptables-save` where that is the variant wanted.
 *
 * @throws {ProgramError} when flandoc may not run them
 */
export function iptablesPrograms(
  variant: IptablesVariant,
  family: 4 | 6,
  options: Pick<ProgramOptions, "netns"> = {},
): Promise<IptablesPrograms | null> {
  const key = `${variant} ${family}`;
  let answer = cache.get(key);
  if (answer === undefined) {
    answer = find(variant, family, options);
    cache.set(key, answer);
    answer.catch(() => cache.delete(key));
  }
  return answer;
}
