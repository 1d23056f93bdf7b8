/**
 * Checks that data read from a file has the shape its type promises.
 *
 * @module
 */

/** Throws a {@linkcode ShapeError} unless the value is a `T`. */
export type Shape<T> = ((value: unknown, path: string) => void) & {
  readonly type?: T;
};

/** What is wrong, and where. */
export class ShapeError extends TypeError {
  override readonly name = "ShapeError";
  constructor(
    /** Such as `facts.routes.known[3].metric`. */
    readonly path: string,
    readonly wanted: string,
    readonly value: unknown,
  ) {
    super(`expected ${path} to be ${wanted}, got ${show(value)}`);
  }
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** A text. */
export const text: Shape<string> = (value, path) => {
  if (typeof value !== "string") throw new ShapeError(path, "a text", value);
};

/** A number. */
export const number: Shape<number> = (value, path) => {
  if (typeof value !== "number") throw new ShapeError(path, "a number", value);
};

/** True or false. */
export const boolean: Shape<boolean> = (value, path) => {
  if (typeof value !== "boolean") {
    throw new ShapeError(path, "true or false", value);
  }
};

/** One of the given texts or numbers. */
export function oneOf<const T extends string | number>(
  ...values: readonly T[]
): Shape<T> {
  return (value, path) => {
    if (!values.includes(value as T)) {
      throw new ShapeError(path, `one of ${values.join(", ")}`, value);
    }
  };
}

/** The shape, or null. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => {
    if (value !== null) shape(value, path);
  };
}

/** The shape, or absent. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path) => {
    if (value !== undefined) shape(value, path);
  };
}

/** A list of the shape. */
export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, "a list", value);
    value.forEach((item, index) => shape(item, `${path}[${index}]`));
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object with any names and values of the shape. */
export function record<T>(
  shape: Shape<T>,
): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (!isObject(value)) throw new ShapeError(path, "an object", value);
    for (const [name, item] of Object.entries(value)) {
      shape(item, `${path}.${name}`);
    }
  };
}

/** An object with these members; more members are let be. */
export function object<T>(
  members: {
    readonly [K in keyof T]-?: Shape<T[K]> | Shape<T[K] | undefined>;
  },
): Shape<T> {
  const entries = Object.entries(members) as [string, Shape<unknown>][];
  return (value, path) => {
    if (!isObject(value)) throw new ShapeError(path, "an object", value);
    for (const [name, shape] of entries) shape(value[name], `${path}.${name}`);
  };
}

/** An object whose `kind` says which of the shapes it has. */
export function byKind<T extends { readonly kind: string }>(
  shapes: { readonly [K in T["kind"]]: Shape<Extract<T, { kind: K }>> },
): Shape<T> {
  const known = new Map<unknown, Shape<unknown>>(Object.entries(shapes));
  return (value, path) => {
    const kind = isObject(value) ? value["kind"] : undefined;
    const shape = known.get(kind);
    if (shape === undefined) {
      const wanted = `one of ${[...known.keys()].join(", ")}`;
      throw new ShapeError(`${path}.kind`, wanted, kind);
    }
    shape(value, path);
  };
}
