/** Known, or not known and why. Collectors never throw for what a host may lack. */
export type Fact<T> = { readonly known: T } | { readonly unknown: string };

/** Wraps a value as a known fact. */
export function known<T>(value: T): Fact<T> {
  return { known: value };
}

/** A fact that could not be collected, with the reason in plain words. */
export function unknown<T = never>(reason: string): Fact<T> {
  return { unknown: reason };
}

/** Whether the fact is known; narrows the type. */
export function isKnown<T>(fact: Fact<T>): fact is { readonly known: T } {
  return "known" in fact;
}

/** The value of a known fact, else undefined. */
export function valueOf<T>(fact: Fact<T>): T | undefined {
  return "known" in fact ? fact.known : undefined;
}
