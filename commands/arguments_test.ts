import assert from "node:assert/strict";
import { normalizeArguments } from "./arguments.ts";
import { languageOf } from "./context.ts";
import { givenFlags } from "./flannel_flags.ts";
import { exitStatusOf } from "./main.ts";
import { suggest } from "./suggest.ts";

Deno.test("normalizeArguments() takes Go's single dash", () => {
  assert.deepEqual(
    normalizeArguments([
      "run",
      "-iface=eth0",
      "-ip-masq",
      "-o",
      "json",
      "--lang",
      "zh",
    ]),
    ["run", "--iface=eth0", "--ip-masq", "-o", "json", "--lang", "zh"],
  );
});

Deno.test("normalizeArguments() takes an empty value, and help for --help", () => {
  assert.deepEqual(
    normalizeArguments(["check", "--etcd-cafile=", "-etcd-keyfile=", "-v"]),
    ["check", "--etcd-cafile", "", "--etcd-keyfile", "", "-v"],
  );
  assert.deepEqual(normalizeArguments(["help"]), ["--help"]);
  assert.deepEqual(normalizeArguments(["help", "fix"]), ["fix", "--help"]);
  assert.deepEqual(normalizeArguments(["explain", "help"]), [
    "explain",
    "help",
  ]);
});

Deno.test("normalizeArguments() takes flanneld's log level for run only", () => {
  for (const given of ["-v=1", "--v=1"]) {
    assert.deepEqual(normalizeArguments(["run", given]), [
      "run",
      "--verbosity=1",
    ]);
  }
  assert.deepEqual(normalizeArguments(["run", "-v", "1", "--version"]), [
    "run",
    "--verbosity",
    "1",
    "--version",
  ]);
  assert.deepEqual(normalizeArguments(["check", "-v"]), ["check", "-v"]);
});

Deno.test("normalizeArguments() lets the last of a flag count for run", () => {
  const args = [
    ...["-etcd-prefix", "/a", "-iface=eth0", "--healthz-port=1", "-ip-masq"],
    ...["--etcd-prefix=/b", "-iface", "eth1", "-healthz-port", "2", "-v=1"],
    ...["--ip-masq=false", "-v", "5"],
  ];
  assert.deepEqual(normalizeArguments(["run", ...args]), [
    ...["run", "--iface=eth0", "--etcd-prefix=/b", "--iface", "eth1"],
    ...["--healthz-port", "2", "--ip-masq=false", "--verbosity", "5"],
  ]);
});

Deno.test("normalizeArguments() leaves what follows -- alone", () => {
  assert.deepEqual(
    normalizeArguments(["lab", "exec", "h1", "--", "ip", "-br", "a"]),
    [
      "lab",
      "exec",
      "h1",
      "--",
      "ip",
      "-br",
      "a",
    ],
  );
});

Deno.test("givenFlags() names flags as flanneld does", () => {
  const given = givenFlags({
    etcdEndpoints: "http://a:2379",
    publicIpv6: "fd00::1",
    iface: ["eth0", "eth1"],
    ifaceRegex: [],
    ipMasq: false,
    output: "text",
  });
  assert.deepEqual(
    [...given],
    [
      ["etcd-endpoints", ["http://a:2379"]],
      ["iface", ["eth0", "eth1"]],
      ["public-ipv6", ["fd00::1"]],
      ["ip-masq", ["false"]],
    ].sort((a, b) => order(a) - order(b)),
  );
});

function order(entry: (string | string[])[]): number {
  return ["etcd-endpoints", "iface", "public-ipv6", "ip-masq"].indexOf(
    String(entry[0]),
  );
}

Deno.test("languageOf() follows POSIX's order of variables", () => {
  assert.equal(
    languageOf(undefined, { LC_ALL: "zh_CN.UTF-8", LANG: "en_US" }),
    "zh",
  );
  assert.equal(
    languageOf(undefined, { LC_ALL: "C", LANG: "zh_CN.UTF-8" }),
    "en",
  );
  assert.equal(languageOf("zh", { LANG: "en_US" }), "zh");
  assert.equal(languageOf(undefined, {}), "en");
});

Deno.test("exitStatusOf() maps the parser's own codes", () => {
  assert.deepEqual([-5, -4, -1, 0, 1, undefined].map(exitStatusOf), [
    2,
    2,
    3,
    0,
    1,
    0,
  ]);
});

Deno.test("suggest() offers what is close", () => {
  assert.match(suggest("FD6O1", ["FD601", "FD901"]), /"FD601"/);
  assert.match(
    suggest("overlay", ["masquerade-overlay"]),
    /masquerade-overlay/,
  );
  assert.match(suggest("zzz", ["FD601"]), /lists them all/);
});
