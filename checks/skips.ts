/**
 * Reasons, shared by several checks, why a check does not apply to a host.
 *
 * @module
 */
import type { Facts } from "../snapshot/facts.ts";
import { valueOf } from "../snapshot/fact.ts";
import { attachment, attachmentDoubt, leasedSubnets } from "./attachment.ts";
import type { AttachmentFacts } from "./bridge_claim.ts";
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
 * something else attaches the containers (docker0 then keeps Docker's own
 * addresses, which is right).
 */
export function unlessDockerBridge(
  facts: Facts,
): "no-docker" | "docker-aside" | undefined {
  if (valueOf(facts.docker) === null) return "no-docker";
  const given = attachmentFacts(facts);
  if (given === undefined || attachmentDoubt(given) !== null) return undefined;
  return attachment(given)?.by === "docker" ? undefined : "docker-aside";
}

/**
 * `no-bridge` while no bridge attaches containers here. Not where that cannot
 * be told, which is for the check's `unsure` to say.
 */
export function unlessBridge(facts: Facts): "no-bridge" | undefined {
  const given = attachmentFacts(facts);
  if (given === undefined || attachmentDoubt(given) !== null) return undefined;
  return attachment(given) === null ? "no-bridge" : undefined;
}

/** What {@linkcode attachmentDoubt} says, for the `unsure` of a check. */
export function unsureBridge(facts: AttachmentFacts): string[] {
  const doubt = attachmentDoubt(facts);
  return doubt === null ? [] : [doubt];
}

/**
 * Facts that tell what attaches containers, or undefined where one of them is
 * unknown. Without a subnet.env the lease says which subnet is meant.
 */
function attachmentFacts(facts: Facts): AttachmentFacts | undefined {
  const settings = valueOf(facts.settings);
  const docker = valueOf(facts.docker);
  const links = valueOf(facts.links);
  const addresses = valueOf(facts.addresses);
  if (
    settings === undefined || docker === undefined || links === undefined ||
    addresses === undefined || valueOf(facts.subnetEnvFile) === undefined
  ) return undefined;
  const config = valueOf(facts.config);
  const node = valueOf(facts.node);
  const subnetEnv = valueOf(facts.subnetEnv) ??
    (config && node ? leasedSubnets(config, node) : null);
  return { settings, docker, links, addresses, subnetEnv };
}
