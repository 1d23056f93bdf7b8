import type { NetfilterBackend, Rule } from "./rule.ts";

/**
 * The same rule, except for packets to `network`, as the backend's tool takes
 * it after the chain's name: `-s SUBNET ! -d NETWORK ! -o docker0 -j
 * MASQUERADE`. All else, what flandoc does not understand included, stays.
 *
 * @param network canonical CIDR
 * @returns null when the rule asks for a destination already: a rule has room
 *   for one, and flandoc does not rewrite what somebody meant by it; or when
 *   nft shows it in words that it does not take
 */
export function scopeRule(
  rule: Rule,
  backend: NetfilterBackend,
  network: string,
): string | null {
  const { match, text } = rule;
  if (match.destination !== undefined) return null;
  if (backend !== "nftables") {
    // An unread `-d` is kept as text.
    if (match.other.some((other) => /^(! )?-d /.test(other))) return null;
    const specification = ruleSpecification(text);
    const source = /^(?:! )?-s \S+ ?/.exec(specification)?.[0] ?? "";
    const rest = specification.slice(source.length);
    return `${source}! -d ${network} ${rest}`.trim();
  }
  return scopeNft(text, network);
}

/** A name, comment or log prefix may hold any words. */
function unquoted(text: string): string {
  return text.replace(/"[^"]*"/g, (quoted) => "_".repeat(quoted.length));
}

/**
 * Whether nft takes back the text it shows a rule by: what iptables-nft made
 * of an extension of its own (`xt target "MASQUERADE"`) it does not.
 */
export function nftTakes(text: string): boolean {
  return !/\bxt (match|target) /.test(unquoted(text));
}

/** A source's value: one set, or an address, prefix or range. */
const VALUE = String.raw`(?:\{[^{}]*\}|@\S+|[\da-f][\da-f:./-]*)(?: |$)`;

/**
 * nft takes matches in any order, so that a source it says otherwise than by
 * such a value (`>=`, `ip saddr . oifname`, a map) gets the scope before all.
 */
function scopeNft(text: string, network: string): string | null {
  if (!nftTakes(text)) return null;
  const words = unquoted(text);
  const word = network.includes(":") ? "ip6" : "ip";
  if (new RegExp(`\\b${word} daddr\\b`).test(words)) return null;
  const source = new RegExp(
    String.raw`\b${word} saddr (?:& \S+ )?(?:[!=]= )?${VALUE}`,
  ).exec(words);
  const at = source === null ? 0 : source.index + source[0].length;
  const [before, after] = [text.slice(0, at), text.slice(at)];
  const gap = before === "" || before.endsWith(" ") ? "" : " ";
  return `${before}${gap}${word} daddr != ${network} ${after}`.trim();
}

/** A rule's text without `-A CHAIN`; nftables texts have none. */
export function ruleSpecification(text: string): string {
  return text.replace(/^-A \S+ ?/, "");
}
