import type { NetfilterBackend, Rule } from "./rule.ts";

/**
 * The same rule, except for packets to `network`, as the backend's tool takes
 * it after the chain's name: `-s SUBNET ! -d NETWORK ! -o docker0 -j
 * MASQUERADE`. All else, what flandoc does not understand included, stays.
 *
 * @param network canonical CIDR
 * @returns null when the rule asks for a destination already: a rule has room
 *   for one, and flandoc does not rewrite what somebody meant by it
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
  const word = network.includes(":") ? "ip6" : "ip";
  if (new RegExp(`\\b${word} daddr\\b`).test(text)) return null;
  const source = new RegExp(`\\b${word} saddr (!= )?(\\{[^}]*\\}|\\S+) ?`)
    .exec(text);
  const at = source === null ? 0 : source.index + source[0].length;
  const scope = `${word} daddr != ${network} `;
  return `${text.slice(0, at)}${scope}${text.slice(at)}`.trim();
}

/** A rule's text without `-A CHAIN`; nftables texts have none. */
export function ruleSpecification(text: string): string {
  return text.replace(/^-A \S+ ?/, "");
}
