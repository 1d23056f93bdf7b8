/**
 * How the agent is, for `flandoc status`: a pure function from facts and the
 * agent's own pages to lines.
 *
 * @module
 */
import { TTL_NOT_ASKED } from "../flannel/lease.ts";
import type { Language } from "../checks/check.ts";
import { formatDuration, secondsBetween } from "../checks/duration.ts";
import { diffRoutes } from "../flannel/route_diff.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts, HealthFacts, ProcessFacts } from "../snapshot/facts.ts";
import { painter } from "./glyphs.ts";
import { headerLine } from "./header.ts";
import { type MetricValues, parseMetrics, sumOf } from "./metrics_text.ts";
import type { TextStyle } from "./report.ts";
import { STRINGS } from "./strings.ts";
import { fillTemplate } from "./template.ts";
import { padEndColumns } from "./width.ts";

/** What is told of the agent. */
export interface AgentStatus {
  /** The agent's process, or null when none runs. */
  readonly agent: ProcessFacts | null;
  /** Null when it does not say: another agent, or no health port. */
  readonly ready: boolean | null;
  /** Why it is not ready, as it says. */
  readonly problems: readonly string[];
  readonly metrics: MetricValues;
}

/** Reads the agent's answers. */
export function agentStatus(
  facts: Facts,
  ready: HealthFacts | null,
  metrics: string | null,
): AgentStatus {
  const processes = valueOf(facts.processes) ?? [];
  const agent = processes.find(({ name }) => name === "flandoc") ??
    processes.find(({ name }) => name === "flanneld") ?? null;
  const says = ready?.status === 200 || ready?.status === 503;
  return {
    agent,
    ready: agent === null ? false : says ? ready.status === 200 : null,
    problems: ready?.status === 503
      ? (ready.body ?? "").trimEnd().split("\n").slice(1)
      : [],
    metrics: parseMetrics(metrics ?? ""),
  };
}

const WORDS = {
  en: {
    agent: "agent",
    none: "none runs here",
    since: "{name} (pid {pid}) for {time}{unit}",
    ready: "ready",
    yes: "yes: the lease is valid, the kernel is as the records want it",
    no: "no",
    silent: "it does not say: start it with --healthz-port",
    lease: "lease",
    leaseText: "{subnet}, {left} left",
    reserved: "{subnet}, reserved: it does not end",
    noLease: "none",
    publicIP: "public IP",
    peers: "peers",
    routes: "routes",
    routesText: "{wanted} wanted, {present} present",
    store: "store",
    storeText: "{endpoint} {state}",
    repairs: "repairs",
    repairsText: "{count} since it started",
    unknown: "unknown: {reason}",
  },
  zh: {
    agent: "代理进程",
    none: "本机没有运行",
    since: "{name}（pid {pid}），已运行 {time}{unit}",
    ready: "就绪",
    yes: "是：租约有效，内核状态与记录一致",
    no: "否",
    silent: "未知：请用 --healthz-port 启动",
    lease: "租约",
    leaseText: "{subnet}，剩余 {left}",
    reserved: "{subnet}，保留租约，永不到期",
    noLease: "无",
    publicIP: "公共 IP",
    peers: "对端",
    routes: "路由",
    routesText: "应有 {wanted} 条，实有 {present} 条",
    store: "存储",
    storeText: "{endpoint} {state}",
    repairs: "修复",
    repairsText: "启动以来 {count} 次",
    unknown: "未知：{reason}",
  },
} as const satisfies Record<Language, Record<string, string>>;

type Words = (typeof WORDS)[Language];

/** Columns of the labels. */
const LABEL_COLUMNS = 12;

