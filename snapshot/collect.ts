/**
 * Collects all facts of this host.
 *
 * @module
 */
import { readDocker } from "../host/docker.ts";
import { readOwedFile } from "../host/files.ts";
import { readHealth } from "../host/health.ts";
import { readHost } from "../host/identity.ts";
import { readNetfilter } from "../host/netfilter/mod.ts";
import { readPersistence } from "../host/persistence.ts";
import { type HostProcesses, readProcesses } from "../host/processes.ts";
import { statusOf } from "../host/raw_files.ts";
import { readSysctls } from "../host/sysctl.ts";
import { readUnitCommand, readUnits } from "../host/systemd.ts";
import type { UnitCommand } from "../host/systemd.ts";
import { readCertificates } from "../stores/certificates.ts";
import { createStore } from "../stores/create_store.ts";
import { attempt } from "./attempt.ts";
import { barredFile } from "./barred_file.ts";
import { collectKernel } from "./collect_kernel.ts";
import { collectProbes } from "./collect_probes.ts";
import {
  collectStore,
  etcdOptions,
  type OpenStore,
  type StoreFacts,
} from "./collect_store.ts";
import { deriveFacts } from "./derive.ts";
import { isKnown, known, unknown, valueOf } from "./fact.ts";
import type { Facts, RawFacts, Settings } from "./facts.ts";
import { removeValues, secretsOfArgv, secretsOfEnvironment } from "./redact.ts";
import type { FlagValues } from "./flag_values.ts";
import { settingEnvironment } from "./setting_table.ts";
import { discoverSettings, type Discovery } from "./settings.ts";

/** What to collect, and how. */
export interface CollectOptions {
  /** flanneld's flags as given to flandoc, and `etcd-api`. @default none */
  readonly flags?: FlagValues;
  /** `FLANDOC_*` and `FLANNELD_*`. @default this process's own */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether to send ARP and echo requests to peers. @default true */
  readonly probe?: boolean;
  /** Called with a few words at the start of each step. */
  readonly onProgress?: (step: string) => void;
  /** Opens a store. @default the real ones of `stores/` */
  readonly openStore?: OpenStore;
}

/** Facts, and how long each step took. */
export interface Collection {
  readonly facts: Facts;
  /** Milliseconds by step; steps that wait run beside each other. */
  readonly timings: Readonly<Record<string, number>>;
}

/** Deadline of reading all netfilter backends, milliseconds. */
const NETFILTER_MS = 6000;
const CERTIFICATES_MS = 5000;

/** Measures steps and tells of their start. */
class Steps {
  readonly timings: Record<string, number> = {};

  constructor(readonly onProgress: ((step: string) => void) | undefined) {}

  run<T>(name: string, words: string, work: () => T): T {
    this.onProgress?.(words);
    const start = performance.now();
    const done = (value: unknown) => {
      this.timings[name] = performance.now() - start;
      return value;
    };
    const result = work();
    if (result instanceof Promise) return result.finally(() => done(null)) as T;
    done(null);
    return result;
  }
}

function unitCommands(processes: HostProcesses): UnitCommand[] {
  const names = new Set([
    "flanneld.service",
    "flannel.service",
    "flandoc.service",
    ...unitNames(processes),
  ]);
  return [...names].map((name) => readUnitCommand(name)).filter((unit) =>
    unit !== null
  );
}

function unitNames(processes: HostProcesses): string[] {
  return processes.here.map((process) => process.facts.unit).filter((unit) =>
    unit !== null
  );
}

async function collectNetfilter(): Promise<RawFacts["netfilter"]> {
  const read = (signal: AbortSignal) =>
    readNetfilter({ signal, noteUnread: true });
  const fact = await attempt("the netfilter programs", NETFILTER_MS, read);
  return isKnown(fact) ? fact.known : fact;
}

/** Everything known to be secret here, to be looked for in all texts. */
function secretValues(
  processes: HostProcesses,
  units: readonly UnitCommand[],
  discovery: Discovery,
  options: CollectOptions,
): string[] {
  const programs = [...processes.here, ...units];
  const flags = [...options.flags ?? []].flatMap(([name, values]) =>
    values.map((value) => `--${name}=${value}`)
  );
  return [
    ...programs.flatMap((program) => [
      ...secretsOfArgv(program.argv),
      ...secretsOfEnvironment(program.environment),
    ]),
    ...secretsOfArgv(flags),
    ...secretsOfArgv(discovery.secrets.etcdEndpoints),
    ...discovery.secrets.etcdPassword === undefined
      ? []
      : [discovery.secrets.etcdPassword],
  ];
}

