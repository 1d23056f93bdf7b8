import assert from "node:assert/strict";
import {
  redact,
  removeValues,
  secretsOfArgv,
  secretsOfEnvironment,
} from "./redact.ts";

Deno.test("removeValues() finds known secrets wherever they are", () => {
  assert.deepEqual(
    removeValues(
      { a: ["said hunter2 twice: hunter2"], b: { c: "hunter2x" }, d: 1 },
      ["hunter2"],
    ),
    { a: ["said *** twice: ***"], b: { c: "***x" }, d: 1 },
  );
});

Deno.test("removeValues() does not look for what is too short to be told", () => {
  const value = { a: "eth0 abc" };
  assert.deepEqual(removeValues(value, ["abc", "", "***"]), value);
});

Deno.test("redact() masks members by their name", () => {
  assert.deepEqual(
    redact({ password: "x1", key: "10.5.1.0-24", list: [{ token: "x1" }] }),
    { password: "***", key: "10.5.1.0-24", list: [{ token: "***" }] },
  );
});

Deno.test("redact() leaves what a healthy host has", () => {
  const value = {
    rule: "-A POSTROUTING -s 10.5.1.0/24 ! -o docker0 -j MASQUERADE",
    route: "10.5.2.0/24 via 192.168.1.11 dev eth0",
    lease: '{"PublicIP":"192.168.1.10","BackendType":"vxlan",' +
      '"BackendData":{"VtepMAC":"02:94:fb:b9:c7:64"}}',
    certificate: "./cert/client-key.pem",
  };
  assert.deepEqual(redact(value), value);
});

Deno.test("secretsOfArgv() gives what maskArgv() hides", async (t) => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["flanneld --etcd-password=hunter2", ["hunter2"]],
    ["flanneld --etcd-password hunter2 --iface eth0", ["hunter2"]],
    ["--etcd-endpoints=http://u:a@h,http://v:b@h", ["a", "b"]],
    ["flanneld --iface=eth0", []],
  ];
  for (const [argv, secrets] of cases) {
    await t.step(argv, () => {
      assert.deepEqual(secretsOfArgv(argv.split(" ")), secrets);
    });
  }
});

Deno.test("secretsOfEnvironment() gives what maskEnvironment() hides", () => {
  assert.deepEqual(
    secretsOfEnvironment({ A_PASSWORD: "hunter2", B: "c", D: "http://u:e@h" }),
    ["hunter2", "e"],
  );
});
