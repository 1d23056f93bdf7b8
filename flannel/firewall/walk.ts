/**
 * Sends a class of packets through one hook of every backend, as the kernel
 * would: base chains by priority, a drop in any of them final, an accept only
 * for its own base chain, the first rewrite of an address for good.
 *
 * @module
 */
import { matchPackets } from "./match_packets.ts";
import {
  boxesAfter,
  classPiece,
  commonState,
  destinationsOf,
  mergePieces,
  overlap,
  type PacketClass,
  type Part,
  partOf,
  type Piece,
  sourcesOf,
} from "./packet_class.ts";
import type {
  Chain,
  NetfilterBackend,
  Rule,
  Ruleset,
  Table,
  Target,
} from "./rule.ts";

/** Where a rule is. */
export interface RulePlace {
  readonly backend: NetfilterBackend;
  /** Family of the table: ip, ip6, inet. */
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** Place in its chain, from 1; null for the policy of a base chain. */
  readonly position: number | null;
  /** Null for the policy of a base chain. */
  readonly rule: Rule | null;
}

/** A rule, or a policy, that decides over packets of the class. */
export interface WalkHit extends RulePlace {
  readonly part: Part;
  /** CIDRs of the packets it decides over. */
  readonly source: readonly string[];
  readonly destination: readonly string[];
}

/** What becomes of a class of packets at a hook. */
export interface HookWalk {
  /** DROP, REJECT and policies that drop, in the order they are met. */
  readonly dropped: readonly WalkHit[];
  /** Rules that accept, so that their base chain asks no further. */
  readonly accepted: readonly WalkHit[];
  /** Rules that rewrite an address: MASQUERADE, SNAT, DNAT, REDIRECT, NETMAP. */
  readonly rewritten: readonly WalkHit[];
  /** Rules whose effect flandoc does not know; the walk goes on past them. */
  readonly unclear: readonly WalkHit[];
  /** How much of the class is not dropped; null for none of it. */
  readonly passed: Part | null;
  /** How much is neither dropped nor rewritten; null for none of it. */
  readonly untouched: Part | null;
  /** Every packet, dropped ones too, for the next hook of the same path. */
  readonly boxes: readonly Piece[];
}

type Outcome = "dropped" | "accepted" | "rewritten" | "unclear";

interface BaseChain {
  readonly backend: NetfilterBackend;
  readonly table: Table;
  readonly chain: Chain;
  readonly chains: ReadonlyMap<string, Chain>;
}

/** Packets that met an outcome, by the rule that decided. */
class Log {
  /** Outcomes added so far. */
  count = 0;
  readonly entries: {
    readonly outcome: Outcome;
    readonly place: RulePlace;
    readonly pieces: Piece[];
  }[] = [];

  add(outcome: Outcome, place: RulePlace, piece: Piece): void {
    this.count++;
    const found = this.entries.find((entry) =>
      entry.outcome === outcome && entry.place.rule === place.rule &&
      entry.place.chain === place.chain && entry.place.table === place.table &&
      entry.place.family === place.family &&
      entry.place.backend === place.backend
    );
    if (found === undefined) {
      this.entries.push({ outcome, place, pieces: [piece] });
    } else found.pieces.push(piece);
  }

  pieces(outcome: Outcome): Piece[] {
    return this.entries.filter((entry) => entry.outcome === outcome)
      .flatMap((entry) => entry.pieces);
  }

  hits(outcome: Outcome, whole: Piece): WalkHit[] {
    return this.entries.filter((entry) => entry.outcome === outcome).map(
      ({ place, pieces }) => ({
        ...place,
        part: partOf(pieces, whole)!,
        source: sourcesOf(pieces),
        destination: destinationsOf(pieces),
      }),
    );
  }
}

/** iptables targets that let the packet go on to the next rule. */
const PASSING =
  /^(AUDIT|CHECKSUM|CLASSIFY|CONNMARK (?!.*--restore-mark)|CONNSECMARK|CT|DSCP|ECN|HL|HMARK|IDLETIMER|LED|LOG|NFLOG|NOTRACK|RATEEST|SECMARK|SET|TCPMSS|TCPOPTSTRIP|TEE|TOS|TRACE|TTL|ULOG|notrack|mangle (?!.*"key":{"meta":{"key":"mark"}}))/;

/** Targets that leave a mark nobody knows. */
const REMARKING = /^(CONNMARK |MARK |mangle )/;

