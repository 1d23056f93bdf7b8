/**
 * What a TLS server shows before any trust is asked for: its certificates,
 * whether it wants one of the client. A TLS 1.2 handshake is plain text up to
 * the key exchange (RFC 5246 7.4), so the probe speaks that far and hangs up.
 * Deno itself tells nothing of a certificate it refuses.
 *
 * @module
 */
import { isIP } from "node:net";

/** What a server answered to a TLS 1.2 ClientHello. */
export interface TlsProbe {
  /** False when the answer was no TLS record: plain HTTP, SSH, nothing. */
  readonly tls: boolean;
  /** DER certificates, the server's own first. */
  readonly certificates: readonly Uint8Array<ArrayBuffer>[];
  /** Whether the server sent a CertificateRequest. */
  readonly asksClientCertificate: boolean;
  /** Alert number such as 70 (protocol_version), or null. */
  readonly alert: number | null;
}

/** More than any sane certificate chain, in bytes. */
const LIMIT = 262_144;

const RECORD_ALERT = 21;
const RECORD_HANDSHAKE = 22;
const CERTIFICATE = 11;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;

/**
 * Connects, sends a ClientHello and reads up to ServerHelloDone.
 *
 * @throws {Error} what Deno.connect throws, and `Deno.errors.TimedOut` after
 * `timeoutMs`.
 */
export async function probeTls(
  hostname: string,
  port: number,
  timeoutMs = 2_000,
): Promise<TlsProbe> {
  let connection: Deno.Conn | undefined;
  let expired = false;
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    expired = true;
    reject(new Deno.errors.TimedOut(`No answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const talk = async () => {
    connection = await Deno.connect({ hostname, port });
    if (expired) {
      connection.close();
      throw new Deno.errors.TimedOut("Connected too late");
    }
    return await converse(connection, hostname);
  };
  const talking = talk();
  try {
    return await Promise.race([talking, deadline]);
  } finally {
    clearTimeout(timer);
    talking.catch(() => {});
    if (connection) closeQuietly(connection);
  }
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // The peer was faster.
  }
}

async function converse(
  connection: Deno.Conn,
  hostname: string,
): Promise<TlsProbe> {
  await connection.write(clientHello(hostname));
  let seen = new Uint8Array(0);
  const chunk = new Uint8Array(16_384);
  while (seen.length < LIMIT) {
    const length = await connection.read(chunk).catch(() => null);
    if (length === null) break;
    const grown = new Uint8Array(seen.length + length);
    grown.set(seen);
    grown.set(chunk.subarray(0, length), seen.length);
    seen = grown;
    const flight = parseFlight(seen);
    if (flight.complete) return flight;
  }
  return parseFlight(seen);
}

/** Reads a server's first flight as far as it came. Never throws. */
export function parseFlight(
  bytes: Uint8Array<ArrayBuffer>,
): TlsProbe & { readonly complete: boolean } {
  const messages: Uint8Array<ArrayBuffer>[] = [];
  let tls = false;
  let alert: number | null = null;
  let strange = false;
  for (let at = 0; at + 5 <= bytes.length;) {
    const type = bytes[at];
    if (bytes[at + 1] !== 3 || type === undefined || type < 20 || type > 23) {
      strange = true;
      break;
    }
    const end = at + 5 + uint(bytes, at + 3, 2);
    if (end > bytes.length) break;
    tls = true;
    if (type === RECORD_HANDSHAKE) messages.push(bytes.slice(at + 5, end));
    if (type === RECORD_ALERT) alert = bytes[at + 6] ?? null;
    at = end;
  }
  let certificates: Uint8Array<ArrayBuffer>[] = [];
  let asksClientCertificate = false;
  let done = false;
  // A message may span records: RFC 5246 6.2.1.
  const handshake = concatenate(messages);
  for (let at = 0; at + 4 <= handshake.length;) {
    const end = at + 4 + uint(handshake, at + 1, 3);
    if (end > handshake.length) break;
    const type = handshake[at];
    const body = handshake.slice(at + 4, end);
    if (type === CERTIFICATE) certificates = certificateList(body);
    if (type === CERTIFICATE_REQUEST) asksClientCertificate = true;
    if (type === SERVER_HELLO_DONE) done = true;
    at = end;
  }
  return {
    tls,
    certificates,
    asksClientCertificate,
    alert,
    complete: done || alert !== null || strange,
  };
}

function certificateList(
  body: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer>[] {
  const list: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 3; at + 3 <= body.length;) {
    const end = at + 3 + uint(body, at, 3);
    if (end > body.length) break;
    list.push(body.slice(at + 3, end));
    at = end;
  }
  return list;
}

function uint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function concatenate(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Two length bytes, then the bytes. */
function vector16(bytes: readonly number[]): number[] {
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

function clientHello(hostname: string): Uint8Array<ArrayBuffer> {
  const ciphers = [
    ...[0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8], // ECDHE, AEAD
    ...[0xc009, 0xc013, 0xc00a, 0xc014], // ECDHE, CBC
    ...[0x009c, 0x009d, 0x002f, 0x0035], // RSA key exchange
  ].flatMap((suite) => [suite >> 8, suite & 0xff]);
  const signatures = [
    ...[0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806],
    ...[0x0401, 0x0501, 0x0601, 0x0807, 0x0203, 0x0201],
  ].flatMap((scheme) => [scheme >> 8, scheme & 0xff]);
  const extensions = [
    ...serverName(hostname),
    ...[0, 10, ...vector16(vector16([0, 29, 0, 23, 0, 24, 0, 25]))],
    ...[0, 11, ...vector16([1, 0])], // uncompressed points
    ...[0, 13, ...vector16(vector16(signatures))],
  ];
  const body = [
    ...[3, 3],
    ...crypto.getRandomValues(new Uint8Array(32)),
    0, // no session
    ...vector16(ciphers),
    ...[1, 0], // no compression
    ...vector16(extensions),
  ];
  const handshake = [1, 0, ...vector16(body)];
  return Uint8Array.from([RECORD_HANDSHAKE, 3, 1, ...vector16(handshake)]);
}

/** RFC 6066 3: names only, never an address. */
function serverName(hostname: string): number[] {
  if (isIP(hostname) !== 0) return [];
  const name = [...new TextEncoder().encode(hostname)];
  return [0, 0, ...vector16(vector16([0, ...vector16(name)]))];
}
