import { apiName, configKey, etcdctl, storeApi } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { oneLine } from "../one_line.ts";
import { shellQuote } from "../shell_quote.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Known } from "../../snapshot/facts.ts";
import type { EndpointHealth } from "../../stores/store.ts";

type Needs = "endpoints" | "settings";

/** FD201: no etcd endpoint serves this host. Some that fail are FD203's. */
export const STORE_UNREACHABLE: Check = defineCheck<Needs>({
  code: "FD201",
  name: "store-unreachable",
  severity: "error",
  needs: ["endpoints", "settings"],
  after: ["FD202"],
  follows: ({ endpoints }) => isForCertificates(valueOf(endpoints) ?? []),
  applies: unlessEtcd,
  judge(facts) {
    const { endpoints } = facts;
    if (endpoints.length === 0) return [finding(facts, "none")];
    if (endpoints.every((endpoint) => !endpoint.reachable)) {
      const kinds = new Set(endpoints.map((endpoint) => endpoint.errorKind));
      const [kind] = kinds;
      return [finding(facts, kinds.size === 1 ? kind ?? "other" : "several")];
    }
    if (endpoints.every(isOfNoUse)) return [finding(facts, "auth")];
    const v2 = facts.settings.store.value === "etcd-v2";
    const served = endpoints.filter((endpoint) => endpoint.reachable)
      .some((endpoint) => (v2 ? endpoint.v2 : endpoint.v3) !== false);
    return served ? [] : [finding(facts, v2 ? "no-v2" : "no-v3")];
  },
  text: {
    en: {
      title: "No etcd endpoint can be used",
      messages: {
        none: "No etcd endpoint is configured.",
        several: "No etcd endpoint can be used, each for its own reason.",
        refused:
          "No etcd endpoint accepts a connection: nothing listens there.",
        timeout: "No etcd endpoint answers in time.",
        dns: "No etcd endpoint can be found: the names do not resolve.",
        "tls-untrusted":
          "No etcd endpoint can be trusted: the certificates they show are not signed by {cafile}.",
        "tls-name":
          "No etcd endpoint can be trusted: the certificates they show do not name the addresses they are asked by.",
        "tls-expired":
          "No etcd endpoint can be used: a certificate is expired or not valid yet.",
        "tls-client-certificate":
          "No etcd endpoint accepts this host's client certificate {certfile}.",
        "no-client-certificate":
          "Every etcd endpoint asks for a client certificate, and none is configured (--etcd-certfile, --etcd-keyfile).",
        "scheme-tls":
          "The etcd endpoints speak TLS and are asked by http://: --etcd-endpoints needs https://, and --etcd-cafile with it.",
        "scheme-plain":
          "The etcd endpoints speak plain HTTP and are asked by https://: --etcd-endpoints needs http://.",
        tls: "No etcd endpoint can be used: the TLS handshake fails.",
        closed: "Every etcd endpoint hangs up without an answer.",
        unreachable:
          "No etcd endpoint can be reached: this host has no route to them.",
        invalid: "No etcd endpoint is a URL such as http://192.168.1.10:2379.",
        "not-etcd": "What answers at the etcd endpoints is not etcd.",
        auth:
          "No etcd endpoint lets this host read: user and password are not accepted, or the user's role does not reach {key}.",
        "no-user":
          "etcd asks for a user and a password, and none is configured (--etcd-username, --etcd-password).",
        http: "Every etcd endpoint answers with an error.",
        file:
          "The etcd endpoints cannot be asked: a certificate or key file cannot be read.",
        other: "No etcd endpoint can be used.",
        "no-v2":
          "etcd answers, but without the {api} API that flannel reads here: no endpoint runs with --enable-v2.",
        "no-v3":
          "etcd answers, but without the {api} API that flannel reads here.",
      },
      meaning:
        "flannel keeps the network config and the leases in etcd. What the kernel has goes on working while etcd is away, but no lease is renewed, no change of a peer arrives, and a flanneld that ends does not come back. After 24 hours the lease runs out and another host may get the subnet.",
      symptoms:
        'flanneld logs "etcd cluster is unavailable or misconfigured", "context deadline exceeded", "Error renewing lease (trying again in 1 min)" or an x509 error; with the v3 API a starting flanneld may just hang. Do not restart flanneld until etcd answers.',
      repair: `Ask an endpoint as flanneld does, with the same files:
  curl --cacert ca.pem --cert client.pem --key client-key.pem https://172.26.216.164:2379/health
  openssl s_client -connect 172.26.216.164:2379 -CAfile ca.pem </dev/null
Then look at etcd itself (systemctl status etcd), at a firewall between, at proxy variables in flanneld's environment (http_proxy), and at the scheme: etcd that listens with TLS answers only https. flannel v0.18 and newer use --etcd-cafile only together with --etcd-certfile and --etcd-keyfile.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "没有可用的 etcd 端点",
      messages: {
        none: "没有配置任何 etcd 端点。",
        several: "etcd 端点全部不可用，原因各不相同。",
        refused: "etcd 端点全部拒绝连接：对应端口上没有服务在监听。",
        timeout: "etcd 端点全部没有在限定时间内应答。",
        dns: "etcd 端点的主机名全部无法解析。",
        "tls-untrusted":
          "etcd 端点出示的证书都不是由 {cafile} 签发的，无法信任。",
        "tls-name": "etcd 端点出示的证书里都没有所访问的地址，无法信任。",
        "tls-expired": "etcd 端点全部不可用：有证书已过期或尚未生效。",
        "tls-client-certificate":
          "etcd 端点都不接受本机的客户端证书 {certfile}。",
        "no-client-certificate":
          "etcd 端点都要求客户端证书，而本机没有配置（--etcd-certfile、--etcd-keyfile）。",
        "scheme-tls":
          "etcd 端点启用了 TLS，却用 http:// 访问：--etcd-endpoints 应写 https://，并给出 --etcd-cafile。",
        "scheme-plain":
          "etcd 端点没有启用 TLS，却用 https:// 访问：--etcd-endpoints 应写 http://。",
        tls: "etcd 端点全部不可用：TLS 握手失败。",
        closed: "etcd 端点全部不作应答就断开了连接。",
        unreachable: "etcd 端点全部无法到达：本机没有通往它们的路由。",
        invalid: "etcd 端点不是 URL，应写成 http://192.168.1.10:2379 的形式。",
        "not-etcd": "在 etcd 端点上应答的不是 etcd，而是别的服务。",
        auth:
          "etcd 端点都拒绝本机读取：用户名或密码不被接受，或该用户的角色无权读取 {key}。",
        "no-user":
          "etcd 要求用户名和密码，而本机没有配置（--etcd-username、--etcd-password）。",
        http: "etcd 端点全部返回错误。",
        file: "无法访问 etcd 端点：证书或私钥文件读不出来。",
        other: "etcd 端点全部不可用。",
        "no-v2":
          "etcd 有应答，但没有提供本机 flannel 所需的 {api} API：没有一个端点以 --enable-v2 启动。",
        "no-v3": "etcd 有应答，但没有提供本机 flannel 所需的 {api} API。",
      },
      meaning:
        "flannel 把网络配置和租约存放在 etcd 中。etcd 不可用期间，内核中已有的路由和规则继续工作，但租约无法续期，其他主机的变化无法得知，flanneld 一旦退出就起不来。24 小时后租约过期，子网可能被分配给别的主机。",
      symptoms:
        "flanneld 日志中出现 “etcd cluster is unavailable or misconfigured”、“context deadline exceeded”、“Error renewing lease (trying again in 1 min)” 或 x509 错误；使用 v3 API 时，启动中的 flanneld 可能只是卡住。在 etcd 恢复之前不要重启 flanneld。",
      repair: `用与 flanneld 相同的证书直接访问端点：
  curl --cacert ca.pem --cert client.pem --key client-key.pem https://172.26.216.164:2379/health
  openssl s_client -connect 172.26.216.164:2379 -CAfile ca.pem </dev/null
然后检查 etcd 本身（systemctl status etcd）、中间的防火墙、flanneld 环境变量中的代理（http_proxy），以及协议：启用 TLS 的 etcd 只应答 https。flannel v0.18 及以后，--etcd-cafile 只有与 --etcd-certfile、--etcd-keyfile 同时给出才生效。`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(345),
    flannelIssue(432),
    flannelIssue(718),
    flannelIssue(472),
    githubIssue("kubernetes/kubernetes", 67645),
  ],
});

/** Error kinds whose cause FD202 names: a file of ours, or what they show. */
const CERTIFICATE_KINDS: ReadonlySet<string | null> = new Set([
  "file",
  "tls-untrusted",
  "tls-name",
  "tls-expired",
  "tls-client-certificate",
]);

/** Whether it is for certificates alone that no endpoint can be used. */
function isForCertificates(endpoints: readonly EndpointHealth[]): boolean {
  return endpoints.length > 0 &&
    endpoints.every((endpoint) =>
      !endpoint.reachable && CERTIFICATE_KINDS.has(endpoint.errorKind)
    );
}

/** Whether an endpoint is away, or answers that this host may not read. */
function isOfNoUse({ reachable, errorKind }: EndpointHealth): boolean {
  return !reachable || errorKind === "auth";
}

/** Error kinds that need more than their name to be said. */
function refine(kind: string, settings: Known<Needs>["settings"]): string {
  if (kind === "scheme") {
    const [first = ""] = settings.etcdEndpoints.value;
    return first.startsWith("https:") ? "scheme-plain" : "scheme-tls";
  }
  if (kind === "auth" && settings.etcdUsername.value === "") return "no-user";
  return kind === "tls-client-certificate" &&
      settings.etcdCertfile.value === ""
    ? "no-client-certificate"
    : kind;
}

/** Error kinds that have their own sentence. */
const KINDS: ReadonlySet<string> = new Set([
  "none",
  "several",
  "refused",
  "timeout",
  "dns",
  "tls-untrusted",
  "tls-name",
  "tls-expired",
  "tls-client-certificate",
  "not-etcd",
  "no-client-certificate",
  "scheme-tls",
  "scheme-plain",
  "tls",
  "closed",
  "unreachable",
  "invalid",
  "auth",
  "no-user",
  "http",
  "file",
  "no-v2",
  "no-v3",
]);

function finding(
  { endpoints, settings }: Known<Needs>,
  errorKind: string,
): Finding {
  const kind = refine(errorKind, settings);
  return {
    subject: settings.etcdEndpoints.value.join(","),
    variant: KINDS.has(kind) ? kind : "other",
    arguments: {
      count: endpoints.length,
      api: apiName(storeApi(settings)),
      cafile: settings.etcdCafile.value || "/etc/ssl/certs",
      certfile: settings.etcdCertfile.value,
      key: configKey(settings),
    },
    evidence: endpoints.map((endpoint) => ({
      label: "endpoint",
      text: endpointLine(endpoint),
    })),
    commands: [
      ...endpoints.slice(0, 1).map((endpoint) =>
        curlCommand(endpoint.endpoint, settings)
      ),
      etcdctl(settings, "get", configKey(settings)),
    ],
  };
}

/** An endpoint and what it said, as evidence. */
export function endpointLine(endpoint: EndpointHealth): string {
  const words = [
    endpoint.endpoint,
    endpoint.error === null ? null : oneLine(endpoint.error),
    endpoint.version === null ? null : `etcd ${endpoint.version}`,
    endpoint.clusterId === null ? null : `cluster ${endpoint.clusterId}`,
    endpoint.hasLeader === false ? "no leader" : null,
    endpoint.alarms.length === 0 ? null : endpoint.alarms.join(" "),
  ];
  return words.filter((word) => word !== null).join("  ");
}

function curlCommand(
  endpoint: string,
  settings: Known<"settings">["settings"],
): string {
  const files = [
    ["--cacert", settings.etcdCafile.value],
    ["--cert", settings.etcdCertfile.value],
    ["--key", settings.etcdKeyfile.value],
  ].filter(([, path]) => path !== "" && endpoint.startsWith("https:"));
  const words = files.flatMap(([flag, path]) => [flag!, shellQuote(path!)]);
  return ["curl", ...words, shellQuote(`${endpoint}/health`)].join(" ");
}
