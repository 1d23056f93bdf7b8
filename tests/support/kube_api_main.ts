/**
 * The fake API server as a process of its own, for a network namespace: nodes
 * come as JSON in the first argument, the URL goes to stdout, and it ends with
 * its stdin. A line `get NAME` on stdin is answered with the node.
 *
 * @module
 */
import { readLines } from "../../stores/read_lines.ts";
import { FakeKubeApi, type NewNode } from "./kube_api.ts";

await using api = new FakeKubeApi();
const nodes: Readonly<Record<string, NewNode>> = JSON.parse(
  Deno.args[0] ?? "{}",
);
for (const [name, node] of Object.entries(nodes)) api.addNode(name, node);
console.log(api.url);
for await (const line of readLines(Deno.stdin.readable)) {
  const [, name] = /^get (\S+)$/.exec(line) ?? [];
  if (name !== undefined) console.log(JSON.stringify(api.node(name)));
}
