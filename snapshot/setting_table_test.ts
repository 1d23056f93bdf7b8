import assert from "node:assert/strict";
import { flagSpecification } from "../flannel/flags.ts";
import {
  defaultOf,
  SETTING_VARIABLES,
  settingEnvironment,
  SETTINGS,
} from "./setting_table.ts";

Deno.test("SETTINGS names flags that flanneld has, of the same type", async (t) => {
  const types = {
    text: "string",
    path: "string",
    list: "string",
    repeat: "strings",
    boolean: "bool",
    number: "int",
    port: "int",
  };
  for (const { flag, kind } of Object.values(SETTINGS)) {
    await t.step(flag, () => {
      assert.equal(flagSpecification(flag)?.type, types[kind]);
    });
  }
});

Deno.test("defaultOf() is flannel's", () => {
  assert.equal(defaultOf("subnet-file"), "/run/flannel/subnet.env");
  assert.equal(defaultOf("iface"), "");
});

Deno.test("settingEnvironment() asks for named variables only", () => {
  const asked: string[] = [];
  const found = settingEnvironment((name) => {
    asked.push(name);
    return name === "FLANDOC_IFACE" ? "eth1" : undefined;
  });
  assert.deepEqual(found, { FLANDOC_IFACE: "eth1" });
  assert.deepEqual(asked, SETTING_VARIABLES);
  assert.ok(asked.every((name) => /^FLAN(?:DOC|NELD)_[A-Z0-9_]+$/i.test(name)));
});
