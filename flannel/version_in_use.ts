/**
 * Which release's rules hold on a host.
 *
 * @module
 */
import { FLANNEL_LATEST } from "./version.ts";

/** Newest release that reads etcd's v2 API (flannel v0.18.0 dropped it). */
const LAST_V2_RELEASE = "0.17.0";

/** What of a process tells the release. */
export interface AgentProcess {
  /** `flanneld`, `flandoc`; others tell nothing. */
  readonly name: string;
  /** Release its executable says it is, or null. */
  readonly version: string | null;
}

/**
 * The flannel release whose rules hold on a host: the running flanneld's;
 * without one, the newest that speaks the API in use. flandoc's own agent
 * follows the latest with either API.
 *
 * @param store `etcd-v2`, `etcd-v3` or `kubernetes`; null where not known
 */
export function versionInUse(
  processes: readonly AgentProcess[],
  store: string | null,
): string {
  const flanneld = processes.find((process) =>
    process.name === "flanneld" && process.version !== null
  );
  if (flanneld?.version) return flanneld.version;
  const own = processes.some((process) => process.name === "flandoc");
  return own || store !== "etcd-v2" ? FLANNEL_LATEST : LAST_V2_RELEASE;
}
