import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import { barredFile } from "./barred_file.ts";
import type { Settings } from "./facts.ts";

/** Any user but root; what such a user meets is in tests/e2e/bad_input_test.ts. */
const NOBODY = 65534;

function settings(keyfile: string, scheme = "https"): Settings {
  const base = given(healthyFacts(), "settings");
  const at = <T>(value: T) => ({ value, source: "flag" });
  return {
    ...base,
    etcdEndpoints: at([`${scheme}://192.168.1.10:2379`]),
    etcdCafile: at("/etc/passwd"),
    etcdCertfile: at("/no/such/file"),
    etcdKeyfile: at(keyfile),
  };
}

Deno.test("barredFile() passes over files that are there or are not", () => {
  assert.equal(barredFile(settings("/etc/group"), NOBODY), null);
  assert.equal(barredFile(settings("/"), NOBODY), null);
  assert.equal(barredFile(settings(""), NOBODY), null);
});

Deno.test("barredFile() is null for root and without TLS", () => {
  assert.equal(barredFile(settings("/no/such"), 0), null);
  assert.equal(barredFile(settings("/no/such", "http"), NOBODY), null);
});
