/**
 * Agents in this process, each in a network namespace of its own, on one
 * switch: as near to several hosts as one test can come.
 *
 * @module
 */
import type { AgentOptions } from "../../agent/options.ts";
import { agentOptions } from "../../agent/options.ts";
import { runAgent } from "../../agent/run.ts";
import { TestNetns } from "./netns.ts";

/** A host: a namespace with `eth0` on the switch. */
export interface TestHost {
  readonly netns: TestNetns;
  /** 192.168.77.N */
  readonly address: string;
  readonly subnetFile: string;
}

/** Hosts on one switch, gone at the end of the block. */
export class TestHosts implements Disposable {
  readonly hosts: readonly TestHost[];
  readonly #switch: TestNetns;
  readonly #directory: string;

  /** @param ipv6 Whether hosts have fd01::N too. */
  constructor(count: number, ipv6 = false) {
    this.#directory = Deno.makeTempDirSync({ prefix: "flandoc-agents-" });
    this.#switch = new TestNetns(
      "link add br0 type bridge",
      "link set br0 up",
    );
    const hosts: TestHost[] = [];
    this.hosts = hosts;
    try {
      for (let n = 1; n <= count; n++) hosts.push(this.#host(n, ipv6));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #host(n: number, ipv6: boolean): TestHost {
    const address = `192.168.77.${n}`;
    const netns = new TestNetns("link set lo up");
    this.#switch.ip(
      `link add p${n} type veth peer name eth0 netns ${netns.name}`,
      `link set p${n} master br0 up`,
    );
    netns.ip(
      "link set eth0 up",
      `address add ${address}/24 dev eth0`,
      "route add default via 192.168.77.254",
      ...ipv6 ? [`address add fd01::${n}/64 dev eth0 nodad`] : [],
    );
    const subnetFile = `${this.#directory}/host-${n}/subnet.env`;
    return { netns, address, subnetFile };
  }

  [Symbol.dispose](): void {
    for (const { netns } of this.hosts) netns[Symbol.dispose]();
    this.#switch[Symbol.dispose]();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

/** An agent that runs. */
export class TestAgent implements AsyncDisposable {
  readonly host: TestHost;
  readonly #stop = new AbortController();
  readonly #done: Promise<number>;

  constructor(
    host: TestHost,
    flags: Readonly<Record<string, string>>,
    more: Partial<AgentOptions> = {},
  ) {
    this.host = host;
    const given = new Map(
      Object.entries({ "subnet-file": host.subnetFile, ...flags })
        .map(([name, value]) => [name, [value]]),
    );
    this.#done = runAgent({
      ...agentOptions(given, {}),
      netns: host.netns.name,
      signal: this.#stop.signal,
      ...more,
    });
  }

  /** Exit status, once the agent has ended. */
  get done(): Promise<number> {
    return this.#done;
  }

  /** Stops the agent; its exit status. */
  stop(): Promise<number> {
    this.#stop.abort();
    return this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Waits until something holds; throws what it says after the time limit, which
 * only a broken run reaches.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  holds: (value: T) => boolean,
  limitMs = 60_000,
): Promise<T> {
  const start = performance.now();
  return await seek(look, holds, limitMs, () => performance.now() - start);
}

/** A turn of {@linkcode promptly} counts for so much at most, milliseconds. */
const TURN_MS = 25;

/**
 * Like {@linkcode eventually}, for what is to come soon by itself. The clock is
 * that of a machine at rest: each look and the pause after it count for 25 ms
 * at most, however long they took, for what is waited for got no more of the
 * processor than the one who looks. What comes only with a timer of half a
 * minute is too late all the same.
 */
export async function promptly<T>(
  look: () => T | Promise<T>,
  holds: (value: T) => boolean,
  limitMs: number,
): Promise<T> {
  let passed = 0;
  let before = performance.now();
  return await seek(look, holds, limitMs, () => {
    const now = performance.now();
    passed += Math.min(now - before, TURN_MS);
    before = now;
    return passed;
  });
}

async function seek<T>(
  look: () => T | Promise<T>,
  holds: (value: T) => boolean,
  limitMs: number,
  elapsed: () => number,
): Promise<T> {
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (elapsed() > limitMs) {
      throw new Error(
        `Still not so after ${limitMs} ms: ${JSON.stringify(value)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
