/**
 * Ends a server when the requests under way have their answers, or after the
 * time given: a client that is slow, or gone without a word, holds up nothing.
 * Deno 2.7 waits for such a one for ever, and its server cannot be aborted once
 * it shuts down: "Bad resource ID", from a listener where nobody catches it.
 *
 * @param graceMs how long requests under way may take, milliseconds
 */
export async function endServer(
  server: Deno.HttpServer,
  graceMs: number,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  // What is left of it must not keep the process alive.
  server.unref();
  await Promise.race([server.shutdown(), late]);
  clearTimeout(timer);
}
