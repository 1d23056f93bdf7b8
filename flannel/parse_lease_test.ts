import assert from "node:assert/strict";
import { leastCpuTime } from "../tests/support/cpu_time.ts";
import { readCapture } from "../tests/support/captures.ts";
import { formatLeaseValue, vtepMac } from "./lease_value.ts";
import {
  isLeaseProblem,
  parseLease,
  parseLeases,
  parseLeaseValue,
} from "./parse_lease.ts";

/** Values as flannel wrote them, with the form that writes them. */
const WRITTEN: [string, "v0.11" | "head"][] = [
  ['{"PublicIP":"192.168.77.1","BackendType":"host-gw"}', "v0.11"],
  [
    '{"PublicIP":"10.37.7.195","BackendType":"vxlan","BackendData":{"VtepMAC":"82:4b:b6:2f:54:4e"}}',
    "v0.11",
  ],
  ['{"PublicIP":"192.168.77.1"}', "v0.11"],
  [
    '{"PublicIP":"192.168.1.10","PublicIPv6":null,"BackendType":"host-gw"}',
    "head",
  ],
  [
    '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
    "head",
  ],
  [
    '{"PublicIP":"192.168.64.3","PublicIPv6":"fd00::3","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}}',
    "head",
  ],
  ['{"PublicIP":"192.168.1.10","PublicIPv6":null}', "head"],
  ['{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::3"}', "head"],
  [
    '{"PublicIP":"192.168.1.10","PublicIPv6":null,"BackendType":"extension","BackendData":"a \\u003c b \\u0026 c"}',
    "head",
  ],
];

Deno.test("formatLeaseValue() writes back what flannel wrote", async (t) => {
  for (const [value, form] of WRITTEN) {
    await t.step(value, () => {
      assert.equal(formatLeaseValue(parseLeaseValue(value), form), value);
    });
  }
});

Deno.test("formatLeaseValue() leaves IPv6 out of v0.11's form", () => {
  const [value] = WRITTEN[5]!;
  assert.equal(
    formatLeaseValue(parseLeaseValue(value), "v0.11"),
    '{"PublicIP":"192.168.64.3","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
  );
});

Deno.test("parseLeaseValue() reads as Go does", async (t) => {
  await t.step("names match whatever their case, the last one wins", () => {
    const value = parseLeaseValue(
      '{"publicip":"10.0.0.1","PUBLICIP":"10.0.0.2","backendtype":"vxlan","x":1}',
    );
    assert.equal(value.publicIP, "10.0.0.2");
    assert.equal(value.backendType, "vxlan");
  });
  await t.step("unknown members are ignored", () => {
    const value = parseLeaseValue('{"PublicIP":"10.0.0.1","Zone":"a"}');
    assert.equal(value.publicIP, "10.0.0.1");
  });
  await t.step("a missing PublicIP is 0.0.0.0", () => {
    assert.equal(parseLeaseValue("{}").publicIP, "0.0.0.0");
  });
  await t.step("IPv6 is made canonical", () => {
    const value = parseLeaseValue(
      '{"PublicIP":"10.0.0.1","PublicIPv6":"FD00:0::3"}',
    );
    assert.equal(value.publicIPv6, "fd00::3");
  });
});

Deno.test("parseLease() says which part is no lease", async (t) => {
  const table: [string, string, "key" | "value", RegExp][] = [
    ["10.5.34.0-24", "", "value", /the text ends too early/],
    ["10.5.34.0-24", "10.0.0.1", "value", /after the end of the value/],
    ["10.5.34.0-24", "[]", "value", /expected an object/],
    ["10.5.34.0-24", "null", "value", /expected an object/],
    ["10.5.34.0-24", '{"PublicIP":1}', "value", /PublicIP to be a text/],
    ["10.5.34.0-24", '{"PublicIP":"eth0"}', "value", /PublicIP to be IPv4/],
    ["10.5.34.0-24", '{"PublicIP":""}', "value", /PublicIP to be IPv4/],
    ["10.5.34.0-24", '{"PublicIP":"::1"}', "value", /PublicIP to be IPv4/],
    [
      "10.5.34.0-24",
      '{"PublicIP":"10.0.0.1","PublicIPv6":"10.0.0.1"}',
      "value",
      /PublicIPv6 to be IPv6/,
    ],
    [
      "10.5.34.0-24",
      '{"PublicIP":"10.0.0.1","BackendType":7}',
      "value",
      /BackendType to be a text/,
    ],
    ["node-3", '{"PublicIP":"10.0.0.1"}', "key", /subnet key/],
  ];
  for (const [key, value, part, message] of table) {
    await t.step(`${key} ${value}`, () => {
      const parsed = parseLease({ key, value, ttl: 1 });
      assert.ok(isLeaseProblem(parsed));
      assert.equal(parsed.part, part);
      assert.match(parsed.message, message);
    });
  }
});

Deno.test("parseLeases() keeps the leases beside a stray key", () => {
  const value = '{"PublicIP":"10.0.0.1"}';
  const { leases, problems } = parseLeases([
    { key: "10.5.1.0-24", value, ttl: 86399 },
    { key: "README", value: "hands off", ttl: null },
    { key: "10.5.2.0-24", value, ttl: null },
  ]);
  assert.deepEqual(leases.map((l) => [l.subnet, l.ttl]), [
    ["10.5.1.0/24", 86399],
    ["10.5.2.0/24", null],
  ]);
  assert.deepEqual(problems.map((p) => p.record.key), ["README"]);
});

Deno.test("parseLeases() reads what flanneld v0.11.0 wrote to etcd", () => {
  const { leases, problems } = parseLeases(
    readCapture("vxlan-vni-port", "ha").leases,
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    leases.map((l) => [
      l.subnet,
      l.attributes.publicIP,
      vtepMac(l.attributes.backendData),
    ]),
    [
      ["10.5.16.64/26", "192.168.77.1", "56:90:19:7d:c5:53"],
      ["10.5.29.192/26", "192.168.77.2", "92:0d:f3:cb:a6:bb"],
    ],
  );
});

Deno.test("parseLeases() reads 5,000 leases in tens of milliseconds", () => {
  const records = Array.from({ length: 5000 }, (_, i) => ({
    key: `10.${i >> 8}.${i & 255}.0-24`,
    value: `{"PublicIP":"172.16.${i >> 8}.${
      i & 255
    }","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}`,
    ttl: 86400,
  }));
  parseLeases(records);
  const elapsed = leastCpuTime(() => {
    assert.equal(parseLeases(records).leases.length, 5000);
  });
  // Measured 10 ms on two cores.
  assert.ok(elapsed < 100, `${elapsed} ms`);
});

Deno.test("vtepMac() wants a MAC", async (t) => {
  const table: [unknown, string | null][] = [
    [{ VtepMAC: "C6:D2:32:6F:8F:44" }, "c6:d2:32:6f:8f:44"],
    [{ VNI: 1, vtepmac: "c6-d2-32-6f-8f-44" }, "c6:d2:32:6f:8f:44"],
    [{ VtepMAC: "c6:d2:32:6f:8f" }, null],
    [{ VtepMAC: "ff:ff:ff:ff:ff:ff" }, null],
    [{ VtepMAC: "01:00:5e:00:00:01" }, null],
    [{ VtepMAC: "00:00:00:00:00:00" }, null],
    [{ VtepMAC: 7 }, null],
    [{}, null],
    [null, null],
    ["c6:d2:32:6f:8f:44", null],
  ];
  for (const [data, mac] of table) {
    await t.step(JSON.stringify(data), () => assert.equal(vtepMac(data), mac));
  }
});
