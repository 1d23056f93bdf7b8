/**
 * Patience of the demo.
 *
 * @module
 */

/** Whether something holds within five seconds; looks every half second. */
export async function soon(holds: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 10; tries++) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return false;
}
