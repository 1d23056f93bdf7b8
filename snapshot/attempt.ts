/**
 * Turns work that may fail, or hang, into a fact.
 *
 * @module
 */
import { type Fact, known, unknown } from "./fact.ts";
import { StoreUnavailable } from "../stores/store.ts";

/** What went wrong, in words for a person. */
export function reasonOf(error: unknown): string {
  if (error instanceof StoreUnavailable) {
    const causes = error.causes
      .filter((cause) => !error.message.includes(cause.error))
      .map((cause) => `${cause.endpoint}: ${cause.error}`);
    return [error.message, ...causes].join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * Runs `work` and gives its result as a known fact, or why there is none. Work
 * that does not end within `deadlineMs` is told so by its signal and left.
 *
 * @param what completes "no answer from …", such as `etcd`
 * @param sooner an answer that may come from elsewhere and ends the work
 */
export async function attempt<T>(
  what: string,
  deadlineMs: number,
  work: (signal: AbortSignal) => T | Promise<T>,
  sooner?: Promise<Fact<T>>,
): Promise<Fact<T>> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Fact<T>>((resolve) => {
    timer = setTimeout(() => {
      resolve(unknown(`no answer from ${what} within ${deadlineMs / 1000} s`));
    }, deadlineMs);
  });
  try {
    const done = Promise.resolve().then(() => work(controller.signal)).then(
      (value) => known(value),
      (error) => unknown<T>(reasonOf(error)),
    );
    return await Promise.race([done, late, ...sooner ? [sooner] : []]);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}
