/**
 * Reasons, shared by several checks, why a check does not apply to a host.
 *
 * @module
 */
import type { Facts } from "../snapshot/facts.ts";
import { valueOf } from "../snapshot/fact.ts";
import { type Attachment, attachment } from "./attachment.ts";
import type { Language } from "./check.ts";

/** Texts of the shared reasons, to spread into a check's `skips`. */
export const SKIPS = {
  en: {
    kubernetes: "the records of this network are in the Kubernetes API",
    "no-docker": "no Docker runs on this host",
    "docker-aside": "Docker does not attach the containers of this network",
    "no-bridge": "no bridge attaches containers to this network here",
  },
  zh: {
    kubernetes: "本网络的记录保存在 Kubernetes API 中，而不是 etcd",
    "no-docker": "本机没有运行 Docker",
    "docker-aside": "本网络的容器不由 Docker 接入",
    "no-bridge": "本机没有把容器接入本网络的网桥",
  },
} as const satisfies Record<Language, Record<string, string>>;

/** `kubernetes` where the store is the Kubernetes API. */
export function unlessEtcd(facts: Facts): "kubernetes" | undefined {
  return valueOf(facts.settings)?.store.value === "kubernetes"
    ? "kubernetes"
    : undefined;
}

/**
 * Why Docker's bridge is not the containers' one here: there is no Docker, or
 * a CNI plugin attaches the containers (docker0 then keeps Docker's own
 * addresses, which is right).
 */
export function unlessDockerBridge(
  facts: Facts,
): "no-docker" | "docker-aside" | undefined {
  const attached = attachmentOf(facts);
  if (valueOf(facts.docker) === null) return "no-docker";
  return attached === undefined || attached?.by === "docker"
    ? undefined
    : "docker-aside";
}

/** `no-bridge` while no bridge attaches containers here. */
export function unlessBridge(facts: Facts): "no-bridge" | undefined {
  return attachmentOf(facts) === null ? "no-bridge" : undefined;
}

/** The attachment, or undefined where a fact that decides it is unknown. */
function attachmentOf(facts: Facts): Attachment | null | undefined {
  const settings = valueOf(facts.settings);
  const docker = valueOf(facts.docker);
  const links = valueOf(facts.links);
  const addresses = valueOf(facts.addresses);
  if (
    settings === undefined || docker === undefined || links === undefined ||
    addresses === undefined || valueOf(facts.subnetEnvFile) === undefined
  ) return undefined;
  const subnetEnv = valueOf(facts.subnetEnv) ?? null;
  return attachment({ settings, docker, links, addresses, subnetEnv });
}
