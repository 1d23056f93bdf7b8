import assert from "node:assert/strict";
import { backendSupport, backendTypes, nearestName } from "./config_options.ts";
import { parseNetworkConfig } from "./network_config.ts";

function read(value: unknown, flannelVersion = "0.28.9") {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return parseNetworkConfig(text, { flannelVersion });
}

Deno.test("parseNetworkConfig() fills in flannel's ranges", async (t) => {
  const table: [string, Record<string, unknown>, string][] = [
    ["/16", { Network: "10.5.0.0/16" }, "10.5.0.0/16 24 10.5.1.0 10.5.255.0"],
    ["/22", { Network: "10.5.0.0/22" }, "10.5.0.0/22 24 10.5.1.0 10.5.3.0"],
    ["/23", { Network: "10.5.0.0/23" }, "10.5.0.0/23 25 10.5.0.128 10.5.1.128"],
    ["/24", { Network: "10.5.0.0/24" }, "10.5.0.0/24 26 10.5.0.64 10.5.0.192"],
    ["/28", { Network: "10.5.0.0/28" }, "10.5.0.0/28 30 10.5.0.4 10.5.0.12"],
    [
      "SubnetLen",
      { Network: "10.0.0.0/8", SubnetLen: 20 },
      "10.0.0.0/8 20 10.0.16.0 10.255.240.0",
    ],
    [
      "bounds",
      {
        Network: "10.0.0.0/8",
        SubnetLen: 20,
        SubnetMin: "10.10.0.0",
        SubnetMax: "10.99.0.0",
      },
      "10.0.0.0/8 20 10.10.0.0 10.99.0.0",
    ],
    [
      "first subnet by SubnetMin",
      { Network: "10.5.0.0/16", SubnetMin: "10.5.0.0" },
      "10.5.0.0/16 24 10.5.0.0 10.5.255.0",
    ],
    [
      "min above max is not flannel's concern",
      {
        Network: "10.5.0.0/16",
        SubnetMin: "10.5.9.0",
        SubnetMax: "10.5.8.0",
      },
      "10.5.0.0/16 24 10.5.9.0 10.5.8.0",
    ],
    [
      "host bits",
      { Network: "10.5.0.9/16" },
      "10.5.0.0/16 24 10.5.1.0 10.5.255.0",
    ],
    [
      "null options are as absent",
      { Network: "10.5.0.0/16", SubnetLen: null, EnableIPv4: null },
      "10.5.0.0/16 24 10.5.1.0 10.5.255.0",
    ],
  ];
  for (const [name, value, wanted] of table) {
    await t.step(name, () => {
      const { config, problems } = read(value);
      assert.deepEqual(problems, []);
      const r = config!.ipv4!;
      assert.equal(
        `${r.network} ${r.subnetLen} ${r.subnetMin} ${r.subnetMax}`,
        wanted,
      );
    });
  }
});

Deno.test("parseNetworkConfig() fills in IPv6 ranges", async (t) => {
  const base = { EnableIPv4: false, EnableIPv6: true };
  const table: [Record<string, unknown>, string][] = [
    [
      { IPv6Network: "fd00::/48" },
      "fd00::/48 64 fd00:0:0:1:: fd00:0:0:ffff::",
    ],
    [
      { IPv6Network: "fd00::/64" },
      "fd00::/64 66 fd00::4000:0:0:0 fd00::c000:0:0:0",
    ],
    [
      { IPv6Network: "fd00::/124" },
      "fd00::/124 126 fd00::4 fd00::c",
    ],
    [
      { IPv6Network: "fd00::/48", IPv6SubnetLen: 112 },
      "fd00::/48 112 fd00::1:0 fd00::ffff:ffff:ffff:ffff:0",
    ],
  ];
  for (const [value, wanted] of table) {
    await t.step(JSON.stringify(value), () => {
      const { config, problems } = read({ ...base, ...value });
      assert.deepEqual(problems, []);
      assert.equal(config!.ipv4, null);
      const r = config!.ipv6!;
      assert.equal(
        `${r.network} ${r.subnetLen} ${r.subnetMin} ${r.subnetMax}`,
        wanted,
      );
    });
  }
});

