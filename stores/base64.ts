const encoder = new TextEncoder();
const decoder = new TextDecoder();

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
    return decoder.decode(Uint8Array.fromBase64(base64));
  } catch {
    return "";
  }
}
