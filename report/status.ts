/**
 * How the agent is, for `flandoc status`: a pure function from facts and the
 * agent's own pages to lines.
 *
 * @module
 */
import type { IgnoredPeer } from "../flannel/expected_types.ts";
import { type Lease, TTL_NOT_ASKED } from "../flannel/lease.ts";
import type { Language } from "../checks/check.ts";
import { formatDuration, secondsBetween } from "../checks/duration.ts";
import { diffRoutes } from "../flannel/route_diff.ts";
import { type Fact, valueOf } from "../snapshot/fact.ts";
import type { Facts, HealthFacts, ProcessFacts } from "../snapshot/facts.ts";
import { painter } from "./glyphs.ts";
import { headerLine } from "./header.ts";
import { type MetricValues, parseMetrics, sumOf } from "./metrics_text.ts";
import { reasonWords } from "./reason_words.ts";
import type { TextStyle } from "./report.ts";
import { type StatusWords, statusWords } from "./status_words.ts";
import { STRINGS } from "./strings.ts";
import { fillTemplate } from "./template.ts";
import { padEndColumns } from "./width.ts";

/** What is told of the agent. */
export interface AgentStatus {
  /** The agent's process, or null when none runs. */
  readonly agent: ProcessFacts | null;
  /** Null when it does not say. */
  readonly ready: boolean | null;
  /** What its health port answered, or null where none is known. */
  readonly answer: HealthFacts | null;
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
    answer: ready,
    problems: ready?.status === 503
      ? (ready.body ?? "").trimEnd().split("\n").slice(1)
      : [],
    metrics: parseMetrics(metrics ?? ""),
  };
}

/** Columns of the labels. */
const LABEL_COLUMNS = 12;

/** Lines for a terminal. */
export function renderStatus(
  status: AgentStatus,
  facts: Facts,
  style: TextStyle,
): string {
  const { language } = style;
  const words = statusWords(language);
  const because = becauseOf(facts, language);
  const paint = painter(style.color);
  const rows: [string, readonly string[]][] = [
    [words.agent, [agentText(status, facts, words)]],
    [words.ready, readyLines(status, words)],
    [words.lease, [leaseText(facts, words, because)]],
    [words.publicIP, [publicText(facts, words, because)]],
    [words.peers, peerLines(facts, words, because)],
    [words.routes, [routesText(facts, words, because)]],
    [words.store, storeLines(facts, words, because)],
    [words.repairs, repairLines(status, words)],
  ];
  const lines = rows.flatMap(([label, values]) =>
    values.map((value, index) =>
      `  ${padEndColumns(index === 0 ? label : "", LABEL_COLUMNS)}${value}`
    )
  );
  const head = paint("bold", headerLine(facts, STRINGS[language]));
  return [head, "", ...lines].join("\n") + "\n";
}

function agentText(
  { agent }: AgentStatus,
  facts: Facts,
  words: StatusWords,
): string {
  if (agent === null) return words.none;
  const taken = valueOf(facts.host)?.taken ?? agent.started;
  return fillTemplate(words.since, {
    name: agent.name,
    pid: agent.pid,
    time: formatDuration(secondsBetween(agent.started, taken)),
    unit: agent.unit === null ? "" : `, ${agent.unit}`,
  });
}

/** Why it is not known whether the agent is ready. */
function unsaid({ agent, answer }: AgentStatus, words: StatusWords): string {
  if (answer === null) return words.noPort;
  const { url, status, error } = answer;
  if (status === null) {
    return fillTemplate(words.silent, { url, error: error ?? "" });
  }
  return agent?.name === "flanneld"
    ? words.mute
    : fillTemplate(words.strange, { url, status });
}

function readyLines(status: AgentStatus, words: StatusWords): string[] {
  if (status.ready === null) return [unsaid(status, words)];
  return status.ready ? [words.yes] : [words.no, ...status.problems];
}

/** A reason in the reader's language. */
type Because = (reason: string) => string;

/** Reasons without the causes that the lines about the store tell already. */
function becauseOf(facts: Facts, language: Language): Because {
  const words = (reason: string) => reasonWords([reason], language);
  const causes = [facts.leaseRecords, facts.configRecord]
    .flatMap((fact) => "unknown" in fact ? [words(fact.unknown)] : []);
  return (reason) => {
    const text = words(reason);
    const told = causes.find((cause) => text !== cause && text.endsWith(cause));
    return told === undefined
      ? text
      : text.slice(0, -told.length).replace(/[:：] *$/, "");
  };
}