Deno.test("parseNetworkConfig() gives flannel's messages", async (t) => {
  const N = { Network: "10.5.0.0/16" };
  const table: [unknown, string, string][] = [
    [
      {},
      "network-missing",
      "please define a correct Network parameter in the flannel config",
    ],
    [
      { ...N, SubnetLen: 31 },
      "subnet-len-too-long",
      "SubnetLen must be less than /31",
    ],
    [
      { ...N, SubnetLen: 17 },
      "subnet-len-too-short",
      "network must be able to accommodate at least four subnets",
    ],
    [
      { Network: "10.5.0.0/29" },
      "network-too-small",
      "network is too small. Minimum useful network prefix is /28",
    ],
    [
      { ...N, SubnetMin: "10.6.0.0" },
      "subnet-min-outside",
      "SubnetMin is not in the range of the Network",
    ],
    [
      { ...N, SubnetMax: "10.4.255.0" },
      "subnet-max-outside",
      "SubnetMax is not in the range of the Network",
    ],
    [
      { ...N, SubnetMin: "10.5.1.1" },
      "subnet-min-unaligned",
      "SubnetMin is not on a SubnetLen boundary: 10.5.1.1",
    ],
    [
      { ...N, SubnetMax: "10.5.1.128" },
      "subnet-max-unaligned",
      "SubnetMax is not on a SubnetLen boundary: 10.5.1.128",
    ],
    [
      { ...N, EnableIPv4: false },
      "no-family",
      "none defined stack",
    ],
    [
      { Network: "fd00::/48" },
      "wrong-type",
      "invalid IPv4 CIDR format",
    ],
    [
      { ...N, EnableIPv6: true },
      "network-missing",
      "please define a correct IPv6Network parameter in the flannel config",
    ],
    [
      { ...N, EnableIPv6: true, IPv6Network: "fd00::/48", IPv6SubnetLen: 127 },
      "subnet-len-too-long",
      "SubnetLen must be less than /127",
    ],
    [
      { ...N, EnableIPv6: true, IPv6Network: "fd00::/125" },
      "network-too-small",
      "IPv6Network is too small. Minimum useful network prefix is /124",
    ],
    [
      { ...N, Backend: { Type: "ipsec", PSK: "short" } },
      "backend-option",
      "config error, password is too short",
    ],
    [
      { ...N, Backend: { Type: "wireguard", Mode: "both" } },
      "backend-option",
      "no valid Mode configured",
    ],
  ];
  for (const [value, code, message] of table) {
    await t.step(JSON.stringify(value), () => {
      const { config, problems } = read(value);
      assert.equal(config, null);
      assert.deepEqual(
        problems.map((p) => [p.code, p.message]),
        [[code, message]],
      );
    });
  }
});

Deno.test("parseNetworkConfig() says N in capitals for v0.11", () => {
  const { problems } = read(
    { Network: "10.5.0.0/16", SubnetLen: 17 },
    "0.11.0",
  );
  assert.equal(
    problems[0]!.message,
    "Network must be able to accommodate at least four subnets",
  );
});

