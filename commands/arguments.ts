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
  const isRun = flags[0] === "run";
  const level = isRun ? flags.map(verbosity) : flags;
  const long = level
    .map((arg) => /^-[a-z][\w-]+(=|$)/i.test(arg) ? `-${arg}` : arg);
  return [
    ...(isRun ? lastOfEach(long) : long)
      .flatMap((arg) =>
        /^--[a-z][\w-]*=$/i.test(arg) ? [arg.slice(0, -1), ""] : [arg]
      ),
    ...rest,
  ];
}

/** flanneld's flags that may be given more than once. */
const REPEATABLE: ReadonlySet<string> = new Set(["iface", "iface-regex"]);

/**
 * Of a flag given more than once the last counts for flanneld, as where an
 * options file is added to a unit's own flags.
 */
function lastOfEach(args: readonly string[]): string[] {
  const name = (arg = "") => /^--([a-z][\w-]*)/i.exec(arg)?.[1] ?? null;
  const last = new Map(args.map((arg, at) => [name(arg), at]));
  const isOver = (at: number) => {
    const flag = name(args[at]);
    return flag !== null && !REPEATABLE.has(flag) && last.get(flag) !== at;
  };
  // Words that are no flags are values: the command takes no others.
  return args.filter((arg, at) =>
    !isOver(at) &&
    !(at > 0 && !arg.startsWith("-") && !args[at - 1]!.includes("=") &&
      isOver(at - 1))
  );
}

/** flanneld's log level `-v`: one letter, which the parser takes for an alias. */
function verbosity(arg: string): string {
  return arg.replace(/^--?v(?==|$)/, "--verbosity");
}
