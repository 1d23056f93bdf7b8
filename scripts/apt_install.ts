/**
 * Installing packages on a machine of which little is known.
 *
 * @module
 */

/** What works on packages; a test gives its own. */
export interface Apt {
  /** Runs apt-get; what it complained of, empty when all went well. */
  get(...args: readonly string[]): Promise<string>;
  /** `dpkg --configure -a`, which ends what an interrupted run began. */
  configure(): Promise<string>;
  /** Waits so many seconds. */
  pause(seconds: number): Promise<void>;
}

/**
 * Seconds before each further try. Another apt-get, as on a machine that has
 * just started, may hold a lock for minutes: apt waits for dpkg's by itself,
 * for those of its lists and archives it does not.
 */
const WAITS: readonly number[] = [0, 2, 5, 10, 20, 30, 30, 30, 30];

/**
 * Installs packages. The lists of a fresh machine are empty or old, a mirror
 * may drop a connection, and a former run may have been interrupted: it is
 * tried again until it works or nothing more can be hoped for.
 *
 * @returns What apt-get complained of last; empty when they are installed.
 */
export async function aptInstall(
  apt: Apt,
  packages: readonly string[],
): Promise<string> {
  const install = () =>
    apt.get("install", "--yes", "--no-install-recommends", ...packages);
  let complaint = await install();
  for (const seconds of WAITS) {
    if (complaint === "") return "";
    await apt.pause(seconds);
    if (/dpkg was interrupted|dpkg --configure -a/.test(complaint)) {
      await apt.configure();
    }
    const update = await apt.get("update");
    complaint = await install();
    if (complaint !== "" && update !== "") complaint += `\n${update}`;
  }
  return complaint;
}
