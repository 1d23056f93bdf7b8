import assert from "node:assert/strict";
import { readCapture } from "../tests/support/captures.ts";
import {
  flagSpecification,
  flagValue,
  flagVariable,
  FLANNELD_FLAGS,
  isTrue,
  parseFlags,
  parseGoInt,
} from "./flags.ts";

Deno.test("parseFlags() reads every form of Go's flag package", () => {
  const { values, problems, rest } = parseFlags([
    "-etcd-prefix=/a",
    "--etcd-endpoints",
    "https://10.0.0.1:2379,https://10.0.0.2:2379",
    "--ip-masq",
    "-iptables-forward-rules=false",
    "--iface=eth1",
    "--iface",
    "eth2",
    "--public-ip=1.1.1.1",
    "--public-ip=2.2.2.2",
    "--etcd-password=a=b",
    "-v=10",
    "word",
    "--ignored",
  ]);
  assert.deepEqual(Object.fromEntries(values), {
    "etcd-prefix": ["/a"],
    "etcd-endpoints": ["https://10.0.0.1:2379,https://10.0.0.2:2379"],
    "ip-masq": ["true"],
    "iptables-forward-rules": ["false"],
    "iface": ["eth1", "eth2"],
    "public-ip": ["2.2.2.2"],
    "etcd-password": ["a=b"],
    "v": ["10"],
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(rest, ["word", "--ignored"]);
});

Deno.test("parseFlags() reads the captured command line", () => {
  const { args } = readCapture("vxlan", "ha");
  const { values, problems } = parseFlags(args, "0.11.0");
  assert.deepEqual(problems, []);
  assert.deepEqual(values.get("iface"), ["eth0"]);
  assert.deepEqual(values.get("healthz-port"), ["2401"]);
});

Deno.test("parseFlags() reports what makes flanneld exit", async (t) => {
  const table: [string[], string, string, string | null, string | null][] = [
    [["--etcd-endpoint=x"], "0.28.9", "unknown", null, "etcd-endpoints"],
    [["--config=x"], "0.28.9", "unknown", null, null],
    [
      ["--iface-can-reach=1.1.1.1"],
      "0.11.0",
      "not-in-version",
      "0.18.0",
      null,
    ],
    [["--healthz-port=http"], "0.28.9", "bad-value", null, null],
    [["--ip-masq=yes"], "0.28.9", "bad-value", null, null],
    [["--etcd-prefix"], "0.28.9", "no-value", null, null],
  ];
  for (const [args, version, code, since, nearest] of table) {
    await t.step(args.join(" "), () => {
      const { problems } = parseFlags(args, version);
      assert.deepEqual(
        problems.map((p) => [p.code, p.since, p.nearest]),
        [[code, since, nearest]],
      );
    });
  }
});

Deno.test("parseFlags() reads on after an unknown flag and its value", () => {
  const { values, problems } = parseFlags([
    "--unknown",
    "value",
    "--iface=eth0",
  ]);
  assert.deepEqual(problems.map((p) => p.flag), ["unknown"]);
  assert.deepEqual(values.get("iface"), ["eth0"]);
});

Deno.test("parseFlags() stops at --", () => {
  const { values, rest } = parseFlags(["--ip-masq", "--", "--iface=eth0"]);
  assert.deepEqual([...values.keys()], ["ip-masq"]);
  assert.deepEqual(rest, ["--iface=eth0"]);
});

Deno.test("flagValue() prefers the command line, then the environment", () => {
  const none = parseFlags([]);
  const given = parseFlags(["--etcd-prefix=/flag"]);
  const env = {
    FLANNELD_ETCD_PREFIX: "/env",
    FLANNELD_IFACE: "eth1",
    FLANNELD_HEALTHZ_PORT: "many",
    FLANNELD_PUBLIC_IP: "",
  };
  const table: [string, typeof none, string[], string][] = [
    ["etcd-prefix", given, ["/flag"], "flag"],
    ["etcd-prefix", none, ["/env"], "environment"],
    ["iface", none, ["eth1"], "environment"],
    ["healthz-port", none, ["0"], "default"],
    ["public-ip", none, [], "default"],
    ["subnet-file", none, ["/run/flannel/subnet.env"], "default"],
  ];
  for (const [name, flags, values, source] of table) {
    assert.deepEqual(flagValue(name, flags, env), { values, source });
  }
  assert.throws(() => flagValue("config", none, {}), TypeError);
});

Deno.test("FLANNELD_FLAGS names variables and secrets", () => {
  assert.equal(flagVariable("etcd-cafile"), "FLANNELD_ETCD_CAFILE");
  assert.deepEqual(
    FLANNELD_FLAGS.filter((f) => f.secret).map((f) => f.name),
    ["etcd-password"],
  );
  assert.equal(flagSpecification("logtostderr")?.type, "bool");
  assert.equal(flagSpecification("nonsense"), undefined);
  assert.equal(new Set(FLANNELD_FLAGS.map((f) => f.name)).size, 31);
});

Deno.test("parseGoInt() reads Go's numbers", () => {
  const table: [string, number | null][] = [
    ...[["5", 5], ["+5", 5], ["-5", -5], ["0", 0]] as const,
    ...[["0x1F", 31], ["0b101", 5], ["0o17", 15], ["017", 15]] as const,
    ...[["1_000", 1000], ["08", null], ["5s", null], ["", null]] as const,
  ].map(([text, value]) => [text, value]);
  for (const [text, value] of table) {
    assert.equal(parseGoInt(text), value, text);
  }
});

Deno.test("isTrue() reads Go's booleans", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) {
    assert.ok(isTrue(text));
  }
  for (const text of ["0", "false", "yes", ""]) assert.ok(!isTrue(text));
});