/**
 * Collects everything, each part beside the others, and derives what follows.
 * What this host lacks or does not let be read is unknown, with the reason.
 *
 * @throws {SyntaxError} when a flag or variable given to flandoc has a value
 * of the wrong form; nothing else throws
 */
export async function collect(
  options: CollectOptions = {},
): Promise<Collection> {
  const steps = new Steps(options.onProgress);
  const found = steps.run("processes", "reading processes", readProcesses);
  const processes = valueOf(found) ?? { here: [], elsewhere: [] };
  const units = steps.run("units", "reading systemd units", () => ({
    facts: readUnits(unitNames(processes)),
    commands: unitCommands(processes),
  }));
  const environment = options.environment ?? settingEnvironment();
  const discovery = discoverSettings({
    flags: options.flags ?? new Map(),
    environment,
    processes: processes.here,
    units: units.commands,
    cwd: Deno.cwd(),
    exists: (path) => statusOf(path) !== null,
  });
  const { settings } = discovery;

  const kernel = steps.run(
    "kernel",
    "reading the kernel's network state",
    collectKernel,
  );
  const own = valueOf(kernel.addresses)?.map(({ address }) => address);
  const host = steps.run("host", "reading identity", readHost);
  const barred = barredFile(settings, valueOf(host)?.uid ?? 0);
  const store = steps.run(
    "store",
    "asking the store",
    () =>
      barred !== null
        ? Promise.resolve(unaskedStore(settings, barred))
        : collectStore(
          discovery,
          options.openStore ?? createStore,
          undefined,
          own,
        ),
  );
  const certificates = steps.run(
    "certificates",
    "reading certificates",
    () =>
      settings.store.value === "kubernetes"
        ? Promise.resolve(known([]))
        : barred !== null
        ? Promise.resolve(unknown<never>(barred))
        : attempt(
          "the endpoints' certificates",
          CERTIFICATES_MS,
          () => readCertificates(etcdOptions(discovery)),
        ),
  );
  const netfilter = steps.run(
    "netfilter",
    "reading netfilter rules",
    () => collectNetfilter(),
  );
  const docker = steps.run(
    "docker",
    "asking Docker",
    () =>
      readDocker(processes, valueOf(units.facts) ?? [], {
        dockerHost: Deno.env.get("DOCKER_HOST"),
      }),
  );
  const health = steps.run(
    "health",
    "asking the agent",
    () => readHealth(settings.healthzIP.value, settings.healthzPort.value),
  );
  const sysctls = steps.run("sysctls", "reading sysctls", readSysctls);
  const persistence = steps.run(
    "persistence",
    "reading saved rules",
    readPersistence,
  );
  const subnetEnvFile = steps.run(
    "subnetEnvFile",
    "reading subnet.env",
    () => readOwedFile(settings.subnetFile.value),
  );

  const records = await store;
  const before = {
    ...kernel,
    ...records,
    settings: known(records.settings),
    host,
    sysctls,
    persistence,
    subnetEnvFile,
    units: units.facts,
    processes: isKnown(found)
      ? known(found.known.here.map((process) => process.facts))
      : found,
    certificates: unknown<never>("not read yet"),
    netfilter: unknown<never>("not read yet"),
    docker: unknown<never>("not read yet"),
    health: unknown<never>("not read yet"),
    arp: unknown<never>("not asked yet"),
    forwarding: unknown<never>("not asked yet"),
  };
  const probes = options.probe === false ? notAsked() : await steps.run(
    "probes",
    "asking the peers",
    () => collectProbes(deriveFacts(before)),
  );
  const raw: RawFacts = {
    ...before,
    ...probes,
    certificates: await certificates,
    netfilter: await netfilter,
    docker: await docker,
    health: await health,
  };
  const secrets = secretValues(processes, units.commands, discovery, options);
  const facts = steps.run(
    "derive",
    "comparing",
    () => deriveFacts({ ...removeValues(textual(raw), secrets), ...kernel }),
  );
  return { facts, timings: steps.timings };
}

function unaskedStore(settings: Settings, reason: string): StoreFacts {
  const fact = unknown<never>(reason);
  return {
    settings,
    endpoints: fact,
    configRecord: fact,
    leaseRecords: fact,
  };
}

function notAsked() {
  const fact = unknown<never>("not asked: --no-probe");
  return { arp: fact, forwarding: fact };
}

/** Facts that may hold a text somebody wrote: all but the kernel's tables. */
function textual(raw: RawFacts): RawFacts {
  const empty = unknown<never>("");
  return {
    ...raw,
    links: empty,
    addresses: empty,
    routes: empty,
    rules: empty,
    neighbours: empty,
    fdb: empty,
  };
}

/** {@linkcode collect} without the timings. */
export async function collectFacts(
  options: CollectOptions = {},
): Promise<Facts> {
  return (await collect(options)).facts;
}
