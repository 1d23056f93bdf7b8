import assert from "node:assert/strict";
import { typedRule } from "./typed_rule.ts";

Deno.test("typedRule() leaves what the shell reads as iptables does", () => {
  for (
    const rule of [
      "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE",
      '-m comment --comment "flanneld masq" -j RETURN',
    ]
  ) assert.equal(typedRule(rule), rule);
});

Deno.test("typedRule() quotes for the shell what is quoted for iptables", () => {
  const comment = String
    .raw`-m comment --comment "it\'s \"odd\" \\ $(id)" -j ACCEPT`;
  assert.equal(
    typedRule(comment),
    String.raw`-m comment --comment 'it'\''s "odd" \ $(id)' -j ACCEPT`,
  );
});

Deno.test("typedRule() quotes a comment of one word the shell would run", () => {
  assert.equal(
    typedRule("-m comment --comment $(id);# -j ACCEPT"),
    "-m comment --comment '$(id);#' -j ACCEPT",
  );
});

Deno.test("typedRule() gives the very words to a shell", async () => {
  const comment = String.raw`"a \"b\" \'c\' \\ $HOME \`id\` !x *"`;
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `printf '%s\n' ${typedRule(`! -d 10.0.0.0/8 ${comment}`)}`],
  }).output();
  assert.equal(
    new TextDecoder().decode(stdout),
    "!\n-d\n10.0.0.0/8\na \"b\" 'c' \\ $HOME `id` !x *\n",
  );
});

Deno.test("typedRule() leaves a torn rule as it is", () => {
  assert.equal(typedRule('--comment "torn'), '--comment "torn');
});
