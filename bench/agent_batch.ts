/**
 * What an agent writes into the kernel, as iproute2's batch files.
 *
 * @module
 */
import { benchNetwork } from "./network.ts";

/**
 * Writes the batch files of a network with so many peers.
 *
 * @returns the commands that carry them out, in order
 */
export async function batchFiles(
  backend: "host-gw" | "vxlan",
  peers: number,
  directory: string,
): Promise<string[][]> {
  const { state } = benchNetwork(backend, peers);
  const commands: string[][] = [];
  const add = async (program: string, name: string, lines: string[]) => {
    if (lines.length === 0) return;
    const file = `${directory}/${name}.batch`;
    await Deno.writeTextFile(file, lines.map((line) => `${line}\n`).join(""));
    commands.push([program, "-batch", file]);
  };
  await add(
    "ip",
    "neighbours",
    state.neighbours.map(({ address, mac, device }) =>
      `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`
    ),
  );
  await add(
    "bridge",
    "fdb",
    state.fdb.map(({ mac, dst, device }) =>
      `fdb replace ${mac} dev ${device} dst ${dst} self permanent`
    ),
  );
  await add(
    "ip",
    "routes",
    state.routes.map(({ dst, gateway, device, onlink }) =>
      `route replace ${dst} via ${gateway} dev ${device}${
        onlink ? " onlink" : ""
      }`
    ),
  );
  return commands;
}
