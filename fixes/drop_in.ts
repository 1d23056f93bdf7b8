/** Docker's rule as it makes it, and scoped, after the chain's name. */
export interface RulePair {
  /** Program that edits the rules, such as `iptables`. */
  readonly tool: string;
  readonly unscoped: string;
  readonly scoped: string;
}

/** Name of the drop-in in a unit's directory. */
export const DROP_IN_NAME = "50-flandoc-snat.conf";

/**
 * Whether rules can stand in a unit file as they are: quotes, dollars, percent
 * signs and backslashes mean something to systemd or to the shell.
 */
export function isPlain({ scoped, unscoped }: RulePair): boolean {
  return !/["'$%\\`;&|<>]/.test(scoped + unscoped);
}

/**
 * Drop-in of the Docker unit. The commands need neither flandoc nor etcd, both
 * of which may come up later than Docker; a failure never fails Docker.
 */
export function dropInText(pairs: readonly RulePair[]): string {
  return [
    "# Written by flandoc fix --persist; flandoc undo takes it back.",
    "# Docker puts its rule back at every start: scope it again.",
    "[Service]",
    ...pairs.flatMap(({ tool, unscoped, scoped }) => {
      const nat = `${tool} -w -t nat`;
      return [
        `ExecStartPost=-/bin/sh -c "${nat} -C POSTROUTING ${scoped} 2>/dev/null || ${nat} -I POSTROUTING ${scoped}"`,
        `ExecStartPost=-/bin/sh -c "while ${nat} -D POSTROUTING ${unscoped} 2>/dev/null; do :; done"`,
      ];
    }),
    "",
  ].join("\n");
}
