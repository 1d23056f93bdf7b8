/**
 * Reads `nft -j list ruleset` (libnftables-json(5)).
 *
 * What has no place in a {@linkcode Rule} becomes a chain of its own, whose
 * name begins with `@`, and a jump to it: a verdict map (Docker 29 sends every
 * packet through some), or a rule that sets a mark and then decides. Returning
 * from such a chain goes on after the rule, as nftables does.
 *
 * @module
 */
import {
  isObject,
  type JsonObject,
  listOf,
  numberAt,
  single,
  textAt,
} from "./nft_json.ts";
import {
  nftChainDevices,
  nftChainKey,
  nftRuleKey,
  nftRuleTexts,
} from "./nft_listing.ts";
import { type MatchDraft, type NamedSets, takeNftMatch } from "./nft_match.ts";
import { counterPackets, isPassingStatement, nftTarget } from "./nft_target.ts";
import { expressionText, statementText } from "./nft_text.ts";
import type { Chain, Rule, Table, Target } from "./rule.ts";

/** A table with the raw objects that belong to it. */
interface RawTable {
  readonly family: string;
  readonly name: string;
  readonly chains: JsonObject[];
  readonly rules: JsonObject[];
  /** Elements of sets and of maps by name. */
  readonly sets: Map<string, readonly unknown[]>;
}

function collect(document: unknown): RawTable[] {
  const tables = new Map<string, RawTable>();
  for (const entry of listOf(isObject(document) ? document["nftables"] : [])) {
    const pair = single(entry);
    if (pair === null || !isObject(pair[1])) continue;
    const [kind, body] = pair as [string, JsonObject];
    const family = textAt(body, "family") ?? "";
    const name = textAt(body, kind === "table" ? "name" : "table");
    if (name === null) continue;
    const key = `${family} ${name}`;
    const table: RawTable = tables.get(key) ??
      { family, name, chains: [], rules: [], sets: new Map() };
    tables.set(key, table);
    if (kind === "chain") table.chains.push(body);
    else if (kind === "rule") table.rules.push(body);
    else if (kind === "set" || kind === "map") {
      table.sets.set(textAt(body, "name") ?? "", listOf(body["elem"]));
    }
  }
  return [...tables.values()];
}

/** Chains that the rules of one table need and the kernel does not have. */
class Synthetic {
  readonly chains = new Map<string, Chain>();

  add(name: string, rules: readonly Rule[]): Target {
    const base = { hook: null, type: null, priority: null, policy: null };
    this.chains.set(name, { name, ...base, rules });
    return { kind: "JUMP", chain: name };
  }
}

function inner(match: Rule["match"], target: Target, text: string): Rule {
  return { match, target, comment: null, text, handle: null, packets: null };
}

/**
 * The rules of a verdict map: one for each element, its key as a match. Null
 * when its keys are more than one field, or a verdict leaves the caller's
 * chain, which a chain of ours could not say.
 */
function mapRules(body: unknown, sets: NamedSets): Rule[] | null {
  if (!isObject(body)) return null;
  const data = body["data"];
  const elements = typeof data === "string"
    ? sets.get(data.replace(/^@/, ""))
    : isObject(data)
    ? listOf(data["set"])
    : undefined;
  if (elements === undefined) return null;
  const rules: Rule[] = [];
  for (const element of elements) {
    const [key, verdict] = listOf(element);
    const pair = single(verdict);
    if (pair === null) return null;
    const draft: MatchDraft = { other: [] };
    const right = isObject(key) && isObject(key["elem"])
      ? key["elem"]["val"]
      : key;
    takeNftMatch(draft, { op: "==", left: body["key"], right }, sets);
    const target = nftTarget(...pair);
    if (target.kind === "RETURN" || target.kind === "GOTO") return null;
    const text = `${expressionText(key)} : ${statementText(verdict)}`;
    rules.push(inner(draft, target, text));
  }
  return rules;
}

/** One rule; its statements in order. */
function readRule(
  raw: JsonObject,
  table: RawTable,
  synthetic: Synthetic,
  texts: ReadonlyMap<string, string>,
): Rule {
  const handle = numberAt(raw, "handle");
  const key = nftRuleKey(table.family, table.name, handle ?? -1);
  const listed = texts.get(key);
  const draft: MatchDraft = { other: [] };
  const targets: { target: Target; text: string }[] = [];
  let packets: number | null = null;
  const statements = listOf(raw["expr"]);
  for (const statement of statements) {
    const [kind, body] = single(statement) ?? ["", statement];
    const text = statementText(statement);
    if (kind === "match") takeNftMatch(draft, body, table.sets);
    else if (kind === "counter") packets = counterPackets(body);
    else if (kind === "vmap") {
      const rules = mapRules(body, table.sets);
      targets.push({
        target: rules === null
          ? { kind: "OTHER", text }
          : synthetic.add(`@${handle} map`, rules),
        text,
      });
    } else if (kind === "limit" || (kind === "xt" && isMatch(body))) {
      if (textAt(body, "name") !== "comment") {
        draft.other.push(listedMatch(body, listed) ?? text);
      }
    } else if (!isPassingStatement(kind)) {
      targets.push({ target: nftTarget(kind, body), text });
    }
  }
  return {
    match: draft,
    target: combine(targets, handle, synthetic),
    comment: textAt(raw, "comment"),
    text: listed ?? writtenText(statements, raw),
    handle,
    packets,
  };
}

