import type { CertificateFacts } from "../../snapshot/facts.ts";
import { canonicalAddress } from "../../flannel/address.ts";

/**
 * Whether a certificate names a host, by Go's rules: an address must be an IP
 * SAN; a name matches a DNS SAN, `*` standing for its first label.
 *
 * @param commonName whether the subject's CN counts for a name where the
 * certificate has no SAN at all, as it did before Go 1.15 (flannel with the
 * v2 API)
 */
export function matchesName(
  certificate: Pick<CertificateFacts, "sans" | "subject">,
  host: string,
  commonName: boolean,
): boolean {
  const { sans, subject } = certificate;
  const address = canonicalAddress(host);
  if (address !== null) {
    return sans.some((san) =>
      san.startsWith("IP:") && canonicalAddress(san.slice(3)) === address
    );
  }
  const name = host.toLowerCase().replace(/\.$/, "");
  const names = sans.filter((san) => san.startsWith("DNS:"))
    .map((san) => san.slice(4));
  const cn = /(?:^|[,/\s])CN\s*=\s*([^,/]+)/.exec(subject ?? "")?.[1]?.trim();
  if (sans.length === 0 && commonName && cn !== undefined) names.push(cn);
  return names.some((pattern) => matchesPattern(pattern.toLowerCase(), name));
}

function matchesPattern(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === name;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}
