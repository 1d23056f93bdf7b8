import assert from "node:assert/strict";
import {
  expandCommand,
  parseEnvironmentFile,
  parseUnitFile,
  splitWords,
  unitValues,
} from "./unit_file.ts";

Deno.test("parseUnitFile() joins continued lines and skips comments", () => {
  const settings = parseUnitFile(
    [
      "# flannel",
      "[Unit]",
      "After=network.target",
      "[Service]",
      "ExecStart=/opt/flannel/flanneld \\",
      "  --iface=eth0 \\",
      "; a comment inside",
      "  --ip-masq",
      "Restart=always",
      "",
    ].join("\n"),
  );
  assert.deepEqual(settings, [
    { section: "Unit", name: "After", value: "network.target" },
    {
      section: "Service",
      name: "ExecStart",
      value: "/opt/flannel/flanneld    --iface=eth0    --ip-masq",
    },
    { section: "Service", name: "Restart", value: "always" },
  ]);
});

Deno.test("unitValues() starts again after an empty assignment", () => {
  const settings = parseUnitFile(
    "[Service]\nExecStart=/a\nExecStart=\nExecStart=/b\n[Install]\nExecStart=/c",
  );
  assert.deepEqual(unitValues(settings, "Service", "ExecStart"), ["/b"]);
});

Deno.test("splitWords() follows quotes and backslashes", async (t) => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["a  b\tc", ["a", "b", "c"]],
    [`a "b c" 'd e'`, ["a", "b c", "d e"]],
    [`"A=b c" D=e`, ["A=b c", "D=e"]],
    [`a\\ b`, ["a b"]],
    [`'a\\b'`, ["a\\b"]],
    [`a ""`, ["a", ""]],
    ["", []],
  ];
  for (const [text, words] of cases) {
    await t.step(text, () => assert.deepEqual(splitWords(text), words));
  }
});

Deno.test("parseEnvironmentFile() reads what distributions ship", () => {
  assert.deepEqual(
    parseEnvironmentFile(
      [
        "# Flanneld configuration options",
        'FLANNEL_ETCD_ENDPOINTS="http://127.0.0.1:2379"',
        "export FLANNEL_ETCD_PREFIX=/atomic.io/network",
        "FLANNEL_OPTIONS='--iface=eth0 --ip-masq'",
        "EMPTY=",
        "not an assignment",
      ].join("\n"),
    ),
    {
      FLANNEL_ETCD_ENDPOINTS: "http://127.0.0.1:2379",
      FLANNEL_ETCD_PREFIX: "/atomic.io/network",
      FLANNEL_OPTIONS: "--iface=eth0 --ip-masq",
      EMPTY: "",
    },
  );
});

Deno.test("expandCommand() puts variables in as systemd does", () => {
  const variables = { OPTIONS: "--iface=eth0 --ip-masq", PREFIX: "/a b" };
  assert.deepEqual(
    expandCommand(
      "-/usr/bin/flanneld --etcd-prefix=${PREFIX} $OPTIONS $MISSING x$$y",
      variables,
    ),
    [
      "/usr/bin/flanneld",
      "--etcd-prefix=/a b",
      "--iface=eth0",
      "--ip-masq",
      "x$y",
    ],
  );
});
