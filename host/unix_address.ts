const AF_UNIX = 1;
/** `sizeof(sun_path)`. */
const PATH_SIZE = 108;

/**
 * A `struct sockaddr_un`, no longer than its name: a path, or with a leading
 * `@` a name in the abstract space of the network namespace (`unix(7)`).
 *
 * @throws {RangeError} When the name does not fit.
 */
export function unixAddress(name: string): Uint8Array<ArrayBuffer> {
  const abstract = name.startsWith("@");
  const text = new TextEncoder().encode(abstract ? name.slice(1) : name);
  const length = text.length + 1;
  if (text.length === 0 || length > PATH_SIZE) {
    throw new RangeError(
      `Cannot make a Unix socket address: expected 1 to ${
        PATH_SIZE - 1
      } bytes, got "${name}"`,
    );
  }
  const address = new Uint8Array(2 + length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  // Abstract: a zero byte before the name; a path: one after it.
  address.set(text, abstract ? 3 : 2);
  return address;
}
