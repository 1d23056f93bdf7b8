import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { eventually } from "../tests/support/agents.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { SubnetEnvKeeper } from "./subnet_env_keeper.ts";

function lease(key: string): Lease {
  return parseLease({ key, value: "{}", ttl: 1 }) as Lease;
}

const TEXT = `FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=10.5.7.0/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
`;

/** In one step: nobody sees the file empty. */
async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

function setUp(path: string) {
  const log = quietLog();
  const keeper = new SubnetEnvKeeper({
    path,
    contents: ({ subnet }) => ({
      network: "10.5.0.0/16",
      subnet,
      ipv6Network: null,
      ipv6Subnet: null,
      mtu: 1450,
      ipMasq: false,
    }),
    log,
    periodMs: 5,
  });
  return { keeper, log };
}

Deno.test("SubnetEnvKeeper writes the file again, but does not fight", async () => {
  const directory = await Deno.makeTempDir({ prefix: "flandoc-env-" });
  const path = `${directory}/flannel/subnet.env`;
  const { keeper, log } = setUp(path);
  const read = () => Deno.readTextFile(path).catch(() => "");
  const stop = new AbortController();
  try {
    keeper.write(lease("10.5.7.0-24"));
    assert.equal(await read(), TEXT);
    const keeping = keeper.keep(stop.signal);
    await Deno.remove(path);
    await eventually(read, (text) => text === TEXT);
    for (let round = 1; round < 5; round++) {
      await replace(path, "FLANNEL_SUBNET=10.5.9.1/24\n");
      await eventually(read, (text) => text === TEXT);
    }
    await eventually(
      () => log.lines.at(-1) ?? "",
      (line) => line.includes("is left for two minutes"),
    );
    await replace(path, "mine\n");
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(await read(), "mine\n");
    stop.abort();
    await keeping;
  } finally {
    stop.abort();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("SubnetEnvKeeper says once that it cannot write, and goes on", async () => {
  const directory = await Deno.makeTempDir({ prefix: "flandoc-env-" });
  const path = `${directory}/flannel/subnet.env`;
  const { keeper, log } = setUp(path);
  const stop = new AbortController();
  try {
    await Deno.writeTextFile(`${directory}/flannel`, "in the way");
    keeper.write(lease("10.5.7.0-24"));
    const keeping = keeper.keep(stop.signal);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.match(keeper.problem ?? "", /^Cannot write .*subnet\.env: /);
    assert.equal(log.lines.length, 1);
    await Deno.remove(`${directory}/flannel`);
    await eventually(() => keeper.problem, (problem) => problem === null);
    assert.equal(await Deno.readTextFile(path), TEXT);
    stop.abort();
    await keeping;
  } finally {
    stop.abort();
    await Deno.remove(directory, { recursive: true });
  }
});
