/** Status of a shell's command that a signal ended: 128 and its number. */
const STATUS: ReadonlyMap<Deno.Signal, number> = new Map([
  ["SIGINT", 130],
  ["SIGTERM", 143],
]);

/**
 * Does something that a person must not leave without a word. An interruption
 * says it and ends the program there; a terminal that goes away, as a lost
 * connection takes it, does not end the work in its middle.
 *
 * @param say called before the program ends
 */
export async function untilInterrupted<T>(
  work: () => Promise<T>,
  say: () => void,
): Promise<T> {
  const listeners = [...STATUS].map(([signal, status]) => {
    const listener = () => {
      say();
      Deno.exit(status);
    };
    return [signal, listener] as const;
  });
  const all = [...listeners, ["SIGHUP", () => {}] as const];
  for (const [signal, listener] of all) {
    Deno.addSignalListener(signal, listener);
  }
  try {
    return await work();
  } finally {
    for (const [signal, listener] of all) {
      Deno.removeSignalListener(signal, listener);
    }
  }
}
