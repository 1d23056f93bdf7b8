import assert from "node:assert/strict";
import { annotationNames } from "./annotations.ts";

Deno.test("annotationNames() makes names of a prefix as flannel does", async (t) => {
  const cases = [
    ["flannel.alpha.coreos.com", "flannel.alpha.coreos.com/public-ip"],
    ["flannel.alpha.coreos.com/", "flannel.alpha.coreos.com/public-ip"],
    ["example.com/blue", "example.com/blue-public-ip"],
    ["example.com/blue-", "example.com/blue-public-ip"],
  ] as const;
  for (const [given, wanted] of cases) {
    await t.step(given, () => {
      assert.equal(annotationNames(given).publicIP, wanted);
    });
  }
});

Deno.test("annotationNames() has all of flannel's names", () => {
  assert.deepEqual(annotationNames("a.b"), {
    subnetManager: "a.b/kube-subnet-manager",
    backendType: "a.b/backend-type",
    backendData: "a.b/backend-data",
    backendV6Data: "a.b/backend-v6-data",
    publicIP: "a.b/public-ip",
    publicIPv6: "a.b/public-ipv6",
    publicIPOverwrite: "a.b/public-ip-overwrite",
    publicIPv6Overwrite: "a.b/public-ipv6-overwrite",
    nodePublicIP: "a.b/node-public-ip",
    nodePublicIPv6: "a.b/node-public-ipv6",
  });
});

Deno.test("annotationNames() refuses what flannel refuses", async (t) => {
  for (const given of ["", "nodots", "a.b/c/d", "A.B", "a.b/c.d"]) {
    await t.step(`"${given}"`, () => {
      assert.throws(() => annotationNames(given), SyntaxError);
    });
  }
});
