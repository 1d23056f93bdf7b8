import assert from "node:assert/strict";
import { onKubernetes, withSettings } from "../../tests/fixtures/changes.ts";
import { given } from "../../tests/support/judged.ts";
import { nodeColumns } from "./node_columns.ts";

Deno.test("nodeColumns() escapes the dots of the annotations' prefix", async (t) => {
  const cases: readonly [string, string][] = [
    ["flannel.alpha.coreos.com", "flannel\\.alpha\\.coreos\\.com/"],
    ["a.b/c", "a\\.b/c-"],
    ["a.b/c-", "a\\.b/c-"],
  ];
  for (const [kubeAnnotationPrefix, path] of cases) {
    await t.step(kubeAnnotationPrefix, () => {
      const facts = withSettings({ kubeAnnotationPrefix }, onKubernetes());
      assert.equal(
        nodeColumns(given(facts, "settings"), "CIDRS", "PUBLIC-IP"),
        `kubectl get nodes -o custom-columns='NAME:.metadata.name,CIDRS:.spec.podCIDRs,PUBLIC-IP:.metadata.annotations.${path}public-ip'`,
      );
    });
  }
});
