/**
 * Certificates for tests: an authority and what it issues, made in memory
 * with `node:crypto` and written as PEM files. No program is needed, and a
 * certificate can be wrong in exactly the way a test wants: expired, of an
 * unknown authority, without names.
 *
 * @module
 */
import {
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { isIP } from "node:net";

/** What to put into a certificate. */
export interface CertificateOptions {
  /** Common name. */
  readonly name: string;
  /** IP addresses and DNS names. @default [] */
  readonly hosts?: readonly string[];
  /** @default one hour ago */
  readonly notBefore?: Date;
  /** @default one day from now */
  readonly notAfter?: Date;
  /** Extended key usage. @default ["server", "client"] */
  readonly usage?: readonly ("server" | "client")[];
  /** @default "ec" (P-256) */
  readonly key?: "ec" | "rsa";
  /** Of an RSA key. @default 2048 */
  readonly bits?: number;
}

/** Paths of a PEM certificate and its PKCS #8 key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority that issues certificates into a directory. */
export interface Authority extends CertificateFiles {
  /** Writes `NAME.pem` and `NAME-key.pem` (mode 0600) beside the authority. */
  issue(file: string, options: CertificateOptions): CertificateFiles;
}

/** Makes a self-signed authority in `directory` as `FILE.pem`. */
export function makeAuthority(
  directory: string,
  file: string,
  options: Partial<CertificateOptions> = {},
): Authority {
  const subject = { name: `${file} authority`, ...options };
  const keys = makeKeys(subject.key);
  const own = { subject: subject.name, keys };
  const files = write(directory, file, keys, certificate(subject, keys, own));
  return {
    ...files,
    issue(name, wanted) {
      const subjectKeys = makeKeys(wanted.key, wanted.bits);
      const der = certificate(wanted, subjectKeys, own);
      return write(directory, name, subjectKeys, der);
    },
  };
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Issuer {
  readonly subject: string;
  readonly keys: Keys;
}

function makeKeys(kind: "ec" | "rsa" = "ec", bits = 2048): Keys {
  return kind === "ec"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: bits });
}

function write(
  directory: string,
  file: string,
  keys: Keys,
  der: Uint8Array,
): CertificateFiles {
  const cert = `${directory}/${file}.pem`;
  const key = `${directory}/${file}-key.pem`;
  const base64 = der.toBase64().replace(/.{1,64}/g, "$&\n");
  Deno.writeTextFileSync(
    cert,
    `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`,
  );
  const pem = keys.privateKey.export({ type: "pkcs8", format: "pem" });
  Deno.writeTextFileSync(key, pem.toString(), { mode: 0o600 });
  return { cert, key };
}

// DER, X.690: tag, length, content.
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const length: number[] = [];
  if (size < 0x80) length.push(size);
  else {
    for (let rest = size; rest > 0; rest >>= 8) length.unshift(rest & 0xff);
    length.unshift(0x80 | length.length);
  }
  const out = new Uint8Array(1 + length.length + size);
  out.set([tag, ...length]);
  let offset = 1 + length.length;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const text = (value: string) => new TextEncoder().encode(value);

function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) {
      groups.unshift(0x80 | (left & 0x7f));
    }
    bytes.push(...groups);
  }
  return der(0x06, Uint8Array.from(bytes));
}

/** A Name with one common name, RFC 5280 4.1.2.4. */
function name(common: string): Uint8Array {
  const attribute = sequence(oid("2.5.4.3"), der(0x0c, text(common)));
  return sequence(der(0x31, attribute));
}

/** GeneralizedTime after 2049 is of no use here: UTCTime only. */
function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/\D/g, "");
  return der(0x17, text(`${digits.slice(2, 14)}Z`));
}

function extension(
  id: string,
  critical: boolean,
  value: Uint8Array,
): Uint8Array {
  const flag = critical ? [der(0x01, Uint8Array.of(0xff))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

function subjectAltName(hosts: readonly string[]): Uint8Array {
  return sequence(
    ...hosts.map((host) =>
      isIP(host) === 0
        ? der(0x82, text(host))
        : der(0x87, Uint8Array.from(addressBytes(host)))
    ),
  );
}

function addressBytes(address: string): number[] {
  if (!address.includes(":")) return address.split(".").map(Number);
  const [head = "", tail] = address.split("::");
  const words = (part: string) => part === "" ? [] : part.split(":");
  const zeros = 8 - words(head).length - words(tail ?? "").length;
  return [
    ...words(head),
    ...Array<string>(tail === undefined ? 0 : zeros).fill("0"),
    ...words(tail ?? ""),
  ].flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff]);
}

function certificate(
  options: CertificateOptions,
  keys: Keys,
  issuer: Issuer,
): Uint8Array {
  const isAuthority = keys === issuer.keys;
  const hour = 3600_000;
  const usage = options.usage ?? ["server", "client"];
  const extensions = isAuthority
    ? [
      extension("2.5.29.19", true, sequence(der(0x01, Uint8Array.of(0xff)))),
      extension("2.5.29.15", true, der(0x03, Uint8Array.of(1, 0x06))),
    ]
    : [
      extension("2.5.29.15", true, der(0x03, Uint8Array.of(5, 0xa0))),
      extension(
        "2.5.29.37",
        false,
        sequence(
          ...usage.map((use) =>
            oid(`1.3.6.1.5.5.7.3.${use === "server" ? 1 : 2}`)
          ),
        ),
      ),
    ];
  if (options.hosts?.length) {
    extensions.push(
      extension("2.5.29.17", false, subjectAltName(options.hosts)),
    );
  }
  const serial = randomBytes(8);
  serial[0] = 0x40 | (serial[0] ?? 0) & 0x3f;
  const algorithm = issuer.keys.publicKey.asymmetricKeyType === "rsa"
    ? sequence(oid("1.2.840.113549.1.1.11"), der(0x05))
    : sequence(oid("1.2.840.10045.4.3.2"));
  const body = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, serial),
    algorithm,
    name(issuer.subject),
    sequence(
      time(options.notBefore ?? new Date(Date.now() - hour)),
      time(options.notAfter ?? new Date(Date.now() + 24 * hour)),
    ),
    name(options.name),
    keys.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuer.keys.privateKey);
  return sequence(body, algorithm, der(0x03, Uint8Array.of(0), signature));
}
