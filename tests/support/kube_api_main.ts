/**
 * The fake API server as a process of its own, for a network namespace: nodes
 * come as JSON in the first argument, the network config of its ConfigMap in the
 * second, the URL goes to stdout, and it ends with its stdin. A line `get NAME`
 * on stdin is answered with the node, and so is `add NAME NODE`, which adds it.
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
const [, config] = Deno.args;
if (config !== undefined) {
  const data = { "net-conf.json": config };
  api.addConfigMap("kube-flannel", "kube-flannel-cfg", data);
}
console.log(api.url);
for await (const line of readLines(Deno.stdin.readable)) {
  const [, verb, name, node] = /^(get|add) (\S+)(?: (.*))?$/.exec(line) ?? [];
  if (verb === "add") api.addNode(name!, JSON.parse(node!));
  if (name !== undefined) console.log(JSON.stringify(api.node(name)));
}
