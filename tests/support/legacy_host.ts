/** Puts the legacy iptables under the plain names, as on an older host. */
export class LegacyHost implements Disposable {
  readonly #directory = Deno.makeTempDirSync({ prefix: "flandoc-legacy-" });
  readonly #path = Deno.env.get("PATH") ?? "";

  constructor() {
    for (const tool of ["iptables", "ip6tables"]) {
      for (const end of ["", "-save", "-restore"]) {
        Deno.symlinkSync(
          `/usr/sbin/${tool}-legacy${end}`,
          `${this.#directory}/${tool}${end}`,
        );
      }
    }
    Deno.env.set("PATH", `${this.#directory}:${this.#path}`);
  }

  [Symbol.dispose](): void {
    Deno.env.set("PATH", this.#path);
    Deno.removeSync(this.#directory, { recursive: true });
  }
}
