/** What people type for help without a dash. */
const HELP = "help";

/**
 * Accepts flanneld's way of writing flags: Go's flag package takes `-flag` for
 * `--flag`. A single dash with a name of more than one letter becomes two,
 * up to a `--` that ends the flags. `--iface` values such as `-1` cannot be
 * confused: a name begins with a letter. `--flag=` is an empty value, as
 * scripts write it that fill in a variable. `help` alone, or before a command,
 * is `--help`.
 *
 * @example `["run", "-iface=eth0"]` gives `["run", "--iface=eth0"]`
 */
export function normalizeArguments(args: readonly string[]): string[] {
  if (args[0] === HELP) return [...args.slice(1), "--help"];
  const end = args.indexOf("--");
  const flags = end === -1 ? args : args.slice(0, end);
  const rest = end === -1 ? [] : args.slice(end);
  const level = flags[0] === "run" ? flags.map(verbosity) : flags;
  return [
    ...level.map((arg) => /^-[a-z][\w-]+(=|$)/i.test(arg) ? `-${arg}` : arg)
      .flatMap((arg) =>
        /^--[a-z][\w-]*=$/i.test(arg) ? [arg.slice(0, -1), ""] : [arg]
      ),
    ...rest,
  ];
}

/** flanneld's log level `-v`: one letter, which the parser takes for an alias. */
function verbosity(arg: string): string {
  return arg.replace(/^--?v(?==|$)/, "--verbosity");
}
