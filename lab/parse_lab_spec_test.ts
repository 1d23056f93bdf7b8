import assert from "node:assert/strict";
import { DEFAULT_LAB_SPEC } from "./lab_spec.ts";
import { parseLabSpec } from "./parse_lab_spec.ts";

Deno.test("parseLabSpec() fills in what is not said", () => {
  assert.deepEqual(parseLabSpec({}), DEFAULT_LAB_SPEC);
  const spec = parseLabSpec({ name: "a1", etcd: { tls: true } });
  assert.equal(spec.name, "a1");
  assert.deepEqual(spec.etcd, { api: "v2", tls: true, members: 1 });
});

Deno.test("parseLabSpec() keeps config as text, given as object or text", () => {
  const config = { Network: "10.5.0.0/16" };
  assert.equal(parseLabSpec({ config }).config, '{"Network":"10.5.0.0/16"}');
  assert.equal(parseLabSpec({ config: "not json" }).config, "not json");
});

Deno.test("parseLabSpec() refuses what it does not know", async (t) => {
  const cases: [data: unknown, message: RegExp][] = [
    [[], /lab must be an object, got \[\]/],
    [{ host: 2 }, /lab has no "host", it has name, hosts/],
    [{ hosts: 0 }, /hosts must be a whole number from 1 to 64, got 0/],
    [{ hosts: 65 }, /from 1 to 64, got 65/],
    [{ hosts: "2" }, /got "2"/],
    [{ hosts: 1.5 }, /got 1.5/],
    [{ mtu: 100 }, /mtu must be a whole number from 576/],
    [{ name: "Lab" }, /name must be lower case letters/],
    [{ name: "../x" }, /got "..\/x"/],
    [{ name: "" }, /got ""/],
    [{ agent: "flanneld" }, /agent must be one of flandoc, none/],
    [{ containers: true }, /containers must be one of docker, bridge, none/],
    [{ cloud: "yes" }, /cloud must be a boolean, got "yes"/],
    [{ addresses: [1] }, /addresses must be a list of strings, got \[1\]/],
    [{ config: 3 }, /config must be an object, got 3/],
    [{ etcd: { api: "v4" } }, /etcd.api must be one of v2, v3, got "v4"/],
    [{ etcd: { tls: 1 } }, /etcd.tls must be a boolean/],
    [{ etcd: { members: 9 } }, /etcd.members must be .* from 1 to 5/],
    [{ etcd: { ssl: true } }, /etcd has no "ssl"/],
  ];
  for (const [data, message] of cases) {
    await t.step(JSON.stringify(data), () => {
      assert.throws(() => parseLabSpec(data), message);
    });
  }
});
