import { X509Certificate } from "node:crypto";
import {
  blankFacts,
  type CertificateFacts,
  chainsTo,
  describeCertificate,
} from "./certificate_facts.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { classifyError } from "./classify_error.ts";
import { probeTls, type TlsProbe } from "./tls_probe.ts";

/** How to look at a server's certificate. */
export interface ServerCertificateOptions {
  /** Authorities to judge `trusted` by; without them it stays null. */
  readonly authorities?: readonly X509Certificate[];
  /** @default 2000 */
  readonly timeoutMs?: number;
}

/**
 * The certificate an `https://` endpoint shows, also when it is expired, has
 * the wrong name or an unknown issuer. Never throws.
 */
export async function readServerCertificate(
  url: string,
  options: ServerCertificateOptions = {},
): Promise<CertificateFacts> {
  const endpoint = parseEndpoint(url);
  const blank = (error: string) => blankFacts("server", endpoint.name, error);
  if (!endpoint.secure) return blank("The endpoint is not an https:// URL");
  let probe: TlsProbe;
  try {
    probe = await probeTls(
      endpoint.hostname,
      endpoint.port,
      options.timeoutMs,
    );
  } catch (error) {
    return blank(reason(error, endpoint));
  }
  const chain = probe.certificates.flatMap(parseDer);
  const own = chain[0];
  if (!own) return blank(noCertificate(probe));
  return {
    ...blankFacts("server", endpoint.name, null),
    ...describeCertificate(own),
    trusted: options.authorities
      ? chainsTo(own, chain.slice(1), options.authorities)
      : null,
  };
}

function parseDer(der: Uint8Array<ArrayBuffer>): X509Certificate[] {
  try {
    return [new X509Certificate(der)];
  } catch {
    return [];
  }
}

function reason(error: unknown, endpoint: Endpoint): string {
  if (error instanceof Deno.errors.TimedOut) return error.message;
  return classifyError(error, {
    endpoint,
    cafile: undefined,
    certfile: undefined,
  }).message;
}

function noCertificate({ tls, alert }: TlsProbe): string {
  if (!tls) return "The endpoint does not speak TLS";
  // RFC 8446 6: what a server of TLS 1.3 alone answers.
  if (alert === 70) {
    return "The endpoint does not take TLS 1.2, and TLS 1.3 hides certificates";
  }
  return alert === null
    ? "The endpoint showed no certificate"
    : `The endpoint refused the handshake (TLS alert ${alert})`;
}
