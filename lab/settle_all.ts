/**
 * Waiting for several things at once, to their very end.
 *
 * @module
 */

/**
 * Like `Promise.all`, but a failure is thrown only when all have ended, so that
 * nothing goes on being made while the failure is cleaned up.
 *
 * @throws What the first of them, in order, failed with.
 */
export async function settleAll<T>(
  promises: Iterable<Promise<T>>,
): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
