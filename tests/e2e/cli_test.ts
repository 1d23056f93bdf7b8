import assert from "node:assert/strict";
import { PASSED_OVER } from "../../commands/run.ts";
import { FLANNELD_FLAGS, LOGGING_FLAGS } from "../../flannel/flags.ts";
import { VERSION } from "../../version.ts";
import { flandoc } from "../support/flandoc.ts";

const NO_COLOR = { NO_COLOR: "1", LC_ALL: "C" };

Deno.test("flandoc version prints version, Deno and target", async () => {
  const { code, stdout } = await flandoc(["version"]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    new RegExp(`^flandoc ${VERSION} \\(Deno [\\d.]+, \\S+\\)\\n$`),
  );
});

Deno.test("flandoc exits 2 for wrong usage, with a suggestion", async (t) => {
  const cases: [string[], RegExp][] = [
    [["chek"], /did you mean `check`/],
    [["check", "--etcd-prefx=/x"], /did you mean --etcd-prefix/],
    [["check", "-o", "yaml"], /text\|short\|json/],
    [["check", "--only", "FD6O1"], /FD601/],
    [["check", "a.json"], /--from/],
    [["explain", "masquerade-overlai"], /masquerade-overlay/],
    [["fix", "--snatt"], /did you mean --snat/],
    [["run", "-ifaces=eth0"], /did you mean --iface/],
    [["lab", "up", "--hosts", "two"], /whole number/],
    [["lab", "exec", "--name", "no-such-lab", "node-1"], /no-such-lab/],
  ];
  for (const [args, wanted] of cases) {
    await t.step(args.join(" "), async () => {
      const { code, stdout, stderr } = await flandoc(args, { env: NO_COLOR });
      assert.equal(code, 2, stderr);
      assert.match(stderr, wanted);
      assert.equal(stdout, "");
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  }
});

/** A value of a flag that is not its default, as text. */
function sample(name: string, type: string): string {
  if (type === "bool") return "true";
  if (type === "int") return "7";
  return { "public-ip": "192.0.2.1", "public-ipv6": "fd00::1" }[name] ??
    `of-${name}`;
}

Deno.test("flandoc run takes every flag of flanneld's", async (t) => {
  for (const dashes of ["-", "--"]) {
    await t.step(`with ${dashes}`, async () => {
      const given = [...FLANNELD_FLAGS, ...LOGGING_FLAGS]
        .filter(({ name }) => name !== "version")
        .map(({ name, type }) => `${dashes}${name}=${sample(name, type)}`);
      const { code, stdout, stderr } = await flandoc(
        ["run", "--print-unit", ...given],
        { env: NO_COLOR },
      );
      assert.equal(code, 0, stderr);
      const hidden = new Set([
        ...LOGGING_FLAGS.map(({ name }) => name),
        ...["version", "v", "etcd-password"],
      ]);
      for (const { name, type } of FLANNELD_FLAGS) {
        if (hidden.has(name)) continue;
        assert.ok(stdout.includes(`--${name}=${sample(name, type)}`), name);
      }
      assert.ok(stdout.includes("-v=7"), stdout);
    });
  }
  await t.step("PASSED_OVER is flannel's list", () => {
    const types = LOGGING_FLAGS.map(({ name, type }) =>
      [name, type === "bool" ? "boolean" : "parsed"] as const
    );
    assert.deepEqual(PASSED_OVER, Object.fromEntries(types));
  });
});

Deno.test("flandoc run --version prints it on stderr, as flanneld", async () => {
  for (const flag of ["-version", "--version"]) {
    const args = ["run", flag, "--subnet-lease-renew-margin=0"];
    const { code, stdout, stderr } = await flandoc(args, { env: NO_COLOR });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.ok(stderr.includes(`flandoc ${VERSION} `), stderr);
  }
});

Deno.test("flandoc explain works offline, in both languages", async () => {
  const english = await flandoc(["explain", "FD601", "--lang", "en"]);
  assert.equal(english.code, 0);
  assert.match(english.stdout, /What it means[\s\S]*iptables -t nat/);
  const chinese = await flandoc(["explain", "masquerade-overlay"], {
    env: { ...NO_COLOR, LC_ALL: "zh_CN.UTF-8" },
  });
  assert.match(chinese.stdout, /含义[\s\S]*容器/);
  const all = await flandoc(["explain"], { env: NO_COLOR });
  assert(all.stdout.split("\n").length > 50);
});

Deno.test("flandoc check --list-inputs names programs and files", async () => {
  const { code, stdout } = await flandoc(["check", "--list-inputs"]);
  assert.equal(code, 0);
  assert.match(stdout, /iptables-nft-save|iptables-save/);
  assert.match(stdout, /\/proc/);
});

Deno.test("flandoc check --from refuses what is no snapshot", async (t) => {
  const directory = await Deno.makeTempDir();
  try {
    const cases: [string, string, RegExp][] = [
      ["absent.json", "", /absent\.json/],
      ["cut.json", '{"schema":"flandoc.snapshot/v1","facts":{', /cut\.json/],
      ["array.json", "[]", /array\.json/],
      ["other.json", '{"schema":"something/v1"}', /something\/v1|schema/],
      ["newer.json", '{"schema":"flandoc.snapshot/v9","facts":{}}', /v9/],
    ];
    for (const [name, text, wanted] of cases) {
      await t.step(name, async () => {
        if (text !== "") await Deno.writeTextFile(`${directory}/${name}`, text);
        const { code, stderr } = await flandoc([
          "check",
          "--from",
          `${directory}/${name}`,
        ]);
        assert.equal(code, 3, stderr);
        assert.match(stderr, wanted);
        assert.doesNotMatch(stderr, /^\s+at /m);
      });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