function unknownText(
  fact: { readonly unknown: string },
  words: StatusWords,
  because: Because,
): string {
  return fillTemplate(words.unknown, { reason: because(fact.unknown) });
}

function subnetsText({ subnet, ipv6Subnet }: Lease, between: string): string {
  return [subnet, ipv6Subnet].filter((one) => one !== null).join(between);
}

function leaseText(
  facts: Facts,
  words: StatusWords,
  because: Because,
): string {
  if ("unknown" in facts.node) return unknownText(facts.node, words, because);
  const { lease } = facts.node.known;
  if (lease === null) return words.noLease;
  const subnet = subnetsText(lease, " ");
  if (lease.ttl === TTL_NOT_ASKED) return subnet;
  if (lease.ttl !== null) {
    const left = formatDuration(lease.ttl);
    return fillTemplate(words.leaseText, { subnet, left });
  }
  const isNode = valueOf(facts.settings)?.store.value === "kubernetes";
  return fillTemplate(isNode ? words.podCidr : words.reserved, { subnet });
}

function publicText(
  { node }: Facts,
  words: StatusWords,
  because: Because,
): string {
  if ("unknown" in node) return unknownText(node, words, because);
  const { publicIP, publicIPv6, device } = node.known;
  const addresses = [publicIP, publicIPv6].filter((one) => one !== null);
  return `${addresses.join(" ") || words.noLease} (${device})`;
}

/** Peers that get a line each. */
const SHOWN = 3;

function peerLines(
  facts: Facts,
  words: StatusWords,
  because: Because,
): string[] {
  const { leases, config, expected } = facts;
  if ("unknown" in expected) return [unknownText(expected, words, because)];
  const { routes, ignored } = expected.known;
  const type = valueOf(config)?.backendType ?? "";
  const foreign = ignored.filter(({ reason }) => reason !== "own");
  // udp has one route for all of them.
  const peers = type === "udp"
    ? (valueOf(leases)?.length ?? ignored.length) - ignored.length
    : new Set(routes.map(({ peer }) => peer.key)).size;
  const more = foreign.length - SHOWN;
  return [
    String(peers),
    ...foreign.slice(0, SHOWN).map((one) => ignoredText(one, type, words)),
    ...more > 0 ? [fillTemplate(words.more, { count: more })] : [],
  ];
}

function ignoredText(
  { peer, reason }: IgnoredPeer,
  own: string,
  words: StatusWords,
): string {
  const said: Readonly<Record<IgnoredPeer["reason"], string>> = {
    "own": "",
    "backend-type": words.backendType,
    "backend-data": words.backendData,
    "no-subnet": words.noSubnet,
    "one-family": words.oneFamily,
  };
  return fillTemplate(said[reason], {
    peer: subnetsText(peer, words.and),
    type: peer.attributes.backendType || words.noBackend,
    own,
  });
}

function routesText(
  facts: Facts,
  words: StatusWords,
  because: Because,
): string {
  const { expected, routes, config, node } = facts;
  if ("unknown" in expected) return unknownText(expected, words, because);
  if ("unknown" in routes) return unknownText(routes, words, because);
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

function storeLines(
  facts: Facts,
  words: StatusWords,
  because: Because,
): string[] {
  const { endpoints } = facts;
  if ("unknown" in endpoints) return [unknownText(endpoints, words, because)];
  const lines = endpoints.known.map((endpoint) =>
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
  return [...lines, ...unreadLines(facts, words, because)];
}

/** What a store that answers does not let be read. */
function unreadLines(
  { endpoints, leaseRecords, configRecord }: Facts,
  words: StatusWords,
  because: Because,
): string[] {
  const all = valueOf(endpoints) ?? [];
  const isAway = all.length > 0 && all.every(({ reachable }) => !reachable);
  if (isAway) return [];
  const say = (template: string, fact: Fact<unknown>) =>
    "unknown" in fact
      ? [fillTemplate(template, { reason: because(fact.unknown) })]
      : [];
  return [
    ...say(words.unread, leaseRecords),
    ...say(words.noConfig, configRecord),
  ];
}

function repairLines({ metrics }: AgentStatus, words: StatusWords): string[] {
  const count = sumOf(metrics, "flandoc_repairs_total");
  return count === null ? [] : [fillTemplate(words.repairsText, { count })];
}
