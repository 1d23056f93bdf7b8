import assert from "node:assert/strict";
import { parseFault } from "./fault.ts";
import { requireFaultLab } from "./fault_lab.ts";
import { fillIn } from "./fault_values.ts";
import { findFault, loadFaults } from "./faults/mod.ts";
import { parseLabSpec } from "./parse_lab_spec.ts";

const FAULT = {
  name: "route-missing",
  describes: "The route was deleted.",
  break: [{ on: "victim", run: ["ip", "route", "delete", "{peer.subnet}"] }],
  expect: ["FD401"],
};

Deno.test("parseFault() fills in what is not said", () => {
  assert.deepEqual(parseFault(FAULT), {
    ...FAULT,
    lab: {},
    freeze: true,
    fix: [],
    restore: [],
  });
});

Deno.test("parseFault() refuses what is no fault", async (t) => {
  const cases: [data: unknown, message: RegExp][] = [
    [null, /a fault": it must be an object/],
    [{ ...FAULT, codes: [] }, /"route-missing": it has an unknown key "codes"/],
    [{ ...FAULT, describes: undefined }, /needs a describes/],
    [{ ...FAULT, expect: ["route-missing"] }, /expects something that is no/],
    [{ ...FAULT, expect: "FD401" }, /needs a list of strings expect/],
    [{ ...FAULT, break: {} }, /needs a list break/],
    [{ ...FAULT, break: [{ on: "victim" }] }, /list of strings break run/],
    [{ ...FAULT, break: [{ run: ["ls"] }] }, /has a break step without on/],
    [{ ...FAULT, restore: [{ on: "a", run: [], as: 1 }] }, /unknown key "as"/],
  ];
  for (const [data, message] of cases) {
    await t.step(String(message), () => {
      assert.throws(() => parseFault(data), message);
    });
  }
});

Deno.test("loadFaults() reads every file of the folder, each named after it", () => {
  const folder = new URL("./faults/", import.meta.url);
  const files = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".json"));
  assert.deepEqual(
    loadFaults().map((fault) => `${fault.name}.json`),
    files.sort((a, b) =>
      a.replace(".json", "") < b.replace(".json", "") ? -1 : 1
    ),
  );
});

Deno.test("loadFaults() gives faults whose labs can be made", async (t) => {
  for (const fault of loadFaults()) {
    await t.step(fault.name, () => {
      parseLabSpec(fault.lab);
      assert.notEqual(fault.expect.length, 0);
    });
  }
});

Deno.test("findFault() takes a name, or a code in any case", () => {
  assert.equal(findFault("route-missing").name, "route-missing");
  assert.equal(findFault("fd401").name, "route-missing");
  assert.equal(findFault("FD601").name, "masquerade-overlay");
});

Deno.test("findFault() prefers a fault that provokes nothing else", () => {
  assert.equal(findFault("FD202").name, "certificate-authority");
  assert.equal(findFault("FD201").name, "store-hangs");
  const faults = loadFaults();
  for (const code of new Set(faults.flatMap((fault) => fault.expect))) {
    const fewest = Math.min(
      ...faults.filter(({ expect }) => expect.includes(code))
        .map(({ expect }) => expect.length),
    );
    assert.equal(findFault(code).expect.length, fewest, code);
  }
});

Deno.test("findFault() names the faults there are", () => {
  assert.throws(() => findFault("fire"), /Cannot find fault "fire": there are/);
});

Deno.test("fillIn() replaces names and leaves other braces", () => {
  const values = {
    subnet: "172.7.21.0/24",
    "peer.subnet.address": "172.7.22.0",
  };
  assert.equal(
    fillIn('{subnet} {peer.subnet.address} {"a":{}} {}', values),
    '172.7.21.0/24 172.7.22.0 {"a":{}} {}',
  );
  assert.throws(() => fillIn("{sbnet}", values), /Cannot fill in "{sbnet}"/);
});

Deno.test("requireFaultLab() refuses a lab that cannot be broken so", () => {
  const spec = parseLabSpec({ name: "a" });
  requireFaultLab(findFault("route-missing"), spec);
  assert.throws(() => requireFaultLab(findFault("arp-proxied"), spec), {
    name: "RangeError",
    message:
      'Cannot break lab "a" with arp-proxied: it needs a lab with "cloud":true, "flandoc lab up --for arp-proxied" makes one',
  });
  requireFaultLab(
    findFault("certificate-key-readable"),
    parseLabSpec({ etcd: { api: "v3", tls: true } }),
  );
  assert.throws(
    () => requireFaultLab(findFault("certificate-key-readable"), spec),
    /needs a lab with "etcd":{"tls":true}/,
  );
});
