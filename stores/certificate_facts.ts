import { X509Certificate } from "node:crypto";

/** Facts of a certificate or key; the snapshot's `certificates` hold these. */
export interface CertificateFacts {
  readonly role: "ca" | "client" | "key" | "server";
  /** File path, or endpoint URL for role server. */
  readonly source: string;
  /** Why it could not be read or parsed; null when it could. */
  readonly error: string | null;
  /** `O=…, CN=…` in the certificate's order. */
  readonly subject: string | null;
  readonly issuer: string | null;
  /** `DNS:name` and `IP:address`. */
  readonly sans: readonly string[];
  /** RFC 3339, UTC. */
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** File permission bits such as 0o600, or null. */
  readonly mode: number | null;
  /** Whether the certificate chains to the CA file; null if not judged. */
  readonly trusted: boolean | null;
}

/** Facts of something that could not be read, or is no certificate. */
export function blankFacts(
  role: CertificateFacts["role"],
  source: string,
  error: string | null,
  mode: number | null = null,
): CertificateFacts {
  return {
    role,
    source,
    error,
    subject: null,
    issuer: null,
    sans: [],
    notBefore: null,
    notAfter: null,
    mode,
    trusted: null,
  };
}

/** What a certificate says of itself. Never throws. */
export function describeCertificate(
  certificate: X509Certificate,
): Pick<
  CertificateFacts,
  "subject" | "issuer" | "sans" | "notBefore" | "notAfter"
> {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    sans: subjectAltNames(certificate.subjectAltName),
    notBefore: rfc3339(certificate.validFrom),
    notAfter: rfc3339(certificate.validTo),
  };
}

/** Node separates the parts of a name by line ends. */
function oneLine(name: string | undefined): string | null {
  return name ? name.replaceAll("\n", ", ") : null;
}

/** From `DNS:a, IP Address:10.0.0.1`; other kinds of names are left out. */
function subjectAltNames(text: string | undefined): string[] {
  return (text ?? "").split(", ").flatMap((name) => {
    if (name.startsWith("DNS:")) return [name];
    const address = /^IP Address:(.*)$/.exec(name)?.[1];
    return address === undefined ? [] : [`IP:${address}`];
  });
}

/** From `Nov 22 06:41:57 2026 GMT`. */
function rfc3339(text: string): string | null {
  const date = new Date(text);
  return Number.isNaN(date.getTime())
    ? null
    : date.toISOString().replace(".000", "");
}

/** All certificates of a PEM text, other blocks left out. */
export function parsePem(text: string): X509Certificate[] {
  const blocks =
    text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ??
      [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

/**
 * Whether a certificate is signed, directly or over intermediates, by one of
 * the authorities. Dates, names and key usage are not looked at.
 */
export function chainsTo(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  let at = certificate;
  for (let depth = 0; depth < 8; depth++) {
    if (
      authorities.some((ca) =>
        ca.fingerprint256 === at.fingerprint256 || isSignedBy(at, ca)
      )
    ) return true;
    const next = intermediates.find((issuer) =>
      issuer.fingerprint256 !== at.fingerprint256 && isSignedBy(at, issuer)
    );
    if (!next) return false;
    at = next;
  }
  return false;
}

function isSignedBy(
  certificate: X509Certificate,
  issuer: X509Certificate,
): boolean {
  try {
    return certificate.checkIssued(issuer) &&
      certificate.verify(issuer.publicKey);
  } catch {
    // A key of a kind the library does not know.
    return false;
  }
}
