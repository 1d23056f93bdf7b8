import type { Endpoint } from "./endpoint.ts";
import { EndpointError, type ErrorKind } from "./endpoint_error.ts";
import {
  clientCertificateError,
  type ShownCertificate,
} from "./diagnose_closed.ts";

/** What the classifier knows besides the error. */
export interface ErrorContext extends ShownCertificate {
  readonly endpoint: Endpoint;
  readonly cafile: string | undefined;
}

/**
 * Turns what Deno's fetch threw into a kind and a sentence. The text is found
 * in the message up to Deno 2.7 and in the chain of causes from 2.9 on; both
 * carry the words of rustls, hyper and the kernel.
 */
export function classifyError(
  error: unknown,
  context: ErrorContext,
): EndpointError {
  if (error instanceof EndpointError) return error;
  const text = wholeMessage(error);
  const certificate = /invalid peer certificate: (.*)/s.exec(text)?.[1];
  if (certificate !== undefined) return certificateError(certificate, context);
  if (
    /fatal alert: (Bad|Unsupported|Unknown)?Certificate|UnknownCA/.test(text)
  ) {
    return clientCertificateError(context);
  }
  const { hostname, port, name } = context.endpoint;
  const address = hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
  for (const [pattern, kind, sentence] of PATTERNS) {
    if (!pattern.test(text)) continue;
    return new EndpointError(
      kind,
      sentence.replace("{address}", address).replace("{hostname}", hostname)
        .replace("{name}", name),
    );
  }
  return new EndpointError("http", `The request failed: ${brief(text)}`);
}

const PATTERNS: readonly (readonly [RegExp, ErrorKind, string])[] = [
  [
    /connection refused/i,
    "refused",
    "Connection refused: nothing listens on {address}",
  ],
  [
    /dns error|failed to lookup address/i,
    "dns",
    'Cannot resolve the host name "{hostname}"',
  ],
  [
    /network is unreachable|no route to host|host is unreachable|host is down/i,
    "unreachable",
    "No route to {address}, or a firewall rejects it",
  ],
  [
    /timed out|etimedout/i,
    "timeout",
    "No answer from {address}: the connection timed out",
  ],
  [
    /requests to port \d+ are blocked/i,
    "invalid",
    "Port of {name} is one that HTTP clients refuse to talk to",
  ],
  [
    /InvalidContentType|corrupt message/,
    "scheme",
    "The endpoint does not speak TLS: is {name} a plain http:// endpoint?",
  ],
  [
    /invalid HTTP version|invalid HTTP header|invalid HTTP status|UnexpectedMessage|unexpected message from connection/i,
    "not-etcd",
    "What listens on {address} does not speak HTTP",
  ],
  [
    /fatal alert|HandshakeFailure|PeerIncompatible|peer is incompatible|peer misbehaved/i,
    "tls",
    "The TLS handshake with {address} failed",
  ],
  [
    /handshake eof|connection closed|connection reset|broken pipe|reading a body|unexpected end|incomplete|canceled|end of file/i,
    "closed",
    "{address} closed the connection without a complete answer",
  ],
];

/** Messages of the error and of all its causes, once each. */
function wholeMessage(error: unknown): string {
  const parts: string[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 8; depth++) {
    parts.push(at.message);
    at = at.cause;
  }
  return parts.length > 0 ? parts.join(": ") : String(error);
}

function brief(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 200);
}

function certificateError(
  detail: string,
  { endpoint, cafile }: ErrorContext,
): EndpointError {
  const after = /not valid after (\d+)/.exec(detail)?.[1];
  if (after !== undefined || /expired/i.test(detail)) {
    const date = after === undefined ? "" : ` on ${utc(after)}`;
    return new EndpointError(
      "tls-expired",
      `The server's certificate expired${date}`,
    );
  }
  const before = /not valid before (\d+)/.exec(detail)?.[1];
  if (before !== undefined || /not valid yet|NotValidYet/.test(detail)) {
    const date = before === undefined ? " yet" : ` before ${utc(before)}`;
    return new EndpointError(
      "tls-expired",
      `The server's certificate is not valid${date}: is this host's clock right?`,
    );
  }
  if (/not valid for (any )?name|NotValidForName/.test(detail)) {
    return nameError(detail, endpoint);
  }
  if (/UnknownIssuer|BadSignature/.test(detail)) {
    return new EndpointError(
      "tls-untrusted",
      cafile
        ? `The server's certificate is not signed by the CA in ${cafile}`
        : "The server's certificate is not signed by a CA this host trusts, and no --etcd-cafile is given",
    );
  }
  if (/key usage|InvalidPurpose/.test(detail)) {
    return new EndpointError(
      "tls-untrusted",
      "The server's certificate is not for server use (extended key usage)",
    );
  }
  return new EndpointError(
    "tls-untrusted",
    `The server's certificate is not accepted: ${brief(detail)}`,
  );
}

function nameError(detail: string, endpoint: Endpoint): EndpointError {
  const names = [...detail.matchAll(/(?:IpAddress|DnsName)\(([^)]*)\)/g)]
    .map((match) => (match[1] ?? "").replaceAll('"', ""));
  const has = names.length > 0
    ? `it names ${names.join(", ")}`
    : "it names no host at all (no subjectAltName)";
  return new EndpointError(
    "tls-name",
    `The server's certificate is not valid for ${endpoint.hostname}: ${has}`,
  );
}

function utc(seconds: string): string {
  return new Date(Number(seconds) * 1000).toISOString().replace(".000", "");
}
