import { type Check, defineCheck, type Finding } from "../check.ts";
import { secondsBetween } from "../duration.ts";
import { oneLine } from "../one_line.ts";
import { shellQuote } from "../shell_quote.ts";
import { unlessEtcd } from "../skips.ts";
import { SKIPS } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { matchesName } from "./matches_name.ts";
import type { CertificateFacts, Known } from "../../snapshot/facts.ts";
import { valueOf } from "../../snapshot/fact.ts";

type Needs = "certificates" | "settings" | "host" | "endpoints";

/** A certificate that ends within this many days is reported. */
const DAYS_AHEAD = 30;

/** FD202: a certificate or key that flannel uses for etcd is not right. */
export const STORE_CERTIFICATE: Check = defineCheck<Needs>({
  code: "FD202",
  name: "store-certificate",
  severity: "error",
  needs: ["certificates", "settings", "host", "endpoints"],
  applies(facts) {
    const settings = valueOf(facts.settings);
    if (settings === undefined) return unlessEtcd(facts);
    const { etcdEndpoints, etcdCafile, etcdCertfile } = settings;
    const plain = !etcdEndpoints.value.some((url) =>
      url.startsWith("https:")
    ) &&
      etcdCafile.value === "" && etcdCertfile.value === "";
    return unlessEtcd(facts) ?? (plain ? "plain" : undefined);
  },
  judge(facts) {
    return [
      ...settingFindings(facts),
      ...facts.certificates.flatMap((certificate) => [
        ...fileFindings(certificate),
        ...validityFindings(certificate, facts.host.taken),
        ...trustFindings(certificate, facts),
      ]),
    ];
  },
  text: {
    en: {
      title: "Certificates for etcd",
      messages: {
        pair:
          "A client certificate needs both --etcd-certfile and --etcd-keyfile; only {given} is given.",
        "ca-ignored":
          "flannel with the v3 API uses --etcd-cafile {cafile} only together with a client certificate and key; it ignores it here.",
        unreadable: "{source} cannot be used: {error}.",
        expired: "The certificate {source} ({subject}) ended on {until}.",
        "not-yet-valid":
          "The certificate {source} ({subject}) is valid from {from} on; this host's clock says {now}.",
        expiring:
          "The certificate {source} ({subject}) ends in {days} days, on {until}.",
        untrusted:
          "The certificate that {source} shows is signed by {issuer}, not by the CA in {cafile}.",
        "client-untrusted":
          "etcd refuses the client certificate {source}, which is signed by {issuer}.",
        "no-san":
          "The certificate that {source} shows does not name {host}; it names {sans}.",
        "key-readable":
          "The private key {source} is readable by every user of this host (mode {mode}).",
      },
      meaning:
        "flanneld checks etcd's certificate with its CA file and the name or address in the endpoint URL, and shows etcd its own client certificate. An address in the URL must be in the certificate as an IP address; a name there does not help. Certificates made once for a cluster tend to end on one day, all together.",
      symptoms:
        'flanneld logs "x509: certificate has expired or is not yet valid", "x509: certificate signed by unknown authority", "x509: cannot validate certificate for 172.26.216.164 because it doesn\'t contain any IP SANs" or "remote error: tls: bad certificate". Running hosts keep their traffic, but no lease is renewed.',
      repair:
        `Look at the certificate, make a new one, and restart what uses it:
  openssl x509 -in client.pem -noout -subject -issuer -dates -ext subjectAltName
  openssl s_client -connect 172.26.216.164:2379 </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName
  chmod 600 client-key.pem
A server certificate must list every address in --etcd-endpoints under its subject alternative names; a client certificate needs the extended key usage clientAuth.`,
      skips: {
        ...SKIPS.en,
        plain: "etcd is reached without TLS: no certificate is involved",
      },
    },
    zh: {
      title: "访问 etcd 所用的证书",
      messages: {
        pair:
          "客户端证书需要同时给出 --etcd-certfile 与 --etcd-keyfile，而这里只给出了 {given}。",
        "ca-ignored":
          "使用 v3 API 的 flannel 只有在同时给出客户端证书和私钥时才使用 --etcd-cafile {cafile}，此处它被忽略。",
        unreadable: "{source} 无法使用：{error}。",
        expired: "证书 {source}（{subject}）已于 {until} 过期。",
        "not-yet-valid":
          "证书 {source}（{subject}）从 {from} 起才生效，而本机时间是 {now}。",
        expiring: "证书 {source}（{subject}）将在 {days} 天后（{until}）过期。",
        untrusted:
          "{source} 出示的证书由 {issuer} 签发，而不是由 {cafile} 中的 CA 签发。",
        "client-untrusted":
          "etcd 拒绝了客户端证书 {source}，该证书由 {issuer} 签发。",
        "no-san": "{source} 出示的证书中没有 {host}，其中列出的是 {sans}。",
        "key-readable": "私钥 {source} 对本机所有用户可读（权限 {mode}）。",
      },
      meaning:
        "flanneld 用 CA 文件以及端点 URL 中的主机名或地址校验 etcd 的证书，并向 etcd 出示自己的客户端证书。URL 中写的是 IP 地址时，证书的 SAN 里必须有该 IP，写成域名不算数。同一批签发的证书往往在同一天一起过期。",
      symptoms:
        "flanneld 日志中出现 “x509: certificate has expired or is not yet valid”、“x509: certificate signed by unknown authority”、“x509: cannot validate certificate for 172.26.216.164 because it doesn't contain any IP SANs” 或 “remote error: tls: bad certificate”。正在运行的主机流量不受影响，但租约无法续期。",
      repair: `查看证书，重新签发，再重启使用它的服务：
  openssl x509 -in client.pem -noout -subject -issuer -dates -ext subjectAltName
  openssl s_client -connect 172.26.216.164:2379 </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName
  chmod 600 client-key.pem
服务端证书的 SAN 必须列出 --etcd-endpoints 中的每一个地址；客户端证书的扩展用途须包含 clientAuth。`,
      skips: {
        ...SKIPS.zh,
        plain: "访问 etcd 没有使用 TLS，不涉及证书",
      },
    },
  },
  sources: [
    flannelIssue(505),
    flannelIssue(718),
    githubIssue("coreos/coreos-kubernetes", 891),
  ],
});