/** Lines for a terminal. */
export function renderStatus(
  status: AgentStatus,
  facts: Facts,
  style: TextStyle,
): string {
  const words = WORDS[style.language];
  const paint = painter(style.color);
  const rows: [string, readonly string[]][] = [
    [words.agent, [agentText(status, facts, words)]],
    [words.ready, readyLines(status, words)],
    [words.lease, [leaseText(facts, words)]],
    [words.publicIP, [publicText(facts)]],
    [words.peers, [peersText(facts, words)]],
    [words.routes, [routesText(facts, words)]],
    [words.store, storeLines(facts, words)],
    [words.repairs, repairLines(status, words)],
  ];
  const lines = rows.flatMap(([label, values]) =>
    values.map((value, index) =>
      `  ${padEndColumns(index === 0 ? label : "", LABEL_COLUMNS)}${value}`
    )
  );
  const head = paint("bold", headerLine(facts, STRINGS[style.language]));
  return [head, "", ...lines].join("\n") + "\n";
}

function agentText({ agent }: AgentStatus, facts: Facts, words: Words): string {
  if (agent === null) return words.none;
  const taken = valueOf(facts.host)?.taken ?? agent.started;
  return fillTemplate(words.since, {
    name: agent.name,
    pid: agent.pid,
    time: formatDuration(secondsBetween(agent.started, taken)),
    unit: agent.unit === null ? "" : `, ${agent.unit}`,
  });
}

function readyLines(status: AgentStatus, words: Words): string[] {
  if (status.ready === null) return [words.silent];
  return status.ready ? [words.yes] : [words.no, ...status.problems];
}

function unknownText(fact: { readonly unknown: string }, words: Words): string {
  return fillTemplate(words.unknown, { reason: fact.unknown });
}

function leaseText(facts: Facts, words: Words): string {
  if ("unknown" in facts.node) return unknownText(facts.node, words);
  const { lease } = facts.node.known;
  if (lease === null) return words.noLease;
  const subnet = [lease.subnet, lease.ipv6Subnet].filter((one) => one !== null)
    .join(" ");
  if (lease.ttl === TTL_NOT_ASKED) return subnet;
  return lease.ttl === null
    ? fillTemplate(words.reserved, { subnet })
    : fillTemplate(words.leaseText, {
      subnet,
      left: formatDuration(lease.ttl),
    });
}

function publicText(facts: Facts): string {
  const node = valueOf(facts.node);
  const addresses = [node?.publicIP, node?.publicIPv6].filter((one) => one);
  return node === undefined ? "" : `${addresses.join(" ")} (${node.device})`;
}

function peersText(facts: Facts, words: Words): string {
  if ("unknown" in facts.expected) return unknownText(facts.expected, words);
  const { routes, ignored } = facts.expected.known;
  const { leases, config } = facts;
  // udp has one route for all of them.
  const peers = valueOf(config)?.backendType === "udp"
    ? (valueOf(leases)?.length ?? ignored.length) - ignored.length
    : new Set(routes.map(({ peer }) => peer.key)).size;
  const foreign = ignored.filter(({ reason }) => reason !== "own");
  const left = foreign.map(({ peer, reason }) =>
    `${peer.key} ${reason} ${peer.attributes.backendType}`.trimEnd()
  );
  return [String(peers), ...left.slice(0, 3)].join(", ");
}

function routesText(facts: Facts, words: Words): string {
  const { expected, routes, config, node } = facts;
  if ("unknown" in expected) return unknownText(expected, words);
  if ("unknown" in routes) return unknownText(routes, words);
  if (!("known" in config) || !("known" in node)) return "";
  const wanted = expected.known.routes;
  const { present } = diffRoutes({
    wanted,
    observed: routes.known,
    config: config.known,
    node: node.known,
  });
  return fillTemplate(words.routesText, {
    wanted: wanted.length,
    present: present.length,
  });
}

function storeLines(facts: Facts, words: Words): string[] {
  if ("unknown" in facts.endpoints) {
    return [unknownText(facts.endpoints, words)];
  }
  return facts.endpoints.known.map((endpoint) =>
    fillTemplate(words.storeText, {
      endpoint: endpoint.endpoint,
      state: endpoint.error ??
        [
          endpoint.version,
          endpoint.latencyMs && `${endpoint.latencyMs.toFixed(1)} ms`,
        ]
          .filter((part) => part).join(", "),
    })
  );
}

function repairLines({ metrics }: AgentStatus, words: Words): string[] {
  const count = sumOf(metrics, "flandoc_repairs_total");
  return count === null ? [] : [fillTemplate(words.repairsText, { count })];
}
