/**
 * Accepts flanneld's way of writing flags: Go's flag package takes `-flag` for
 * `--flag`. A single dash with a name of more than one letter becomes two,
 * up to a `--` that ends the flags. `--iface` values such as `-1` cannot be
 * confused: a name begins with a letter.
 *
 * @example `["run", "-iface=eth0"]` gives `["run", "--iface=eth0"]`
 */
export function normalizeArguments(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  const flags = end === -1 ? args : args.slice(0, end);
  const rest = end === -1 ? [] : args.slice(end);
  return [
    ...flags.map((arg) => /^-[a-z][\w-]+(=|$)/i.test(arg) ? `-${arg}` : arg),
    ...rest,
  ];
}