Deno.test("parseNetworkConfig() decodes as Go's encoding/json", async (t) => {
  await t.step("names match whatever their case, the last one wins", () => {
    const { config, unknownOptions } = read(
      '{"NETWORK":"10.1.0.0/16","network":"10.2.0.0/16","Backend":{"TYPE":"VXLAN","vni":7,"VNI":8}}',
    );
    assert.equal(config!.ipv4!.network, "10.2.0.0/16");
    assert.equal(config!.backendType, "vxlan");
    assert.equal(config!.vxlan!.vni, 8);
    assert.deepEqual(unknownOptions, []);
  });
  await t.step("the last of equal names wins over one between them", () => {
    const { config } = read(
      '{"Network":"10.1.0.0/16","NETWORK":"10.2.0.0/16","Network":"10.3.0.0/16"}',
    );
    assert.equal(config!.ipv4!.network, "10.3.0.0/16");
  });
  const wrong: [string, string, string][] = [
    ['{"Network":null}', "Network", "null"],
    ['{"Network":10}', "Network", "10"],
    ['{"Network":["10.5.0.0/16"]}', "Network", '["10.5.0.0/16"]'],
    ['{"Network":"10.5.0.0"}', "Network", '"10.5.0.0"'],
    ['{"Network":"10.05.0.0/16"}', "Network", '"10.05.0.0/16"'],
    ['{"Network":"10.5.0.0/16","SubnetLen":"24"}', "SubnetLen", '"24"'],
    ['{"Network":"10.5.0.0/16","SubnetLen":24.0}', "SubnetLen", "24.0"],
    ['{"Network":"10.5.0.0/16","SubnetLen":-1}', "SubnetLen", "-1"],
    ['{"Network":"10.5.0.0/16","SubnetMin":"10.5.1"}', "SubnetMin", '"10.5.1"'],
    ['{"Network":"10.5.0.0/16","EnableIPv4":"true"}', "EnableIPv4", '"true"'],
    ['{"Network":"10.5.0.0/16","Backend":"vxlan"}', "Backend", '"vxlan"'],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":"1"}}',
      "Backend.VNI",
      '"1"',
    ],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}',
      "Backend.VNI",
      "16777216",
    ],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","DirectRouting":1}}',
      "Backend.DirectRouting",
      "1",
    ],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"udp","Port":70000}}',
      "Backend.Port",
      "70000",
    ],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":1}}', "Backend.Type", "1"],
  ];
  for (const [text, option, value] of wrong) {
    await t.step(text, () => {
      const { config, problems } = read(text);
      assert.equal(config, null);
      assert.deepEqual(
        problems.map((p) => [p.option, p.value]),
        [[option, value]],
      );
      assert.notEqual(problems[0]!.position, null);
    });
  }
});

Deno.test("parseNetworkConfig() says where text is not JSON", async (t) => {
  const table: [string, string, string][] = [
    [
      "{\u201cNetwork\u201d: \u201c10.5.0.0/16\u201d}",
      "not-json",
      'Cannot parse JSON: typographic quote \u201c, write a straight " instead at line 1, column 2',
    ],
    [
      '{\n "Network": "10.5.0.0/16",\n}',
      "not-json",
      "Cannot parse JSON: comma before } at line 3, column 1",
    ],
    [
      '["10.5.0.0/16"]',
      "not-object",
      "Cannot read network config: expected an object in { }, got JSON of kind array",
    ],
    [
      "null",
      "not-object",
      "Cannot read network config: expected an object in { }, got null",
    ],
    [
      "10.5.0.0/16",
      "not-json",
      'Cannot parse JSON: unexpected "." after the end of the value at line 1, column 5',
    ],
    [
      "",
      "not-json",
      "Cannot parse JSON: the text ends too early at line 1, column 1",
    ],
  ];
  for (const [text, code, message] of table) {
    await t.step(JSON.stringify(text), () => {
      const { config, problems } = read(text);
      assert.equal(config, null);
      assert.deepEqual(problems.map((p) => [p.code, p.message]), [[
        code,
        message,
      ]]);
    });
  }
});

Deno.test("parseNetworkConfig() reports each family's problems at once", () => {
  const { problems } = read({
    Network: "10.5.0.0/29",
    EnableIPv6: true,
    IPv6Network: "fd00::/126",
    Backend: { Type: "vxlan", Port: "8472" },
  });
  assert.deepEqual(problems.map((p) => p.option), [
    "Network",
    "IPv6Network",
    "Backend.Port",
  ]);
});

Deno.test("parseNetworkConfig() lists options the release ignores", async (t) => {
  await t.step("a slip names the option meant", () => {
    const { config, unknownOptions } = read(
      '{"Network":"10.5.0.0/16","SubnetLength":24,"Backend":{"Type":"vxlan","DirectRoute":true,"Zone":1}}',
    );
    assert.notEqual(config, null);
    assert.deepEqual(
      unknownOptions.map((o) => [o.option, o.nearest, o.since]),
      [
        ["SubnetLength", "SubnetLen", null],
        ["Backend.DirectRoute", "DirectRouting", null],
        ["Backend.Zone", null, null],
      ],
    );
  });
  await t.step("an option of a later release names that release", () => {
    const text =
      '{"Network":"10.5.0.0/16","EnableIPv6":true,"Backend":{"Type":"vxlan","MTU":1400}}';
    const old = read(text, "0.11.0");
    assert.deepEqual(
      old.unknownOptions.map((o) => [o.option, o.since]),
      [["EnableIPv6", "0.15.0"], ["Backend.MTU", "0.21.3"]],
    );
    assert.equal(old.config!.enableIPv6, false);
    assert.equal(old.config!.vxlan!.mtu, 0);
    assert.deepEqual(
      read('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","MTU":1400}}')
        .config!.vxlan!.mtu,
      1400,
    );
  });
});

