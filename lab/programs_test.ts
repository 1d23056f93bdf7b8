import assert from "node:assert/strict";
import { PACKAGES, packagesOf, PROGRAMS } from "./packages.ts";
import { parseLabSpec } from "./parse_lab_spec.ts";
import { missingPrograms, missingSentence, programsOf } from "./programs.ts";

Deno.test("programsOf() asks only for what the lab starts", () => {
  const few = programsOf(parseLabSpec({ containers: "none" }));
  assert.ok(!few.includes("dockerd") && !few.includes("openssl"));
  const many = programsOf(
    parseLabSpec({ containers: "docker", etcd: { tls: true }, cloud: true }),
  );
  assert.deepEqual([...many].sort(), [...PROGRAMS].sort());
});

Deno.test("missingSentence() names programs and packages in one sentence", () => {
  assert.equal(
    missingSentence(["etcd", "docker", "dockerd"]),
    "Cannot go on without etcd, docker, dockerd: install docker.io, etcd-server (Debian's names), on Debian as root: apt-get install --no-install-recommends docker.io etcd-server",
  );
});

Deno.test("packagesOf() names a package once", () => {
  assert.deepEqual(packagesOf(["ip", "bridge"]), [PACKAGES.ip]);
});

Deno.test("missingPrograms() finds what every Linux has", () => {
  assert.deepEqual(missingPrograms(["mount"]), []);
});
