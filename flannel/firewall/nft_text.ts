/**
 * nft's own words for JSON expressions, for people and for rules that flandoc
 * keeps without understanding them.
 *
 * @module
 */
import { isObject, listOf, objectAt, single, textAt } from "./nft_json.ts";

/** meta keys that nft prints without `meta`. */
const BARE_META: ReadonlySet<string> = new Set([
  "iif",
  "iifname",
  "oif",
  "oifname",
]);

/** Left side of a match, or any value, as nft prints it. */
export function expressionText(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(expressionText).join(",");
  const pair = single(value);
  if (pair === null) return JSON.stringify(value);
  const [kind, body] = pair;
  const key = textAt(body, "key") ?? "";
  switch (kind) {
    case "meta":
      return BARE_META.has(key) ? key : `meta ${key}`;
    case "ct":
      return `ct ${[textAt(body, "dir"), key].filter(Boolean).join(" ")}`;
    case "payload":
      return `${textAt(body, "protocol") ?? "payload"} ${
        textAt(body, "field") ?? ""
      }`.trim();
    case "fib":
      return `fib ${
        listOf(objectAt(value, "fib")["flags"]).map(expressionText).join(" . ")
      } ${textAt(body, "result") ?? ""}`.trim();
    case "prefix":
      return isObject(body) ? `${body["addr"]}/${body["len"]}` : "";
    case "range":
      return listOf(body).map(expressionText).join("-");
    case "concat":
      return listOf(body).map(expressionText).join(" . ");
    case "set":
      return `{ ${listOf(body).map(expressionText).join(", ")} }`;
    case "elem":
      return expressionText(objectAt(value, "elem")["val"]);
    case "&":
    case "|":
    case "^":
      return listOf(body).map(expressionText).join(` ${kind} `);
    default:
      return JSON.stringify(value);
  }
}

/** A match statement as nft prints it. */
export function matchText(match: unknown): string {
  if (!isObject(match)) return JSON.stringify(match);
  const left = expressionText(match["left"]);
  const right = expressionText(match["right"]);
  // `==` is left out, except behind a mask: `ip saddr & 255.0.255.0 == …`.
  const op = match["op"] === "in" ? "==" : String(match["op"] ?? "==");
  const isMasked = single(match["left"])?.[0] === "&";
  return op === "==" && !isMasked
    ? `${left} ${right}`
    : `${left} ${op} ${right}`;
}

/** Any statement: nft's words where they are simple, else its JSON. */
export function statementText(statement: unknown): string {
  const pair = single(statement);
  if (pair === null) return JSON.stringify(statement);
  const [kind, body] = pair;
  if (kind === "match") return matchText(body);
  if (body === null) return kind;
  if (kind === "xt") {
    return `xt ${textAt(body, "type") ?? ""} ${textAt(body, "name") ?? ""}`;
  }
  return `${kind} ${expressionText(body)}`;
}
