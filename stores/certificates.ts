import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type X509Certificate,
} from "node:crypto";
import {
  blankFacts,
  type CertificateFacts,
  chainsTo,
  describeCertificate,
  parsePem,
} from "./certificate_facts.ts";
import { parseEndpoint } from "./endpoint.ts";
import { readServerCertificate } from "./server_certificate.ts";
import type { EtcdOptions } from "./store.ts";

export type { CertificateFacts } from "./certificate_facts.ts";

/** Files to judge a file by. */
export interface CertificateContext {
  /** For `trusted` of a client certificate. */
  readonly cafile?: string;
  /** For whether a key belongs to its certificate. */
  readonly certfile?: string;
}

/**
 * Facts of everything that flannel's TLS settings name: CA, client certificate
 * and key, and the certificate each `https://` endpoint shows. Never throws.
 */
export async function readCertificates(
  options: EtcdOptions,
): Promise<CertificateFacts[]> {
  const { cafile, certfile, keyfile } = options;
  const context = {
    ...(cafile ? { cafile } : {}),
    ...(certfile ? { certfile } : {}),
  };
  const files =
    ([["ca", cafile], ["client", certfile], ["key", keyfile]] as const)
      .flatMap(([role, path]) =>
        path ? [readCertificate(path, role, context)] : []
      );
  const authorities = cafile ? readAuthorities(cafile) : undefined;
  const endpoints = new Set(
    options.endpoints.map((url) => parseEndpoint(url))
      .filter(({ secure }) => secure).map(({ name }) => name),
  );
  const servers = [...endpoints].map((url) =>
    readServerCertificate(url, {
      ...(authorities ? { authorities } : {}),
      timeoutMs: Math.min(options.timeoutMs ?? 2_000, 2_000),
    })
  );
  return await Promise.all([...files, ...servers]);
}

/**
 * Facts of one PEM file. Of several certificates in a file the first is
 * described, which is the one TLS shows. Never throws.
 */
export async function readCertificate(
  path: string,
  role: "ca" | "client" | "key",
  context: CertificateContext = {},
): Promise<CertificateFacts> {
  const mode = await fileMode(path);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    return blankFacts(role, path, readError(error), mode);
  }
  if (role === "key") {
    const certificate = readAuthorities(context.certfile ?? "")?.[0];
    return blankFacts(role, path, keyError(text, certificate), mode);
  }
  const [first, ...more] = parsePem(text);
  if (!first) {
    return blankFacts(role, path, "The file holds no PEM certificate", mode);
  }
  const authorities = role === "client" && context.cafile
    ? readAuthorities(context.cafile)
    : undefined;
  return {
    ...blankFacts(role, path, null, mode),
    ...describeCertificate(first),
    trusted: authorities ? chainsTo(first, more, authorities) : null,
  };
}

async function fileMode(path: string): Promise<number | null> {
  try {
    const { mode } = await Deno.stat(path);
    return mode === null ? null : mode & 0o777;
  } catch {
    return null;
  }
}

function readError(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "No such file";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "Permission denied";
  }
  if (error instanceof Deno.errors.InvalidData) return "Not a text file";
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\).*$/, "");
}

/** Certificates of a file; undefined where there are none to judge by. */
function readAuthorities(path: string): X509Certificate[] | undefined {
  try {
    const found = parsePem(Deno.readTextFileSync(path));
    return found.length > 0 ? found : undefined;
  } catch {
    return undefined;
  }
}

function keyError(
  text: string,
  certificate: X509Certificate | undefined,
): string | null {
  const block = /-----BEGIN ((?:\w+ )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/
    .exec(text)?.[0];
  if (block === undefined) return "The file holds no PEM private key";
  if (/ENCRYPTED/.test(block)) {
    return "The key is encrypted; flanneld and etcd need it without passphrase";
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(block);
  } catch {
    return "The file holds no private key of a known kind";
  }
  return certificate && !belongTogether(key, certificate)
    ? "The key does not belong to the client certificate"
    : null;
}

function belongTogether(key: KeyObject, certificate: X509Certificate): boolean {
  const format = { type: "spki", format: "der" } as const;
  return createPublicKey(key).export(format)
    .equals(certificate.publicKey.export(format));
}
