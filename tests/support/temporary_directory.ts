/** A directory that is gone at the end of its scope. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ prefix: "flandoc-test-" });
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}
