import assert from "node:assert/strict";
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
