/**
 * Masking of secrets in command lines, environments and file texts. What is
 * masked stays readable: names remain, values become `***`.
 *
 * @module
 */

/** What stands for a secret. */
export const MASK = "***";

/**
 * Words that a name of a secret ends with. Names of files, such as
 * `etcd-keyfile`, are not secrets.
 */
const SECRET_NAME =
  /(?:password|passwd|passphrase|pass|pwd|secret|token|psk|credentials?|auth|apikey|(?:api|access|private|secret|encryption|preshared|pre-shared|pre_shared)[-_]?key)$/i;

/** Whether a flag, variable or JSON member of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/**
 * Masks the password of every URL in a text: `http://user:***@host`. The
 * scheme is not part of the pattern: looked for at every letter of a long
 * word, it would take time that grows with the word's length squared.
 */
export function maskUrls(text: string): string {
  return text.replaceAll(
    /:\/\/([^\s/:@"'<>]*):([^\s/"'<>]*)@/g,
    (_, user) => `://${user}:${MASK}@`,
  );
}

/**
 * Masks values of `NAME=value`, `--flag=value` and `--flag value`. Written out
 * as a scan, since `Environment="A=b C=d"` holds assignments in a value.
 */
function maskAssignments(text: string): string {
  const name = /(?<![\w.-])(-{0,2}[A-Za-z_][\w.-]*)(=|[ \t]+)/g;
  let masked = "";
  let done = 0;
  for (let match = name.exec(text); match !== null; match = name.exec(text)) {
    const [, given = "", separator] = match;
    // "the password is" is prose; a blank separates only a flag's value.
    const assigns = separator === "=" || given.startsWith("-");
    if (!assigns || !isSecretName(given)) continue;
    const quote = text[match.index - 1] ?? "";
    // Systemd quotes whole assignments: the value ends with the quote.
    const value = quote === '"'
      ? /[^"\n]+/y
      : quote === "'"
      ? /[^'\n]+/y
      : /"[^"\n]*"|'[^'\n]*'|[^\s"'\\]+/y;
    value.lastIndex = name.lastIndex;
    const found = value.exec(text)?.[0];
    if (found === undefined) continue;
    if (separator !== "=" && found.startsWith("-")) continue;
    masked += text.slice(done, name.lastIndex) + MASK;
    done = name.lastIndex = name.lastIndex + found.length;
  }
  return masked + text.slice(done);
}

/**
 * Masks secrets of a command line, given as `--flag=value`, `-flag value` or
 * `name=value` such as Docker's `--log-opt splunk-token=…`.
 */
export function maskArgv(argv: readonly string[]): string[] {
  return argv.map((argument, index) => {
    const given = /^(-{0,2}[\w.-]+)=(.*)$/s.exec(argument);
    if (given !== null && isSecretName(given[1] ?? "")) {
      return `${given[1]}=${MASK}`;
    }
    const before = argv[index - 1];
    if (
      before !== undefined && /^--?[a-z]/i.test(before) &&
      !before.includes("=") && isSecretName(before) && !argument.startsWith("-")
    ) return MASK;
    return maskText(argument);
  });
}

/** Masks secrets of environment variables. */
export function maskEnvironment(
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      isSecretName(name) ? MASK : maskText(value),
    ]),
  );
}

/**
 * Masks secrets in the text of a file: JSON members, assignments (shell,
 * systemd's `Environment=`), flags, URL passwords, authorization headers and
 * private keys. A JSON string keeps its length, since flannel judges the
 * length of a pre-shared key.
 */
export function maskText(text: string): string {
  const masked = text
    .replaceAll(
      /-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|$)/gs,
      (_, kind) => `-----BEGIN ${kind}-----\n${MASK}\n-----END ${kind}-----`,
    )
    .replaceAll(
      /("([^"\\\n]+)"\s*:\s*)"((?:[^"\\\n]|\\.)*)"/g,
      (whole, head, name, value) =>
        isSecretName(name) && value !== ""
          ? `${head}"${"*".repeat(value.length)}"`
          : whole,
    )
    .replaceAll(
      /\b(authorization\s*[:=]\s*(?:"\s*)?(?:basic|bearer)\s+)[^\s"']+/gi,
      (_, head) => head + MASK,
    );
  return maskUrls(maskAssignments(masked));
}
