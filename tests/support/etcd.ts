/**
 * A real etcd on loopback for tests: one or three members, v2 and v3 APIs,
 * plain or TLS. Members can be stopped, started again, killed and frozen by
 * their process id. Everything is gone after `close()`.
 *
 * @module
 */

/** How to run the cluster. */
export interface EtcdClusterOptions {
  /** @default 1 */
  readonly members?: 1 | 3;
  /** Serves clients over TLS with these PEM files. */
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    /** Requires client certificates of this authority. */
    readonly clientCa?: string;
  };
  /** Serves the v2 API too. @default true */
  readonly v2?: boolean;
  /** More command line, such as `--auth-token-ttl=1`. */
  readonly args?: readonly string[];
  /**
   * Network namespace whose loopback it serves on.
   * @default the process's own
   */
  readonly netns?: string;
}

/** One member; the methods act on its process. */
export interface EtcdMember {
  /** Client URL, such as `http://127.0.0.1:41234`. */
  readonly endpoint: string;
  readonly pid: number;
  /** Starts the stopped or killed member with its old data and ports. */
  start(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** A running cluster. */
export interface EtcdCluster extends AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
  /** Ends all members and removes their data. */
  close(): Promise<void>;
}

const PREFIX = "flandoc-etcd-";
/** Long enough for a machine with many things to do. */
const START_TIMEOUT_MS = 60_000;

/**
 * Starts etcd and waits until every member answers and has a leader.
 *
 * ```ts no-eval
 * await using etcd = await startEtcd();
 * ```
 */
export async function startEtcd(
  options: EtcdClusterOptions = {},
): Promise<EtcdCluster> {
  const parent = isDirectory("/dev/shm") ? "/dev/shm" : "/tmp";
  sweep(parent);
  const directory = Deno.makeTempDirSync({
    prefix: `${PREFIX}${Deno.pid}-`,
    dir: parent,
  });
  const scheme = options.tls ? "https" : "http";
  const count = options.members ?? 1;
  const ports = freePorts(2 * count);
  const client = (i: number) => `${scheme}://127.0.0.1:${ports[2 * i]}`;
  const peer = (i: number) => `http://127.0.0.1:${ports[2 * i + 1]}`;
  const indexes = Array.from({ length: count }, (_, i) => i);
  const members = indexes.map((i) =>
    new Member(client(i), [
      `--name=m${i}`,
      `--data-dir=${directory}/m${i}`,
      `--listen-client-urls=${client(i)}`,
      `--advertise-client-urls=${client(i)}`,
      `--listen-peer-urls=${peer(i)}`,
      `--initial-advertise-peer-urls=${peer(i)}`,
      `--initial-cluster=${indexes.map((j) => `m${j}=${peer(j)}`).join(",")}`,
      // Several on a busy machine must not elect another again and again.
      ...count === 1
        ? ["--heartbeat-interval=50", "--election-timeout=500"]
        : ["--heartbeat-interval=100", "--election-timeout=1000"],
      "--bcrypt-cost=4",
      ...(options.v2 === false ? [] : ["--enable-v2=true"]),
      ...tlsArguments(options.tls),
      ...options.args ?? [],
    ], options.netns)
  );
  const close = async () => {
    await Promise.all(members.map((member) => member.kill()));
    Deno.removeSync(directory, { recursive: true });
  };
  try {
    for (const member of members) member.spawn();
    await Promise.all(members.map((member) => member.ready()));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    endpoints: members.map((member) => member.endpoint),
    members,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Ends and removes what test runs that were killed have left: a directory
 * carries the process id of its run.
 */
function sweep(parent: string): void {
  for (const { name } of [...Deno.readDirSync(parent)]) {
    const owner = /^flandoc-etcd-(\d+)-/.exec(name)?.[1];
    if (owner === undefined || isDirectory(`/proc/${owner}`)) continue;
    try {
      for (const pid of etcdsOf(`${parent}/${name}/`)) {
        Deno.kill(pid, "SIGKILL");
      }
      Deno.removeSync(`${parent}/${name}`, { recursive: true });
    } catch {
      // Another run sweeps, too.
    }
  }
}

/** Process ids of the etcd that keep their data below a directory. */
function etcdsOf(directory: string): number[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const line = Deno.readTextFileSync(`/proc/${Number(name)}/cmdline`);
      return line.includes(`--data-dir=${directory}`) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function tlsArguments(tls: EtcdClusterOptions["tls"]): string[] {
  if (!tls) return [];
  return [
    `--cert-file=${tls.cert}`,
    `--key-file=${tls.key}`,
    ...(tls.clientCa
      ? ["--client-cert-auth", `--trusted-ca-file=${tls.clientCa}`]
      : []),
  ];
}

/**
 * Below those that the kernel gives to clients: none of them can take a port
 * before its server does, nor reach itself where nothing listens yet.
 */
const PORTS = { first: 10_000, count: 22_000 };
const given = new Set<number>();

/** Ports on loopback where nothing listens, each given once. */
export function freePorts(count: number): number[] {
  return Array.from({ length: count }, freePort);
}

function freePort(): number {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (given.has(port)) continue;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) continue;
      throw error;
    }
    given.add(port);
    return port;
  }
  throw new Error("Cannot find a port: all are taken");
}

class Member implements EtcdMember {
  readonly endpoint: string;
  readonly #command: readonly string[];
  #child: Deno.ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #log = "";

  constructor(endpoint: string, args: readonly string[], netns?: string) {
    this.endpoint = endpoint;
    const enter = netns === undefined
      ? []
      : ["nsenter", `--net=/var/run/netns/${netns}`];
    this.#command = [...enter, "etcd", ...args];
  }

  get pid(): number {
    if (!this.#child) throw new Error("Cannot name pid: member is not running");
    return this.#child.pid;
  }

  spawn(): void {
    const [program = "", ...args] = this.#command;
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      clearEnv: true,
    }).spawn();
    this.#child = child;
    this.#log = "";
    this.#ended = this.#follow(child);
  }

  async #follow(child: Deno.ChildProcess): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) {
      this.#log = (this.#log + decoder.decode(chunk)).slice(-20_000);
    }
    await child.status;
    if (this.#child === child) this.#child = undefined;
  }

  async ready(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    // A line in the log, not a request: with client certificates required a
    // request would need one.
    while (Date.now() < deadline) {
      if (this.#child === undefined) break;
      if (this.#log.includes("ready to serve client requests")) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`Cannot start etcd: log ends\n${this.#log}`);
  }

  async start(): Promise<void> {
    if (this.#child) return;
    this.spawn();
    await this.ready();
  }

  async stop(): Promise<void> {
    this.#signal("SIGCONT");
    this.#signal("SIGTERM");
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#ended;
  }

  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child?.kill(signal);
    } catch (error) {
      // Ended between the look and the signal.
      if (
        !(error instanceof TypeError || error instanceof Deno.errors.NotFound)
      ) {
        throw error;
      }
    }
  }
}