/** Targets that keep conntrack off a packet, where it has not seen it yet. */
const UNTRACKING = /^(CT\b.* --notrack|NOTRACK|notrack)\b/;

/** Priority of conntrack itself, in prerouting and output. */
const CONNTRACK = -200;

/** Targets that rewrite an address and are not modelled further. */
const REWRITING = /^(REDIRECT|NETMAP|SAME|redirect|snat|dnat)\b/;

function remark(piece: Piece, value: number, mask: number): Piece {
  return {
    ...piece,
    mark: ((piece.mark & ~mask) ^ value) >>> 0,
    markKnown: (piece.markKnown | mask) >>> 0,
  };
}

function sameState(piece: Piece, after: readonly Piece[]): boolean {
  return after.every((one) =>
    one.mark === piece.mark && one.markKnown === piece.markKnown &&
    one.untracked === piece.untracked
  );
}

const DEEPEST = 64;

/** Walks the chains below one base chain. */
class Walker {
  readonly #base: BaseChain;
  readonly #packets: PacketClass;
  readonly #log: Log;

  constructor(base: BaseChain, packets: PacketClass, log: Log) {
    this.#base = base;
    this.#packets = packets;
    this.#log = log;
  }

  /** Sends boxes through a chain. Returns those that come out at its end. */
  chain(
    chain: Chain,
    pieces: readonly Piece[],
    owner: RulePlace | null,
    depth: number,
  ): readonly Piece[] {
    const returned: Piece[] = [];
    let here = pieces;
    for (const [index, rule] of chain.rules.entries()) {
      if (here.length === 0) break;
      // Chains of ours stand for the rule that jumps to them.
      const place = chain.name.startsWith("@") && owner !== null
        ? owner
        : this.place(chain, index + 1, rule);
      const next: Piece[] = [];
      for (const piece of here) {
        this.#rule(rule, piece, place, depth, next, returned);
      }
      here = next.length > here.length ? mergePieces(next) : next;
    }
    return mergePieces([...here, ...returned]);
  }

  place(chain: Chain, position: number | null, rule: Rule | null): RulePlace {
    const { backend, table } = this.#base;
    return {
      backend,
      family: table.family,
      table: table.name,
      chain: chain.name,
      position,
      rule,
    };
  }

  #rule(
    rule: Rule,
    piece: Piece,
    place: RulePlace,
    depth: number,
    next: Piece[],
    returned: Piece[],
  ): void {
    const taken = matchPackets(rule.match, piece, this.#packets);
    if (taken.matched === null) {
      next.push(piece);
      return;
    }
    const { matched } = taken;
    const target = rule.target;
    switch (target.kind) {
      case "CONTINUE":
        next.push(piece);
        return;
      case "MARK":
        next.push(...this.#rest(taken, [
          remark(matched, target.value, target.mask),
        ]));
        return;
      case "RETURN":
        returned.push(matched);
        break;
      case "JUMP": {
        const before = this.#log.count;
        const after = this.#jump(target, matched, place, depth);
        // Where nothing happened it does not matter which packets were there.
        const idle = this.#log.count === before && sameState(piece, after);
        next.push(...(idle ? [piece] : this.#rest(taken, after)));
        return;
      }
      case "GOTO":
        returned.push(...this.#jump(target, matched, place, depth));
        break;
      case "OTHER":
        if (this.#untracks(target)) {
          next.push(
            ...this.#rest(taken, [{ ...matched, untracked: "yes" }]),
          );
        } else if (PASSING.test(target.text)) next.push(piece);
        else {
          next.push(...this.#rest(taken, this.#other(target, matched, place)));
        }
        return;
      case "ACCEPT":
        this.#log.add("accepted", place, matched);
        break;
      case "DROP":
      case "REJECT":
        this.#log.add("dropped", place, matched);
        break;
      default:
        this.#log.add("rewritten", place, matched);
    }
    next.push(...taken.rest);
  }

  /**
   * The boxes after a rule that lets packets go on. Where it is not known
   * whether the rule took them, they are already among the rest, and only
   * their mark or state may have become unknown.
   */
  #rest(
    taken: ReturnType<typeof matchPackets>,
    after: readonly Piece[],
  ): readonly Piece[] {
    if (!taken.maybe) return [...taken.rest, ...after];
    const { matched } = taken;
    const common = after.reduce(
      (a, b) => ({ ...a, ...commonState(a, b) }),
      matched!,
    );
    return taken.rest.map((piece) => piece === matched ? common : piece);
  }

  #jump(
    target: Target & { kind: "JUMP" | "GOTO" },
    piece: Piece,
    place: RulePlace,
    depth: number,
  ): readonly Piece[] {
    const chain = this.#base.chains.get(target.chain);
    if (chain !== undefined && depth < DEEPEST) {
      return this.chain(chain, [piece], place, depth + 1);
    }
    // A torn listing, or one that runs in a circle.
    this.#log.add("unclear", place, { ...piece, sure: false });
    return [{ ...piece, sure: false }];
  }

  #untracks({ text }: Target & { kind: "OTHER" }): boolean {
    const { hook, priority } = this.#base.chain;
    return UNTRACKING.test(text) && (priority ?? 0) < CONNTRACK &&
      (hook === "prerouting" || hook === "output");
  }

  #other(
    target: Target & { kind: "OTHER" },
    piece: Piece,
    place: RulePlace,
  ): readonly Piece[] {
    const { text } = target;
    if (REMARKING.test(text)) return [{ ...piece, markKnown: 0 }];
    if (this.#base.chain.type === "nat" && REWRITING.test(text)) {
      this.#log.add("rewritten", place, piece);
      return [];
    }
    this.#log.add("unclear", place, { ...piece, sure: false });
    return [{ ...piece, sure: false }];
  }
}

