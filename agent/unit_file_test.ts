import assert from "node:assert/strict";
import { unitFile } from "./unit_file.ts";

Deno.test("unitFile() passes flags on, quoted, without the password", () => {
  const given = new Map([
    ["etcd-endpoints", ["https://10.0.0.1:2379,https://10.0.0.2:2379"]],
    ["iface-regex", ["^eth[0-9]$", 'a "b" 100%']],
    ["etcd-password", ["secret"]],
  ]);
  const text = unitFile(given, {
    snat: true,
    logFormat: "json",
    verbosity: "1",
  });
  const start = text.indexOf("ExecStart=");
  assert.equal(
    text.slice(start, text.indexOf("\nEnvironmentFile")),
    `ExecStart=/usr/local/bin/flandoc \\
  run \\
  --etcd-endpoints=https://10.0.0.1:2379,https://10.0.0.2:2379 \\
  "--iface-regex=^eth[0-9]$$" \\
  "--iface-regex=a \\"b\\" 100%%" \\
  --snat \\
  --log-format=json \\
  -v=1`,
  );
  assert.ok(!text.includes("=secret"));
  assert.match(
    text,
    /^# --etcd-password holds a secret: write FLANNELD_ETCD_PASSWORD=\.\.\. into \/etc\/default\/flandoc, mode 600\.\n\[Unit\]/,
  );
  for (
    const line of [
      "Type=notify",
      "Restart=always",
      "RestartPreventExitStatus=2",
      "StartLimitIntervalSec=0",
      "WatchdogSec=120",
      "Before=docker.service",
    ]
  ) assert.ok(text.includes(`\n${line}\n`), line);
  // Else a restart of the agent were a restart of all containers.
  assert.ok(!/Require|BindsTo|PartOf/.test(text));
});

Deno.test("unitFile() leaves out endpoints that carry a password", () => {
  const endpoints = "http://10.0.0.1:2379,http://root:pw@10.0.0.2:2379";
  const text = unitFile(new Map([["etcd-endpoints", [endpoints]]]));
  assert.ok(!text.includes("pw@"));
  assert.match(text, /^# --etcd-endpoints .* FLANNELD_ETCD_ENDPOINTS=/);
  const program = "/opt/flandoc";
  const plain = unitFile(new Map([["iface", ["eth0"]]]), {}, program);
  assert.match(plain, /^\[Unit\]/);
  assert.match(plain, /\nExecStart=\/opt\/flandoc \\\n/);
});
