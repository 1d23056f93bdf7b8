/**
 * The text of each rule from `nft -a list ruleset`, by handle: the one form
 * that `nft` takes back word for word, which its JSON does not have.
 *
 * @module
 */

/** Key of a rule of {@linkcode nftRuleTexts}. */
export function nftRuleKey(
  family: string,
  table: string,
  handle: number,
): string {
  return `${family} ${table} ${handle}`;
}

/**
 * Rule texts by family, table and handle.
 *
 * @param listing what `nft -a list ruleset` printed, with or without `-s`
 */
export function nftRuleTexts(listing: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  let table: [family: string, name: string] | null = null;
  let chain = false;
  let pending = "";
  for (const line of listing.split("\n")) {
    const header = /^table (\S+) (\S+) \{/.exec(line);
    if (header !== null) {
      table = [header[1]!, header[2]!];
      chain = false;
    } else if (/^\t\S/.test(line)) {
      // One tab: a chain, set, map, … opens or closes.
      chain = line.startsWith("\tchain ");
      pending = "";
    } else if (chain && table !== null) {
      // A long set goes on over several lines; the last one has the handle.
      const text = line.trim();
      pending = pending === "" ? text : `${pending} ${text}`;
      const end = /^(.*) # handle ([0-9]+)$/.exec(pending);
      if (end !== null) {
        texts.set(nftRuleKey(...table, Number(end[2])), end[1]!);
        pending = "";
      } else if (/^(type \S+ hook |comment ")/.test(pending)) pending = "";
    }
  }
  return texts;
}

/** Key of a chain of {@linkcode nftChainDevices}. */
export function nftChainKey(
  family: string,
  table: string,
  chain: string,
): string {
  return `${family} ${table} ${chain}`;
}

/**
 * Devices of ingress and egress chains by family, table and name: the JSON of
 * nft 1.0.6 leaves them out.
 *
 * @param listing what `nft -a list ruleset` printed
 */
export function nftChainDevices(
  listing: string,
): ReadonlyMap<string, readonly string[]> {
  const devices = new Map<string, readonly string[]>();
  let table: [family: string, name: string] = ["", ""];
  let chain = "";
  for (const line of listing.split("\n")) {
    const header = /^table (\S+) (\S+) \{/.exec(line);
    if (header !== null) table = [header[1]!, header[2]!];
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain;
    const hook = /^\t\ttype \S+ hook (?:ingress|egress) (.*?)priority /
      .exec(line);
    if (hook !== null) {
      const names = hook[1]!.replace(/^devices? (= )?/, "")
        .split(/[\s,{}"]+/).filter(Boolean);
      devices.set(nftChainKey(...table, chain), names);
    }
  }
  return devices;
}
