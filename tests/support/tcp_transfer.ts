import type { TestNetns } from "./netns.ts";

/**
 * Sends octets over one TCP connection with busybox's `nc`, and returns what
 * came out at the other end.
 *
 * @param address The receiver's, as the sender reaches it.
 * @throws {Error} When the receiver does not listen, or after two minutes.
 */
export async function tcpTransfer(
  from: TestNetns,
  to: TestNetns,
  address: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const port = String(20_000 + Math.floor(Math.random() * 10_000));
  // Its standard input stays open: at the end of it nc says goodbye.
  const server = nc(to, ["-l", "-p", port], "piped");
  const timer = setTimeout(() => server.kill("SIGKILL"), 120_000);
  try {
    await listening(to, port);
    const client = nc(from, [address, port], "piped");
    const received = new Response(server.stdout).bytes();
    const writer = client.stdin.getWriter();
    await writer.write(bytes);
    await writer.close();
    const result = await received;
    await server.stdin.close().catch(() => {});
    await client.stdout.cancel();
    await client.status;
    return result;
  } finally {
    clearTimeout(timer);
    await server.status;
  }
}

function nc(netns: TestNetns, args: string[], stdin: "piped") {
  return new Deno.Command("ip", {
    args: ["netns", "exec", netns.name, "busybox", "nc", ...args],
    stdin,
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

async function listening(netns: TestNetns, port: string): Promise<void> {
  for (let attempt = 0; attempt < 3_000; attempt++) {
    if (netns.exec("ss", "-Hltn", `sport = :${port}`) !== "") return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Cannot transfer: nobody listens on port ${port}`);
}
