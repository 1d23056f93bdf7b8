/**
 * Aborts that hold. Deno hangs a fetch's signal on an object of its own that
 * may be collected meanwhile, so that an abort is lost (seen with 2.7 and 2.9,
 * after the headers): nothing here is left to fetch's own signal.
 *
 * @module
 */

/** Waits for an answer's headers no longer than until the signal aborts. */
export async function untilAborted(
  fetching: Promise<Response>,
  signal: AbortSignal,
): Promise<Response> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([fetching, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (signal.aborted) {
      fetching.then((late) => late.body?.cancel()).catch(() => {});
    }
  }
}

/** The chunks of a body; throws the signal's reason when it aborts. */
export async function* abortableBody(
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const onAbort = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", onAbort);
  try {
    while (true) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    await reader.cancel().catch(() => {});
  }
}
