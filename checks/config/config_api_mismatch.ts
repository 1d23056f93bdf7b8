import {
  apiName,
  configKey,
  etcdctl,
  storeApi,
  subnetsKey,
} from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { processLine } from "../flannel_agents.ts";
import { oneLine } from "../one_line.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { atLeast } from "../../flannel/version.ts";
import { isKnown, valueOf } from "../../snapshot/fact.ts";
import type { Facts, Known } from "../../snapshot/facts.ts";

type Needs = "configRecord" | "settings" | "processes";

/** First release that speaks the v3 API, and only that. */
const FIRST_V3_RELEASE = "0.18.0";

/** FD103: the config is in the etcd API that flannel does not read. */
export const CONFIG_API_MISMATCH: Check = defineCheck<Needs>({
  code: "FD103",
  name: "config-api-mismatch",
  severity: "error",
  needs: ["configRecord", "settings", "processes"],
  after: ["FD201"],
  applies: (facts) => unlessEtcd(facts) ?? unlessAsked(facts),
  judge(facts) {
    return [...versionFindings(facts), ...otherApiFindings(facts)];
  },
  text: {
    en: {
      title: "The config is in the other etcd API",
      messages: {
        "other-api":
          "The network config is under {key} in the etcd {other} API only; flannel reads the {api} API here and finds nothing.",
        "agent-reads":
          "flanneld {version} reads the etcd {wanted} API only, but the records were looked for in {api}: what is found there is not what this flanneld works with.",
        differ:
          "Both etcd APIs hold a network config under {key}, with different values; flannel here uses the one of {api}. Hosts whose flannel speaks {other} are in another network.",
      },
      meaning:
        "etcd keeps two separate sets of keys, one for each API; what is written through one cannot be seen through the other. flannel before v0.18 reads and writes v2 only, from v0.18 v3 only. Since etcd 3.4 etcdctl speaks v3 unless told otherwise and the v2 API is off unless etcd runs with --enable-v2; etcd 3.6 has no v2 at all.",
      symptoms:
        'etcdctl get shows the config, and yet flanneld logs "100: Key not found" (v2) or "flannel config not found in etcd store. Did you create your config using etcdv3 API?" (v3). After an upgrade of flannel over v0.18, all hosts wait.',
      repair:
        `Copy the config to the API that flannel reads. Leases are not copied: as long as some hosts have theirs in the other API, a host that takes one here may get a subnet in use there, so move all hosts at once, or give this one the release of flannel that the others have:
  ETCDCTL_API=2 etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'        (flannel before v0.18)
  ETCDCTL_API=3 etcdctl put /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'        (flannel v0.18 and newer)
For v2 on etcd 3.4 or 3.5, start etcd with --enable-v2. All hosts of one network must use the same API.`,
      skips: {
        ...SKIPS.en,
        "not-asked":
          "there is no config through the API that is read, and the other API gave no answer (FD101)",
      },
    },
    zh: {
      title: "网络配置写在另一套 etcd API 里",
      messages: {
        "other-api":
          "网络配置只存在于 etcd {other} API 的 {key} 下，而本机的 flannel 读取的是 {api} API，读不到任何配置。",
        "agent-reads":
          "flanneld {version} 只读取 etcd {wanted} API，而这里查看的是 {api}：查到的内容并不是这个 flanneld 使用的内容。",
        differ:
          "两套 etcd API 的 {key} 下都有网络配置，但内容不同；本机的 flannel 使用 {api} 中的那一份。使用 {other} 的主机处在另一个网络里。",
      },
      meaning:
        "etcd 的 v2 与 v3 API 各有一套独立的键，互不可见。flannel v0.18 之前只读写 v2，v0.18 起只读写 v3。从 etcd 3.4 起，etcdctl 默认使用 v3，而 etcd 须加 --enable-v2 才提供 v2；etcd 3.6 已不再有 v2。",
      symptoms:
        "etcdctl get 明明能看到配置，flanneld 却报 “100: Key not found”（v2）或 “flannel config not found in etcd store. Did you create your config using etcdv3 API?”（v3）。把 flannel 升级到 v0.18 及以上之后，所有主机都停在等待状态。",
      repair:
        `把配置写入 flannel 实际读取的那套 API。租约不会随之迁移：只要还有主机的租约在另一套 API 中，在这边申请的主机就可能得到别人正在使用的子网，所以要么所有主机一起迁移，要么让本机改用与其他主机相同的 flannel 版本：
  ETCDCTL_API=2 etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'        （flannel v0.18 之前）
  ETCDCTL_API=3 etcdctl put /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'        （flannel v0.18 及以后）
在 etcd 3.4、3.5 上使用 v2 需要以 --enable-v2 启动 etcd。同一个网络的所有主机必须使用同一套 API。`,
      skips: {
        ...SKIPS.zh,
        "not-asked": "所读取的 API 中没有配置，而另一套 API 没有应答（FD101）",
      },
    },
  },
  sources: [
    flannelIssue(1191),
    flannelIssue(1584),
    githubIssue("canonical/microk8s", 5220),
  ],
});

/** No config here, and the API where it may be gave no answer. */
function unlessAsked(facts: Facts): string | undefined {
  const record = valueOf(facts.configRecord);
  const settings = valueOf(facts.settings);
  const processes = valueOf(facts.processes);
  if (!record || !settings || !processes) return undefined;
  const isMissing = (record.text ?? "").trim() === "";
  if (!isMissing || isKnown(record.otherApi)) return undefined;
  return versionFindings({ configRecord: record, settings, processes })
      .length === 0
    ? "not-asked"
    : undefined;
}

function versionFindings({ processes, settings }: Known<Needs>): Finding[] {
  const api = storeApi(settings);
  return processes.filter((process) =>
    process.name === "flanneld" && process.version !== null
  ).flatMap((process): Finding[] => {
    const version = process.version!;
    const reads = atLeast(version, FIRST_V3_RELEASE) ? "etcd-v3" : "etcd-v2";
    if (reads === api) return [];
    return [{
      subject: `flanneld ${version}`,
      variant: "agent-reads",
      arguments: { version, wanted: apiName(reads), api: apiName(api) },
      evidence: [{ label: "process", text: processLine(process) }],
      commands: [
        etcdctl(
          settings,
          "get",
          configKey(settings),
          undefined,
          reads,
        ),
      ],
    }];
  });
}

function otherApiFindings({ configRecord, settings }: Known<Needs>): Finding[] {
  const { text, key } = configRecord;
  const other = valueOf(configRecord.otherApi)?.trim();
  if (!other || text?.trim() === other) return [];
  const api = storeApi(settings);
  const otherApi = api === "etcd-v2" ? "etcd-v3" : "etcd-v2";
  const missing = text === null || text.trim() === "";
  return [{
    subject: key,
    variant: missing ? "other-api" : "differ",
    ...(missing ? {} : { severity: "info" }),
    arguments: { key, api: apiName(api), other: apiName(otherApi) },
    evidence: [
      ...(missing ? [] : [{ label: "config", text: oneLine(text) }]),
      { label: "found", text: oneLine(other) },
    ],
    commands: [
      etcdctl(settings, "get", key, undefined, otherApi),
      // Leases there would not be seen from here: their subnets are given out
      // a second time.
      ...(missing
        ? [
          etcdctl(settings, "list", subnetsKey(settings), undefined, otherApi),
          `${
            etcdctl(settings, "put", key, other, api)
          }   # only where no host has a lease in the ${apiName(otherApi)} API`,
        ]
        : []),
    ],
  }];
}
