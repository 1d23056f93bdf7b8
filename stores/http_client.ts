import type { KeyObject, X509Certificate } from "node:crypto";
import { EndpointError } from "./endpoint_error.ts";

/** PEM files by path, as flanneld's flags name them. */
export interface TlsFiles {
  readonly cafile?: string;
  readonly certfile?: string;
  readonly keyfile?: string;
}

/** PEM texts, each with the place it is from, for messages. */
export interface TlsTexts {
  readonly ca: { readonly text: string; readonly source: string } | null;
  readonly cert: { readonly text: string; readonly source: string } | null;
  readonly key: { readonly text: string; readonly source: string } | null;
}

/**
 * As {@linkcode createPemClient}, of files.
 *
 * @throws {EndpointError} of kind `file`, naming the file that is at fault.
 */
export function createHttpClient(files: TlsFiles): Deno.HttpClient {
  const ca = readPem(files.cafile, "--etcd-cafile");
  const cert = readPem(files.certfile, "--etcd-certfile");
  const key = readPem(files.keyfile, "--etcd-keyfile");
  if ((cert === null) !== (key === null)) {
    throw new EndpointError(
      "file",
      "A client certificate needs its key and a key its certificate: only one of --etcd-certfile and --etcd-keyfile is given",
    );
  }
  return createPemClient({ ca, cert, key });
}

/**
 * An HTTP/1.1 client with the given CA and client certificate. HTTP/2 would
 * carry all requests over one connection, and one that died silently would
 * take them all with it until the kernel gives up on it, minutes later.
 *
 * @throws {EndpointError} of kind `file`, naming what is at fault.
 */
export function createPemClient({ ca, cert, key }: TlsTexts): Deno.HttpClient {
  if (ca !== null) parseCertificate(ca.text, ca.source);
  if (cert !== null && key !== null) {
    checkPair(cert.text, cert.source, key.text, key.source);
  }
  try {
    return withoutProxy(() =>
      Deno.createHttpClient({
        http2: false,
        poolMaxIdlePerHost: 64,
        ...(ca === null ? {} : { caCerts: [ca.text] }),
        ...(cert === null || key === null
          ? {}
          : { cert: cert.text, key: key.text }),
      })
    );
  } catch (error) {
    throw new EndpointError(
      "file",
      `The certificate files cannot be used: ${
        error instanceof Error ? error.message : error
      }`,
    );
  }
}

function readPem(
  path: string | undefined,
  flag: string,
): TlsTexts["ca"] {
  if (!path) return null;
  try {
    return { text: Deno.readTextFileSync(path), source: path };
  } catch (error) {
    throw new EndpointError(
      "file",
      `Cannot read ${flag} ${path}: ${reason(error)}`,
    );
  }
}

/** Why a file could not be read, without the path that Deno appends. */
function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.InvalidData) return "not a text file";
  return error instanceof Error ? error.message : String(error);
}

/**
 * Only where there is a certificate to judge: loading it costs the agent's
 * start half of an empty program's.
 */
function nodeCrypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

function parseCertificate(pem: string, path: string): X509Certificate {
  const { X509Certificate } = nodeCrypto();
  try {
    return new X509Certificate(pem);
  } catch {
    throw new EndpointError("file", `${path} holds no PEM certificate`);
  }
}

const PRIVATE_KEY =
  /-----BEGIN ((?:\w+ )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/;

function parseKey(pem: string, path: string): KeyObject {
  const { createPrivateKey } = nodeCrypto();
  try {
    // EC keys of openssl stand behind a block with the curve's parameters.
    return createPrivateKey(PRIVATE_KEY.exec(pem)?.[0] ?? pem);
  } catch {
    throw new EndpointError(
      "file",
      /ENCRYPTED/.test(pem)
        ? `The key in ${path} is encrypted; it is needed without a passphrase`
        : `${path} holds no PEM private key`,
    );
  }
}

/**
 * Deno up to 2.7 ends the whole process, with no error to catch, when the key
 * does not belong to the certificate or is of a kind its TLS library does not
 * take: both are found here first.
 */
function checkPair(
  cert: string,
  certfile: string,
  key: string,
  keyfile: string,
): void {
  const certificate = parseCertificate(cert, certfile);
  const privateKey = parseKey(key, keyfile);
  const own = nodeCrypto().createPublicKey(privateKey).export({
    type: "spki",
    format: "der",
  });
  const theirs = certificate.publicKey.export({ type: "spki", format: "der" });
  if (!own.equals(theirs)) {
    throw new EndpointError(
      "file",
      `The key in ${keyfile} does not belong to the certificate in ${certfile}`,
    );
  }
  if (!isUsable(privateKey)) {
    throw new EndpointError(
      "file",
      `The key in ${keyfile} is of a kind that TLS 1.2 and 1.3 clients do not take: expected RSA of 2048 to 8192 bits, ECDSA P-256, P-384, P-521 or Ed25519`,
    );
  }
}

function isUsable(key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
      return (details.modulusLength ?? 0) >= 2048 &&
        (details.modulusLength ?? 0) <= 8192;
    case "ec":
      return /^(prime256v1|P-256|p256|secp384r1|P-384|p384|secp521r1|P-521|p521)$/
        .test(details.namedCurve ?? "");
    default:
      return key.asymmetricKeyType === "ed25519";
  }
}

/**
 * Runs `make` with no proxy in force. An administrator's shell often has one
 * for package downloads; flanneld, started by the system, has not, and etcd is
 * never behind one. Left as it is where the variables may not be touched.
 */
function withoutProxy<T>(make: () => T): T {
  const found = PROXY_VARIABLES.filter((variable) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
  ).flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  for (const [name] of found) Deno.env.delete(name);
  try {
    return make();
  } finally {
    for (const [name, value] of found) Deno.env.set(name, value);
  }
}

const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap(
  (name) => [name, name.toLowerCase()],
);