/**
 * An ebtables match that the JSON has by name only, in the words of the
 * listing.
 */
function listedMatch(body: unknown, listed = ""): string | null {
  return textAt(body, "name") === "pkttype"
    ? /\bmeta pkttype (!= )?[a-z]+/.exec(listed)?.[0] ?? null
    : null;
}

function isMatch(body: unknown): boolean {
  return textAt(body, "type") === "match";
}

function combine(
  targets: readonly { target: Target; text: string }[],
  handle: number | null,
  synthetic: Synthetic,
): Target {
  if (targets.length === 0) return { kind: "CONTINUE" };
  if (targets.length === 1) return targets[0]!.target;
  const last = targets.at(-1)!.target;
  if (["RETURN", "GOTO", "JUMP"].includes(last.kind)) return last;
  return synthetic.add(
    `@${handle} steps`,
    targets.map(({ target, text }) => inner({ other: [] }, target, text)),
  );
}

/** Words for a rule when there is no listing. */
function writtenText(statements: readonly unknown[], raw: JsonObject): string {
  const words = statements.map((statement) => {
    const [kind, body] = single(statement) ?? ["", statement];
    if (kind === "counter") return "counter";
    if (kind !== "vmap" || !isObject(body)) return statementText(statement);
    return `${expressionText(body["key"])} vmap ${
      expressionText(body["data"])
    }`;
  });
  const comment = textAt(raw, "comment");
  if (comment !== null) words.push(`comment ${JSON.stringify(comment)}`);
  return words.join(" ");
}

/** What a listing says besides the JSON. */
interface Listing {
  readonly texts: ReadonlyMap<string, string>;
  readonly devices: ReadonlyMap<string, readonly string[]>;
}

/** Devices of an ingress or egress chain; undefined for all others. */
function devicesOf(
  chain: JsonObject,
  { family, name }: RawTable,
  { devices }: Listing,
): readonly string[] | undefined {
  if (!["ingress", "egress"].includes(textAt(chain, "hook") ?? "")) return;
  if (chain["dev"] !== undefined) return listOf(chain["dev"]).map(String);
  return devices.get(nftChainKey(family, name, textAt(chain, "name") ?? ""));
}

function readTable(raw: RawTable, listing: Listing): Table {
  const synthetic = new Synthetic();
  const rules = new Map<string, Rule[]>();
  for (const rule of raw.rules) {
    const chain = textAt(rule, "chain") ?? "";
    const list = rules.get(chain) ?? [];
    list.push(readRule(rule, raw, synthetic, listing.texts));
    rules.set(chain, list);
  }
  const chains = raw.chains.map((chain): Chain => {
    const name = textAt(chain, "name") ?? "";
    const hook = textAt(chain, "hook");
    const policy = textAt(chain, "policy") === "drop" ? "DROP" : "ACCEPT";
    const devices = devicesOf(chain, raw, listing);
    return {
      name,
      hook,
      ...(devices === undefined ? {} : { devices }),
      type: textAt(chain, "type"),
      priority: numberAt(chain, "prio"),
      policy: hook === null ? null : policy,
      rules: rules.get(name) ?? [],
    };
  });
  return {
    name: raw.name,
    family: raw.family,
    chains: [...chains, ...synthetic.chains.values()],
  };
}

/**
 * Parses a ruleset; tables of iptables-nft are among them, though `nft` can
 * only name some of their extensions.
 *
 * @param json what `nft -j list ruleset` printed
 * @param listing what `nft -a list ruleset` printed, for the rules' texts;
 *   without it they are flandoc's own rendering
 * @throws {SyntaxError} when the text is not JSON
 */
export function parseNft(json: string, listing = ""): Table[] {
  // nft prints nothing at all for an empty ruleset before 0.9.3.
  if (json.trim() === "") return [];
  const said = {
    texts: nftRuleTexts(listing),
    devices: nftChainDevices(listing),
  };
  return collect(JSON.parse(json)).map((table) => readTable(table, said));
}
