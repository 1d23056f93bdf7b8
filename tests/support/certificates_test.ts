import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { makeAuthority } from "./certificates.ts";
import { needs } from "./needs.ts";
import { temporaryDirectory } from "./temporary_directory.ts";

Deno.test({
  name: "makeAuthority() makes what openssl takes",
  ...needs({ programs: ["openssl"] }),
  fn: () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    for (const key of ["ec", "rsa"] as const) {
      const ca = makeAuthority(path, `ca-${key}`, { key });
      const server = ca.issue(`server-${key}`, {
        name: "etcd",
        key,
        hosts: ["127.0.0.1", "etcd.example", "fd00::7"],
      });
      const verify = (...args: string[]) =>
        new Deno.Command("openssl", {
          args: ["verify", "-CAfile", ca.cert, ...args, server.cert],
        }).outputSync().success;
      assert.ok(verify("-purpose", "sslserver", "-verify_ip", "127.0.0.1"));
      assert.ok(verify("-purpose", "sslclient", "-verify_ip", "fd00::7"));
      assert.ok(verify("-verify_hostname", "etcd.example"));
      assert.ok(!verify("-verify_ip", "127.0.0.2"));
    }
  },
});

Deno.test("Authority.issue() keeps the key to its owner", () => {
  using directory = temporaryDirectory();
  const ca = makeAuthority(directory.path, "ca");
  const { cert, key } = ca.issue("client", { name: "c", usage: ["client"] });
  assert.equal((Deno.statSync(key).mode ?? 0) & 0o777, 0o600);
  const certificate = new X509Certificate(Deno.readTextFileSync(cert));
  assert.equal(certificate.subject, "CN=c");
  assert.equal(certificate.subjectAltName, undefined);
});
