/**
 * What `nft` is told to put one rule in the place of another, at once.
 *
 * `replace` it is but for rules with a set of their own: with an interval in
 * it nft aborts there ("BUG: unhandled op 2", v1.0.6 `interval_set_eval`).
 * Two statements of one command are one transaction as well.
 *
 * @param where family, table and chain
 * @param handle of the rule that goes
 * @param rule the statement that comes
 */
export function nftReplacement(
  where: string,
  handle: number,
  rule: string,
): string {
  return rule.includes("{")
    ? `insert rule ${where} handle ${handle} ${rule}; delete rule ${where} handle ${handle}`
    : `replace rule ${where} handle ${handle} ${rule}`;
}
