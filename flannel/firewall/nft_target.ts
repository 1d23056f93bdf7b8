import { isObject, listOf, numberAt, objectAt, textAt } from "./nft_json.ts";
import { expressionText, statementText } from "./nft_text.ts";
import type { Target } from "./rule.ts";

const ALL = 0xffffffff;

/** Statements that let the packet go on to the rule's next statement. */
const PASSING: ReadonlySet<string> = new Set([
  "counter",
  "ct count",
  "ct expectation",
  "ct helper",
  "ct timeout",
  "dup",
  "flow",
  "last",
  "log",
  "map",
  "meter",
  "quota",
  "secmark",
  "set",
]);

/** Whether a statement neither decides, asks, nor changes what others ask. */
export function isPassingStatement(kind: string): boolean {
  return PASSING.has(kind);
}

/** Address and port of a nat statement in the form `ADDRESS[:PORT]`. */
function translation(body: unknown): string {
  if (!isObject(body)) return "";
  const port = body["port"] === undefined
    ? ""
    : `:${expressionText(body["port"])}`;
  const address = body["addr"] === undefined
    ? ""
    : expressionText(body["addr"]);
  return `${address}${port}`;
}

function rejectWith(body: unknown): string | null {
  const type = textAt(body, "type");
  if (type === null) return null;
  const code = textAt(body, "expr");
  return code === null ? type : `${type} ${code}`;
}

/** `meta mark set …` as "clear mask, then flip value", or null for others. */
function markTarget(body: unknown): Target | null {
  const key = textAt(objectAt(objectAt(body, "key"), "meta"), "key");
  if (!isObject(body) || key !== "mark") return null;
  const value = body["value"];
  if (typeof value === "number") return { kind: "MARK", value, mask: ALL };
  if (!isObject(value)) return null;
  for (const operator of ["|", "^", "&"] as const) {
    const [left, right] = listOf(value[operator]);
    if (textAt(objectAt(left, "meta"), "key") !== "mark") continue;
    if (typeof right !== "number") continue;
    if (operator === "|") return { kind: "MARK", value: right, mask: right };
    if (operator === "^") return { kind: "MARK", value: right, mask: 0 };
    return { kind: "MARK", value: 0, mask: ~right >>> 0 };
  }
  return null;
}

/** The xt targets that an nft without libxtables shows by name only. */
function xtTarget(body: unknown): Target | null {
  switch (textAt(body, "name")) {
    case "MASQUERADE":
      return { kind: "MASQUERADE", randomFully: false };
    case "REJECT":
      return { kind: "REJECT", with: null };
    default:
      return null;
  }
}

/**
 * The target that a statement of `nft -j` means, OTHER for one that flandoc
 * does not model. Verdict maps are not targets, see `parse_nft.ts`.
 */
export function nftTarget(kind: string, body: unknown): Target {
  const other: Target = {
    kind: "OTHER",
    text: statementText({ [kind]: body }),
  };
  switch (kind) {
    case "accept":
      return { kind: "ACCEPT" };
    case "drop":
      return { kind: "DROP" };
    case "return":
      return { kind: "RETURN" };
    case "continue":
      return { kind: "CONTINUE" };
    case "reject":
      return { kind: "REJECT", with: rejectWith(body) };
    case "jump":
    case "goto": {
      const chain = textAt(body, "target");
      if (chain === null) return other;
      return { kind: kind === "jump" ? "JUMP" : "GOTO", chain };
    }
    case "masquerade": {
      const flags = listOf(objectAt({ body }, "body")["flags"]);
      const randomFully = flags.includes("fully-random");
      return { kind: "MASQUERADE", randomFully };
    }
    case "snat":
      return { kind: "SNAT", to: translation(body) };
    case "dnat":
      return { kind: "DNAT", to: translation(body) };
    case "mangle":
      return markTarget(body) ?? other;
    case "xt":
      return xtTarget(body) ?? other;
    default:
      return other;
  }
}

/** Packets of a counter statement's body, or null for a named counter. */
export function counterPackets(body: unknown): number | null {
  return numberAt(body, "packets");
}