Deno.test("parseNetworkConfig() reports host bits", () => {
  const { notCanonical } = read({
    Network: "10.5.0.9/16",
    EnableIPv6: true,
    IPv6Network: "fd00::1/48",
  });
  assert.deepEqual(notCanonical, [
    { option: "Network", written: "10.5.0.9/16", canonical: "10.5.0.0/16" },
    { option: "IPv6Network", written: "fd00::1/48", canonical: "fd00::/48" },
  ]);
});

Deno.test("parseNetworkConfig() decodes backends", async (t) => {
  const network = { Network: "10.5.0.0/16" };
  await t.step("none means udp", () => {
    const { config } = read(network);
    assert.equal(config!.backendType, "udp");
    assert.equal(config!.backendGiven, false);
    assert.equal(config!.udpPort, 8285);
  });
  await t.step("one without a type has the empty type", () => {
    const { config } = read({ ...network, Backend: { VNI: 1 } });
    assert.equal(config!.backendType, "");
    assert.equal(config!.backendGiven, true);
  });
  await t.step("null has the empty type", () => {
    assert.equal(read({ ...network, Backend: null }).config!.backendType, "");
  });
  await t.step("vxlan has every default", () => {
    const { config } = read({ ...network, Backend: { Type: "vxlan" } });
    assert.deepEqual(config!.vxlan, {
      vni: 1,
      port: 0,
      mtu: 0,
      gbp: false,
      learning: false,
      directRouting: false,
    });
  });
  await t.step("an unknown one is not a problem of the config", () => {
    const { config, problems } = read({
      ...network,
      Backend: { Type: "Geneve" },
    });
    assert.deepEqual(problems, []);
    assert.equal(config!.backendType, "geneve");
    assert.deepEqual(config!.backendOptions, { Type: "Geneve" });
  });
});

Deno.test("parseNetworkConfig() does not validate for Kubernetes from v0.20", () => {
  const text = '{"Network":"10.5.0.0/29","Backend":{"Type":"vxlan"}}';
  const now = parseNetworkConfig(text, { store: "kubernetes" });
  assert.deepEqual(now.problems, []);
  assert.equal(now.config!.ipv4!.network, "10.5.0.0/29");
  const before = parseNetworkConfig(text, {
    store: "kubernetes",
    flannelVersion: "0.19.2",
  });
  assert.equal(before.problems[0]!.code, "network-too-small");
  const none = parseNetworkConfig("{}", { store: "kubernetes" });
  assert.equal(none.problems[0]!.code, "network-missing");
});

Deno.test("backendSupport() follows the releases", async (t) => {
  assert.deepEqual(
    backendTypes("0.11.0"),
    "ali-vpc alloc aws-vpc extension gce host-gw ipip ipsec udp vxlan".split(
      " ",
    ),
  );
  assert.deepEqual(
    backendTypes(),
    "alloc extension host-gw ipip ipsec tencent-vpc udp vxlan wireguard".split(
      " ",
    ),
  );
  const table: [string, string, string][] = [
    ["wireguard", "0.11.0", "not-in-version"],
    ["wireguard", "0.28.9", "supported"],
    ["aws-vpc", "0.28.9", "not-in-version"],
    ["VXLAN", "0.11.0", "supported"],
    ["", "0.28.9", "unknown"],
    ["geneve", "0.28.9", "unknown"],
  ];
  for (const [type, version, support] of table) {
    await t.step(`${type} ${version}`, () => {
      assert.equal(backendSupport(type, version), support);
    });
  }
});

Deno.test("nearestName() finds a slip and nothing far", () => {
  assert.equal(nearestName("vxlam", backendTypes()), "vxlan");
  assert.equal(nearestName("hostgw", backendTypes()), "host-gw");
  assert.equal(nearestName("calico", backendTypes()), null);
});