/** Families of tables that IPv4 or IPv6 packets of a router meet. */
function meets(table: Table, family: 4 | 6): boolean {
  return table.family === "inet" ||
    table.family === (family === 4 ? "ip" : "ip6");
}

/**
 * Where the kernel calls a base chain: all nat chains are called from one
 * place of each hook (`nf_nat_inet_fn`), where their own priority only orders
 * them among themselves.
 */
function callPriority(chain: Chain): number {
  if (chain.type !== "nat") return chain.priority ?? 0;
  return chain.hook === "prerouting" || chain.hook === "output" ? -100 : 100;
}

/** Whether packets meet a base chain of a table. */
export type ChainChoice = (chain: Chain, table: Table) => boolean;

function baseChains(
  rulesets: readonly Ruleset[],
  choice: ChainChoice,
): BaseChain[] {
  return rulesets.flatMap(({ backend, tables }) =>
    tables.flatMap((table) => {
      const chosen = table.chains.filter((chain) =>
        chain.hook !== null && choice(chain, table)
      );
      if (chosen.length === 0) return [];
      const chains = new Map(table.chains.map((c) => [c.name, c] as const));
      return chosen.map((chain) => ({ backend, table, chain, chains }));
    })
  ).sort((a, b) =>
    callPriority(a.chain) - callPriority(b.chain) ||
    (a.chain.priority ?? 0) - (b.chain.priority ?? 0)
  );
}

/** Sends boxes through one base chain; returns those that leave it alive. */
function walkBase(
  base: BaseChain,
  pieces: readonly Piece[],
  packets: PacketClass,
  log: Log,
): readonly Piece[] {
  const own = new Log();
  const walker = new Walker(base, packets, own);
  const end = walker.chain(base.chain, pieces, null, 0);
  if (base.chain.policy === "DROP") {
    const place = walker.place(base.chain, null, null);
    for (const piece of end) own.add("dropped", place, piece);
  }
  for (const entry of own.entries) {
    for (const piece of entry.pieces) {
      log.add(entry.outcome, entry.place, piece);
    }
  }
  const accepted = own.pieces("accepted");
  return mergePieces(
    base.chain.policy === "DROP" ? accepted : [...end, ...accepted],
  );
}

/**
 * Sends boxes through nat chains of one priority. Nobody but the kernel knows
 * which of them it asks first: what two of them rewrite is "maybe" for both.
 */
function walkNat(
  group: readonly BaseChain[],
  pieces: readonly Piece[],
  packets: PacketClass,
  log: Log,
): { readonly alive: readonly Piece[]; readonly rewritten: readonly Piece[] } {
  const logs = group.map((base) => {
    const own = new Log();
    walkBase(base, pieces, packets, own);
    return own;
  });
  for (const [index, own] of logs.entries()) {
    const others = logs.filter((_, i) => i !== index)
      .flatMap((other) => other.pieces("rewritten"));
    for (const entry of own.entries) {
      for (const piece of entry.pieces) {
        const contested = entry.outcome === "rewritten" &&
          others.some((other) => overlap(piece, other));
        const sure = piece.sure && !contested && piece.untracked === "no";
        log.add(entry.outcome, entry.place, { ...piece, sure });
      }
    }
  }
  const order = new Log();
  const alive = group.reduce(
    (alive, base) => walkBase(base, alive, packets, order),
    pieces,
  );
  const rewritten = order.pieces("rewritten")
    .map((each) => ({ ...each, sure: each.sure && each.untracked === "no" }));
  return { alive, rewritten };
}

