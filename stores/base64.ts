const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes that stand for more or less than one character each. */
const NOT_ASCII = /[\u0080-\u00ff]/;

/** UTF-8 bytes of a text in base64, as etcd's JSON gateway wants keys. */
export function toBase64(text: string): string {
  return encoder.encode(text).toBase64();
}

/**
 * Text of base64, bytes that are no UTF-8 replaced by U+FFFD. Base64 that is
 * none gives the empty text: what a stranger stored must not stop a list.
 */
export function fromBase64(base64: string | undefined): string {
  if (base64 === undefined) return "";
  try {
    // Of a list of thousands nearly all are ASCII, which needs no array.
    const text = atob(base64);
    return NOT_ASCII.test(text)
      ? decoder.decode(Uint8Array.fromBase64(base64))
      : text;
  } catch {
    return "";
  }
}