function settingFindings({ settings }: Known<Needs>): Finding[] {
  const cafile = settings.etcdCafile.value;
  const given = [
    ["--etcd-certfile", settings.etcdCertfile.value],
    ["--etcd-keyfile", settings.etcdKeyfile.value],
  ].filter(([, value]) => value !== "").map(([name]) => name!);
  if (given.length === 1) {
    return [{
      subject: given[0]!,
      variant: "pair",
      arguments: { given: given[0]! },
      evidence: [],
      commands: [],
    }];
  }
  const tls = settings.etcdEndpoints.value.some((url) =>
    url.startsWith("https:")
  );
  if (
    settings.store.value !== "etcd-v3" || cafile === "" || given.length > 0 ||
    !tls
  ) return [];
  return [{
    subject: `--etcd-cafile=${cafile}`,
    variant: "ca-ignored",
    arguments: { cafile },
    evidence: [],
    commands: [],
  }];
}

function finding(
  certificate: CertificateFacts,
  variant: string,
  args: Finding["arguments"],
  commands: readonly string[] = [],
): Finding {
  const { source, subject, issuer, notBefore, notAfter } = certificate;
  const text = [
    source,
    subject,
    issuer === null ? null : `issuer ${issuer}`,
    notBefore === null ? null : `${notBefore} to ${notAfter}`,
  ].filter((word) => word !== null).join("  ");
  return {
    subject: source,
    variant,
    arguments: { source, subject: subject ?? "", ...args },
    evidence: [{ label: "certificate", text }],
    commands,
  };
}

function fileFindings(certificate: CertificateFacts): Finding[] {
  const { role, source, error, mode } = certificate;
  if (error !== null) {
    // An endpoint that shows no certificate is down: FD201's and FD203's.
    return role === "server" ? [] : [
      finding(certificate, "unreadable", { error: oneLine(error) }),
    ];
  }
  if (role !== "key" || mode === null || (mode & 0o004) === 0) return [];
  return [{
    ...finding(
      certificate,
      "key-readable",
      { mode: mode.toString(8).padStart(4, "0") },
      [`chmod o-rwx ${shellQuote(source)}`],
    ),
    severity: "warning",
  }];
}

function validityFindings(
  certificate: CertificateFacts,
  now: string,
): Finding[] {
  const { notBefore, notAfter, source, role } = certificate;
  const show = role === "server"
    ? []
    : [`openssl x509 -in ${shellQuote(source)} -noout -subject -dates`];
  if (notBefore !== null && secondsBetween(notBefore, now) < 0) {
    return [
      finding(certificate, "not-yet-valid", { from: notBefore, now }, show),
    ];
  }
  if (notAfter === null) return [];
  const left = secondsBetween(now, notAfter);
  if (left < 0) {
    return [finding(certificate, "expired", { until: notAfter }, show)];
  }
  const days = Math.floor(left / 86400);
  if (days >= DAYS_AHEAD) return [];
  return [{
    ...finding(certificate, "expiring", { until: notAfter, days }, show),
    severity: "warning",
  }];
}

function trustFindings(
  certificate: CertificateFacts,
  { settings, endpoints }: Known<Needs>,
): Finding[] {
  const { role, source, trusted, issuer, error } = certificate;
  if (error !== null) return [];
  if (role === "client") {
    // Another CA may sign clients, so that only etcd's refusal tells.
    const refused = endpoints.some((endpoint) =>
      endpoint.errorKind === "tls-client-certificate"
    );
    return refused && trusted === false
      ? [finding(certificate, "client-untrusted", { issuer: issuer ?? "" })]
      : [];
  }
  if (role !== "server") return [];
  if (trusted === false) {
    const cafile = settings.etcdCafile.value;
    return [
      finding(certificate, "untrusted", { issuer: issuer ?? "", cafile }),
    ];
  }
  const host = URL.parse(source)?.hostname.replace(/^\[|\]$/g, "") ?? "";
  const common = settings.store.value === "etcd-v2";
  if (host === "" || matchesName(certificate, host, common)) return [];
  return [finding(certificate, "no-san", {
    host,
    sans: certificate.sans.length === 0 ? ["-"] : certificate.sans,
  })];
}