/** Whether packets meet nat chains: those that conntrack knows, or may know. */
function meetsNat({ untracked }: Piece): boolean {
  return untracked !== "yes";
}

/** Base chains in groups that the kernel calls one after the other. */
function groupsOf(bases: readonly BaseChain[]): BaseChain[][] {
  const groups: BaseChain[][] = [];
  for (const base of bases) {
    const last = groups.at(-1);
    const joins = last !== undefined && base.chain.type === "nat" &&
      last[0]!.chain.type === "nat" &&
      last[0]!.chain.priority === base.chain.priority;
    if (joins) last.push(base);
    else groups.push([base]);
  }
  return groups;
}

/**
 * Sends a class of packets through a hook of routed packets.
 *
 * Only the first packet of a connection meets nat chains, so a class whose
 * state is not NEW passes them by. Rewritten packets are not followed further.
 *
 * @param rulesets every backend of the host
 * @param hook prerouting, input, forward, output or postrouting
 * @throws {RangeError} when the class has no addresses, or of two families
 */
export function walkHook(
  rulesets: readonly Ruleset[],
  hook: string,
  packets: PacketClass,
): HookWalk {
  const family = classPiece(packets).source.family;
  return walkChains(
    rulesets,
    (chain, table) => chain.hook === hook && meets(table, family),
    packets,
  );
}

/**
 * Sends a class of packets through several hooks, one after the other: marks
 * that one hook sets, the next one finds. Each hook is shown all packets of the
 * class, those too that an earlier one drops.
 *
 * @param hooks such as prerouting, forward, postrouting
 * @returns a walk for each hook
 * @throws {RangeError} when the class has no addresses, or of two families
 */
export function walkPath(
  rulesets: readonly Ruleset[],
  hooks: readonly string[],
  packets: PacketClass,
): HookWalk[] {
  let now = packets;
  return hooks.map((hook) => {
    const walk = walkHook(rulesets, hook, now);
    now = { ...now, boxes: walk.boxes };
    return walk;
  });
}

/**
 * Sends a class of packets through base chains, as {@linkcode walkHook} does.
 *
 * @param choice the base chains of one hook
 * @throws {RangeError} when the class has no addresses, or of two families
 */
export function walkChains(
  rulesets: readonly Ruleset[],
  choice: ChainChoice,
  packets: PacketClass,
): HookWalk {
  const whole = classPiece(packets);
  const log = new Log();
  const rewritten: Piece[] = [];
  let alive: readonly Piece[] = packets.boxes ?? [whole];
  for (const group of groupsOf(baseChains(rulesets, choice))) {
    if (group[0]!.chain.type !== "nat") {
      alive = walkBase(group[0]!, alive, packets, log);
    } else if ((packets.ctState ?? "NEW") === "NEW") {
      const after = walkNat(group, alive.filter(meetsNat), packets, log);
      alive = [...after.alive, ...alive.filter((each) => !meetsNat(each))];
      rewritten.push(...after.rewritten);
    }
  }
  const dropped = log.hits("dropped", whole);
  const unclear = log.hits("unclear", whole);
  // Boxes that a port has thinned do not add up again; no drop does.
  const passed = dropped.length + unclear.length === 0
    ? "whole"
    : partOf([...alive, ...rewritten], whole);
  const kept = [...alive, ...rewritten];
  // Had it been let pass, a later rule might have set its mark as the others'.
  const lost = log.pieces("dropped").map((each) =>
    kept.reduce((a, b) => ({ ...a, ...commonState(a, b) }), each)
  );
  return {
    dropped,
    accepted: log.hits("accepted", whole),
    rewritten: log.hits("rewritten", whole),
    unclear,
    passed,
    untouched: rewritten.length === 0 ? passed : partOf(alive, whole),
    boxes: boxesAfter([...kept, ...lost], whole),
  };
}
