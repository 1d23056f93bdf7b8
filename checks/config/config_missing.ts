import { apiName, etcdctl, storeApi } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import { showConfig } from "./show_config.ts";
import { parseCidr } from "../../flannel/cidr.ts";
import { parseLeases } from "../../flannel/parse_lease.ts";
import { parseSubnetEnv } from "../../flannel/subnet_env.ts";
import type { Known } from "../../snapshot/facts.ts";

/** What a person would write when nothing tells what was there before. */
const TEMPLATE = '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}';

type Needs = "configRecord" | "settings" | "leaseRecords" | "subnetEnvFile";

/** FD101: there is no network config under the key flannel reads. */
export const CONFIG_MISSING: Check = defineCheck<Needs>({
  code: "FD101",
  name: "config-missing",
  severity: "error",
  needs: ["configRecord", "settings", "leaseRecords", "subnetEnvFile"],
  after: ["FD201", "FD103"],
  judge(facts) {
    const { configRecord, settings } = facts;
    if (configRecord.text !== null && configRecord.text.trim() !== "") {
      return [];
    }
    if (settings.store.value === "kubernetes") return [fileMissing(facts)];
    const { nearby, key, otherApi } = configRecord;
    const text = nearby[0]?.text ?? remembered(facts);
    const offered = text ?? (isFresh(facts) ? TEMPLATE : null);
    const unread = "unknown" in otherApi ? otherApi.unknown : null;
    return [{
      subject: key,
      variant: nearby.length > 0 ? "nearby" : "default",
      arguments: {
        key,
        api: apiName(storeApi(settings)),
        nearby: nearby.map((config) => config.key),
      },
      evidence: [
        ...nearby.flatMap((config) => [
          { label: "key", text: config.key },
          { label: "config", text: oneLine(config.text) },
        ]),
        ...(text === null || nearby.length > 0
          ? []
          : [{ label: "wanted", text }]),
        ...(unread === null ? [] : [{ label: "found", text: oneLine(unread) }]),
      ],
      commands: [
        etcdctl(settings, "get", key),
        ...(offered === null ? [] : [etcdctl(settings, "put", key, offered)]),
      ],
    }];
  },
  text: {
    en: {
      title: "No network config in the store",
      messages: {
        default:
          "There is no network config under {key} in the etcd {api} API, so flanneld waits for one and gives this host no subnet.",
        nearby:
          "There is no network config under {key} in the etcd {api} API, but there is one under {nearby}: flanneld's --etcd-prefix does not match where the config was written.",
        file:
          "The network config file {key} is missing or empty, so flanneld ends at start.",
        configmap:
          "{key} has no net-conf.json, or an empty one: the agent's pod ends at its start on every node.",
      },
      meaning:
        "flanneld begins with the network config: one JSON value under PREFIX/config that names the network, how large each host's subnet is, and the backend. Without it flanneld asks again every second and does nothing else. Hosts that run already go on with what they have until they are restarted.",
      symptoms:
        'flanneld logs "Couldn\'t fetch network config: 100: Key not found" (v2) or "flannel config not found in etcd store" (v3). subnet.env is not written and Docker starts on 172.17.0.0/16. It also happens for the moment between an etcdctl rm and the set that follows.',
      repair: `Look where the config is, then write it where flanneld reads it:
  etcdctl get /coreos.com/network/config
  etcdctl set /coreos.com/network/config '${TEMPLATE}'        (v2)
  ETCDCTL_API=3 etcdctl put /coreos.com/network/config '${TEMPLATE}'        (v3)
If the config lies under another prefix, give that one to flanneld instead: --etcd-prefix=/that/prefix. Where leases exist, the Network must contain them: another one invalidates every lease.`,
    },
    zh: {
      title: "存储中没有网络配置",
      messages: {
        default:
          "etcd {api} API 的 {key} 下没有网络配置，flanneld 只能一直等待，不会为本机分配子网。",
        nearby:
          "etcd {api} API 的 {key} 下没有网络配置，但 {nearby} 下有：flanneld 的 --etcd-prefix 与写入配置时用的前缀不一致。",
        file: "网络配置文件 {key} 不存在或为空，flanneld 启动后会立即退出。",
        configmap:
          "{key} 中没有 net-conf.json，或其内容为空：各节点上的代理 Pod 启动后会立即退出。",
      },
      meaning:
        "flanneld 启动后首先读取网络配置：前缀/config 下的一个 JSON 值，写明整个网络的网段、每台主机子网的大小以及后端类型。读不到时，flanneld 每秒重试一次，除此之外什么也不做。已经在运行的主机会沿用现有状态，直到重启 flanneld。",
      symptoms:
        "flanneld 日志中反复出现 “Couldn't fetch network config: 100: Key not found”（v2）或 “flannel config not found in etcd store”（v3）；subnet.env 没有生成，Docker 落在 172.17.0.0/16 上。在 etcdctl rm 之后、重新 set 之前的间隙也会如此。",
      repair: `先确认配置写在哪里，再写到 flanneld 读取的位置：
  etcdctl get /coreos.com/network/config
  etcdctl set /coreos.com/network/config '${TEMPLATE}'        （v2）
  ETCDCTL_API=3 etcdctl put /coreos.com/network/config '${TEMPLATE}'        （v3）
如果配置在另一个前缀下，也可以改 flanneld 的参数：--etcd-prefix=/该前缀。如果已经有租约，Network 必须包含这些子网，否则所有租约都会作废。`,
    },
  },
  sources: [flannelIssue(755), flannelIssue(1057), flannelIssue(1175)],
});

function fileMissing({ configRecord, settings }: Known<Needs>): Finding {
  const { key, configMap } = configRecord;
  const isMap = configMap !== undefined;
  return {
    subject: key,
    variant: isMap ? "configmap" : "file",
    arguments: { key },
    evidence: [{ label: isMap ? "found" : "file", text: key }],
    commands: [showConfig(settings, configRecord)],
  };
}

/** The network that subnet.env tells of, if any. */
function formerNetwork({ subnetEnvFile }: Known<Needs>): string | null {
  return parseSubnetEnv(subnetEnvFile.text ?? "").env?.network ?? null;
}

/**
 * Whether there has been no network yet: any config but the former one would
 * make its leases void.
 */
function isFresh(facts: Known<Needs>): boolean {
  return facts.leaseRecords.length === 0 && formerNetwork(facts) === null;
}

/** What flannel takes for the length of subnets unless told otherwise. */
const DEFAULT_LENGTH = 24;

/**
 * The config that the leases and subnet.env still tell of, so that who deleted
 * it by mistake can put the same one back; null when they tell of none.
 */
function remembered(facts: Known<Needs>): string | null {
  const network = formerNetwork(facts);
  const { leases } = parseLeases(facts.leaseRecords);
  const types = new Set(leases.map((lease) => lease.attributes.backendType));
  const lengths = new Set(
    leases.flatMap(({ subnet }) => subnet === null ? [] : [lengthOf(subnet)]),
  );
  const [[type], [length = DEFAULT_LENGTH]] = [[...types], [...lengths]];
  const isOne = types.size === 1 && lengths.size <= 1;
  if (network === null || !isOne || !type) return null;
  const subnetLen = length === DEFAULT_LENGTH ? "" : ` "SubnetLen": ${length},`;
  return `{"Network": "${network}",${subnetLen} "Backend": {"Type": "${type}"}}`;
}

function lengthOf(cidr: string): number {
  return parseCidr(cidr).prefixLength;
}
