/** A port of iptables (`1:1024`) or nft (`1-1024`), or a range of them. */
function holds(text: string, port: number): boolean | undefined {
  const found = /^(\d+)(?:[:-](\d+))?$/.exec(text);
  if (found === null) return undefined;
  const first = Number(found[1]);
  return port >= first && port <= Number(found[2] ?? first);
}

function anyOf(words: readonly string[], port: number): boolean | undefined {
  const answers = words.map((word) => holds(word, port));
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

/**
 * Whether a match on the destination port, kept as text, takes a port.
 * Undefined for what asks anything else, or something besides.
 *
 * @param text such as `udp dport { 53, 8472 }` of nft or `-m udp --dport 8472`
 *   of iptables
 */
export function portAnswer(text: string, port: number): boolean | undefined {
  const nft = /^(?:udp|th) dport (!= )?(?:\{ (.*) \}|(\S+))$/.exec(text);
  const iptables =
    /^(?:-m (?:udp|multiport) )?(! )?--(?:dport|dports|destination-ports?) (\S+)$/
      .exec(text);
  const found = nft ?? iptables;
  if (found === null) return undefined;
  const words = nft === null
    ? found[2]!.split(",")
    : (found[2] ?? found[3]!).split(", ");
  const answer = anyOf(words, port);
  return found[1] === undefined || answer === undefined ? answer : !answer;
}
