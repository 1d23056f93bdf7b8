import assert from "node:assert/strict";
import { onKubernetes, withConfig } from "../tests/fixtures/changes.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { captureRawFacts } from "../tests/fixtures/capture.ts";
import { CAPTURES } from "../tests/support/captures.ts";
import { deriveFacts } from "./derive.ts";
import type { Snapshot } from "./facts.ts";
import { loadSnapshot, parseSnapshot, SnapshotError } from "./load.ts";
import { snapshotText } from "./save.ts";

const TEXT = snapshotText(captureRawFacts("host-gw", "ha"));

function changed(change: (document: Record<string, unknown>) => void): string {
  const document = JSON.parse(TEXT) as Record<string, unknown>;
  change(document);
  return JSON.stringify(document);
}

Deno.test("parseSnapshot() gives back what snapshotText() wrote", async (t) => {
  for (const network of CAPTURES) {
    await t.step(network, () => {
      const raw = captureRawFacts(network, "hb");
      const { facts } = parseSnapshot(snapshotText(raw));
      assert.deepEqual(facts, raw);
      assert.deepEqual(deriveFacts(facts), deriveFacts(raw));
    });
  }
});

Deno.test("parseSnapshot() takes the facts of a healthy host", () => {
  const { version } = parseSnapshot(snapshotText(healthyFacts()));
  assert.match(version, /^\d+\.\d+\.\d+$/);
});

Deno.test("parseSnapshot() takes a config that was read from a ConfigMap", () => {
  const facts = onKubernetes(withConfig({
    key: "ConfigMap kube-flannel/kube-flannel-cfg",
    configMap: { namespace: "kube-flannel", name: "kube-flannel-cfg" },
  }));
  const { configRecord } = parseSnapshot(snapshotText(facts)).facts;
  assert.deepEqual(configRecord, facts.configRecord);
});

Deno.test("parseSnapshot() tolerates what is missing and what is more", () => {
  const { facts } = parseSnapshot(changed((document) => {
    const given = document["facts"] as Record<string, unknown>;
    delete given["arp"];
    given["tomorrow"] = { known: 1 };
  }));
  assert.match(JSON.stringify(facts.arp), /not in this snapshot of flandoc 0/);
  assert.ok(!("tomorrow" in facts));
});

Deno.test("parseSnapshot() says what is wrong with a document", async (t) => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["empty", "", /^SyntaxError: the file is empty$/],
    [
      "cut off",
      TEXT.slice(0, TEXT.length / 2),
      /the file is cut off: it ends inside the document/,
    ],
    ["not JSON", "hello", /^SyntaxError: it is not JSON$/],
    ["a list", "[]", /it is no JSON object/],
    ["other JSON", "{}", /it is not a flandoc snapshot: it has no schema/],
    [
      "other schema",
      '{"schema":"x/v1"}',
      /it is not a flandoc snapshot: its schema is "x\/v1"/,
    ],
    [
      "a report",
      '{"schema":"flandoc.report/v1"}',
      /it is a report of flandoc check/,
    ],
    [
      "a newer one",
      changed((document) => document["schema"] = "flandoc.snapshot/v2"),
      /expected schema flandoc.snapshot\/v1, got flandoc.snapshot\/v2: it was made by flandoc 0.*newer/,
    ],
    [
      "no facts",
      changed((document) => delete document["facts"]),
      /expected facts to be an object, got nothing/,
    ],
    [
      "a fact that is none",
      changed((document) => {
        (document["facts"] as Record<string, unknown>)["routes"] = [];
      }),
      /expected facts.routes to be a fact, known or unknown, got \[\]/,
    ],
    [
      "a value of another type",
      TEXT.replace(/"metric": ?0/, '"metric":"0"'),
      /expected facts\.routes\.known\[0\]\.metric to be a number, got "0"/,
    ],
    [
      "a target of no kind",
      TEXT.replace(/"kind": ?"MASQUERADE"/, '"kind":"MASK"'),
      /expected facts\.netfilter\.known\[0\]\.tables\[\d\]\..*kind to be one of/,
    ],
    [
      "addresses of a rule that are none",
      TEXT.replace(
        /("source":\s*\{\s*"not":\s*\w+,\s*"value":\s*\[\s*)"[^"]*"/,
        '$1"hello"',
      ),
      /expected facts\.netfilter\..*\.match\.source\.value\[0\] to be a CIDR, got "hello"/,
    ],
  ];
  for (const [name, text, message] of cases) {
    await t.step(name, () => assert.throws(() => parseSnapshot(text), message));
  }
});

Deno.test("loadSnapshot() names the file that it cannot load", async () => {
  await assert.rejects(
    loadSnapshot("/no/such/file.json"),
    new SnapshotError(
      'Cannot load snapshot "/no/such/file.json": no such file',
    ),
  );
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "{");
    await assert.rejects(
      loadSnapshot(path),
      new SnapshotError(
        `Cannot load snapshot "${path}": the file is cut off: it ends inside the document`,
      ),
    );
    await Deno.writeTextFile(path, TEXT);
    const snapshot: Snapshot = await loadSnapshot(path);
    assert.equal(snapshot.schema, "flandoc.snapshot/v1");
  } finally {
    await Deno.remove(path);
  }
});
