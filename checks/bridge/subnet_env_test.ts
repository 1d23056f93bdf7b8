import assert from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withoutAgent,
  withProcesses,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import {
  fixtureLink,
  fixtureSubnetEnv,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { SUBNET_ENV_MALFORMED } from "./subnet_env_malformed.ts";
import { SUBNET_ENV_MISSING } from "./subnet_env_missing.ts";
import { SUBNET_ENV_MTU } from "./subnet_env_mtu.ts";
import { SUBNET_ENV_STALE } from "./subnet_env_stale.ts";

const HEALTHY = fixtureSubnetEnv();

Deno.test("FD301 finds that the running agent's file is gone", () => {
  const facts = withSubnetEnv(null);
  const { lines } = judged(SUBNET_ENV_MISSING, facts);
  assert.deepEqual(lines.slice(0, 2), [
    "error default: /run/flannel/subnet.env",
    "  file /run/flannel/subnet.env",
  ]);
  assert.match(lines[2]!, /^ {2}process 812 \/opt\/flannel\/flanneld /);
  assert.deepEqual(sentences(SUBNET_ENV_MISSING, facts), [
    "/run/flannel/subnet.env does not exist: Docker and CNI cannot learn this host's subnet from flannel.",
  ]);
});

Deno.test("FD301 gives an agent half a minute to write the file", () => {
  const facts = withProcesses(
    (processes) =>
      processes.map((process) => ({
        ...process,
        started: "2026-11-22T05:59:40Z",
      })),
    withSubnetEnv(null),
  );
  assert.equal(
    judged(SUBNET_ENV_MISSING, facts).lines[0],
    "info starting: /run/flannel/subnet.env",
  );
});

Deno.test("FD302 says what is wrong with each line", async (t) => {
  const cases: readonly (readonly [string, string, string])[] = [
    [
      HEALTHY.replace("FLANNEL_MTU=1500\n", ""),
      "error missing: FLANNEL_MTU",
      "FLANNEL_MTU is missing in /run/flannel/subnet.env.",
    ],
    [
      HEALTHY.replace("172.7.21.1/24", "172.7.21.1"),
      "error not-cidr: FLANNEL_SUBNET",
      "FLANNEL_SUBNET is 172.7.21.1 in line 2 of /run/flannel/subnet.env, which is no address with a prefix length.",
    ],
    [
      HEALTHY.replace("1500", "big"),
      "error not-number: FLANNEL_MTU",
      "FLANNEL_MTU is big in line 3 of /run/flannel/subnet.env, which is no number.",
    ],
    [
      HEALTHY.replace("false", "no"),
      "error not-boolean: FLANNEL_IPMASQ",
      "FLANNEL_IPMASQ is no in line 4 of /run/flannel/subnet.env; only true and false are understood.",
    ],
    [
      HEALTHY.replace("MTU=1500\n", "MTU=1500\r\n"),
      "error carriage-return: FLANNEL_MTU",
      "Line 3 of /run/flannel/subnet.env ends with a carriage return: FLANNEL_MTU carries it along, and Docker refuses the option.",
    ],
    [
      HEALTHY.replace("MTU=1500", "MTU = 1500"),
      "error spaces: FLANNEL_MTU",
      "FLANNEL_MTU has blanks at the = in line 3 of /run/flannel/subnet.env: neither a shell nor the CNI plugin reads it.",
    ],
    [
      HEALTHY.replace("FLANNEL_NETWORK", "export FLANNEL_NETWORK"),
      "info prefixed: FLANNEL_NETWORK",
      "FLANNEL_NETWORK does not begin line 1 of /run/flannel/subnet.env: a shell reads it all the same, the CNI plugin does not find it.",
    ],
    [
      HEALTHY.replace("MTU=1500", "MTU=1500 "),
      "info trailing: FLANNEL_MTU",
      "FLANNEL_MTU has a blank or a comment after its value in line 3 of /run/flannel/subnet.env: a shell takes it off, the CNI plugin takes it for part of the value.",
    ],
    [
      HEALTHY.replace("172.7.21.1/24", "172.7.21.0/24"),
      "error network-address: FLANNEL_SUBNET",
      "FLANNEL_SUBNET is 172.7.21.0/24 in line 2 of /run/flannel/subnet.env, the address of the subnet itself: flannel writes the first one in it, 172.7.21.1/24. Docker does not start with the other.",
    ],
    [
      HEALTHY.replace("172.7.21.1/24", "172.7.21.9/24"),
      "warning not-first: FLANNEL_SUBNET",
      "FLANNEL_SUBNET is 172.7.21.9/24 in line 2 of /run/flannel/subnet.env: flannel writes the first address of the subnet, 172.7.21.1/24. Docker gives its bridge the other, and may give the first one to a container.",
    ],
    [
      HEALTHY.replace("1500", '"1500"'),
      "info quoted: FLANNEL_MTU",
      "FLANNEL_MTU has quotes in line 3 of /run/flannel/subnet.env: the CNI plugin takes them for part of the value.",
    ],
    [
      HEALTHY.replace("172.7.0.0/16", "172.7.0.0/16,10.1.0.0/16"),
      "info several-cidrs: FLANNEL_NETWORK",
      "FLANNEL_NETWORK holds several networks in line 1 of /run/flannel/subnet.env, as flannel v0.21 to v0.24 wrote it.",
    ],
    [
      HEALTHY + "FLANNEL_MTU=1500\n",
      "info duplicate: FLANNEL_MTU",
      "FLANNEL_MTU is there again in line 5 of /run/flannel/subnet.env; the last one holds.",
    ],
    [
      HEALTHY + "hello\n",
      "info not-assignment: hello",
      "Line 5 of /run/flannel/subnet.env is no assignment: hello.",
    ],
  ];
  for (const [text, head, sentence] of cases) {
    await t.step(head, () => {
      const facts = withSubnetEnv(text);
      const { lines } = judged(SUBNET_ENV_MALFORMED, facts);
      assert.deepEqual([lines[0]], [head]);
      assert.deepEqual(sentences(SUBNET_ENV_MALFORMED, facts), [sentence]);
    });
  }
});

Deno.test("FD301 finds something else in the file's place, agent or not", () => {
  const facts = withSubnetEnv(null, { obstacle: "Is a directory" });
  for (const each of [facts, withoutAgent(facts)]) {
    assert.deepEqual(judged(SUBNET_ENV_MISSING, each).lines, [
      "error directory: /run/flannel/subnet.env",
      "  file /run/flannel/subnet.env",
      "  $ ls -ld /run/flannel/subnet.env",
      "  $ rmdir /run/flannel/subnet.env",
      "  $ systemctl restart flanneld",
    ]);
  }
  assert.deepEqual(sentences(SUBNET_ENV_MISSING, facts), [
    "/run/flannel/subnet.env is a directory: flanneld cannot put its own in the place, and Docker and CNI cannot learn this host's subnet.",
  ]);
});

Deno.test("FD301 does not say of a large file that flanneld could not replace it", () => {
  const facts = withSubnetEnv(null, {
    obstacle: "expected at most 1048576 bytes",
  });
  assert.deepEqual(judged(SUBNET_ENV_MISSING, facts).lines, [
    "error obstacle: /run/flannel/subnet.env",
    "  file /run/flannel/subnet.env",
    "  $ ls -ld /run/flannel/subnet.env",
    "  $ systemctl restart flanneld",
  ]);
  assert.deepEqual(sentences(SUBNET_ENV_MISSING, facts), [
    "/run/flannel/subnet.env is no file such as flannel writes (expected at most 1048576 bytes), and was not read. The agent puts its own in the place when it is started again.",
  ]);
});

Deno.test("FD302 says once what all lines have in common", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    [
      HEALTHY.replaceAll("\n", "\r\n"),
      "4 lines of /run/flannel/subnet.env end with a carriage return: their values carry it along, and Docker refuses the options.",
    ],
    [
      HEALTHY.replaceAll(/=(.*)/g, '="$1"'),
      "FLANNEL_NETWORK, FLANNEL_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ have quotes in /run/flannel/subnet.env: the CNI plugin takes them for part of the values.",
    ],
    [
      HEALTHY.replaceAll(/^/gm, "export ").replace(/export $/, ""),
      "FLANNEL_NETWORK, FLANNEL_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ do not begin their lines in /run/flannel/subnet.env: a shell reads them all the same, the CNI plugin does not find them.",
    ],
    [
      HEALTHY.replaceAll("\n", " \n"),
      "FLANNEL_NETWORK, FLANNEL_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ have blanks or comments after their values in /run/flannel/subnet.env: a shell takes them off, the CNI plugin takes them for part of the values.",
    ],
    [
      HEALTHY.replaceAll("=", " = "),
      "FLANNEL_NETWORK, FLANNEL_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ have blanks at the = in /run/flannel/subnet.env: neither a shell nor the CNI plugin reads them.",
    ],
    [
      `${HEALTHY}hello\nworld\n`,
      "2 lines of /run/flannel/subnet.env are no assignments: something else than flannel wrote them.",
    ],
    [
      HEALTHY.replace("FLANNEL_MTU=1500\n", "").replace(
        "FLANNEL_IPMASQ=false\n",
        "",
      ),
      "FLANNEL_MTU, FLANNEL_IPMASQ are missing in /run/flannel/subnet.env.",
    ],
  ];
  for (const [text, sentence] of cases) {
    await t.step(sentence, () => {
      const facts = withSubnetEnv(text);
      assert.deepEqual(sentences(SUBNET_ENV_MALFORMED, facts), [sentence]);
    });
  }
});

Deno.test("FD302 shows the line, and what shows what cannot be seen", () => {
  const facts = withSubnetEnv(HEALTHY.replace("1500", "big"));
  assert.deepEqual(judged(SUBNET_ENV_MALFORMED, facts).lines.slice(1), [
    "  file FLANNEL_MTU=big",
    "  $ cat -A /run/flannel/subnet.env",
    "  $ systemctl restart flanneld",
  ]);
});

Deno.test("FD302 goes by who reads the file: the CNI plugin is strict, and minds no address", async (t) => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["1500", '"1500"', "error quoted: FLANNEL_MTU"],
    ["1500", "1500 # eth0", "error trailing: FLANNEL_MTU"],
    [
      "FLANNEL_MTU",
      "export FLANNEL_MTU",
      "error prefixed: FLANNEL_MTU",
    ],
    [
      "172.7.21.1/24",
      "172.7.21.0/24",
      "info network-address: FLANNEL_SUBNET",
    ],
    ["172.7.21.1/24", "172.7.21.9/24", "info not-first: FLANNEL_SUBNET"],
  ];
  for (const [from, to, wanted] of cases) {
    const odd = withSubnetEnv(HEALTHY.replace(from, to));
    const cni = changed({
      links: known([
        ...given(odd, "links"),
        fixtureLink(9, "cni0", { kind: "bridge" }),
      ]),
    }, odd);
    for (const facts of [cni, onKubernetes(odd)]) {
      await t.step(wanted, () => {
        assert.equal(judged(SUBNET_ENV_MALFORMED, facts).lines[0], wanted);
      });
    }
  }
});

Deno.test("FD302 lets comments, blank lines and a file that is not there pass", () => {
  for (const text of [`# by flannel\n\n${HEALTHY}`, null]) {
    const { verdict } = judged(SUBNET_ENV_MALFORMED, withSubnetEnv(text));
    assert.equal(verdict, "ok");
  }
});

Deno.test("FD303 finds another subnet than the lease's", () => {
  const facts = withSubnetEnv(fixtureSubnetEnv({ subnet: "172.7.164.1/24" }));
  assert.deepEqual(judged(SUBNET_ENV_STALE, facts).lines, [
    "error subnet: FLANNEL_SUBNET",
    "  file FLANNEL_SUBNET=172.7.164.1/24",
    "  wanted FLANNEL_SUBNET=172.7.21.1/24",
    '  lease /coreos.com/network/subnets/172.7.21.0-24 {"PublicIP":"192.168.1.10","BackendType":"host-gw"}',
    "  $ systemctl restart flanneld",
    "  $ systemctl restart docker",
  ]);
  assert.deepEqual(sentences(SUBNET_ENV_STALE, facts), [
    "FLANNEL_SUBNET in /run/flannel/subnet.env is 172.7.164.1/24, but this host's lease is for 172.7.21.1/24: Docker and CNI use a subnet that no other host routes here.",
  ]);
});

Deno.test("FD303 finds another length, and another network", () => {
  const length = withSubnetEnv(fixtureSubnetEnv({ subnet: "172.7.21.1/25" }));
  assert.equal(judged(SUBNET_ENV_STALE, length).findings.length, 1);
  const network = withSubnetEnv(fixtureSubnetEnv({ network: "172.7.0.0/17" }));
  assert.deepEqual(sentences(SUBNET_ENV_STALE, network), [
    "FLANNEL_NETWORK in /run/flannel/subnet.env is 172.7.0.0/17, but the network config says 172.7.0.0/16.",
  ]);
});

Deno.test("FD303 finds the IPv6 subnet of a dual network missing", () => {
  const text =
    '{"EnableIPv6": true, "Network": "172.7.0.0/16", "IPv6Network": "fd00:7::/48", "Backend": {"Type": "host-gw"}}';
  const dual = {
    ...record("172.7.21.0-24&fd00:7:0:5::-64", "192.168.1.10"),
    value:
      '{"PublicIP":"192.168.1.10","PublicIPv6":"fd01::10","BackendType":"host-gw"}',
  };
  const base = withLeases([dual], withConfig(text));
  const facts = changed({ processes: known([]) }, base);
  const node = { ...given(healthyFacts(), "node") };
  const [lease] = given(facts, "leases");
  const whole = { ...facts, node: known({ ...node, lease: lease! }) };
  assert.deepEqual(sentences(SUBNET_ENV_STALE, whole), [
    "FLANNEL_IPV6_SUBNET is not in /run/flannel/subnet.env, though this host's records have fd00:7:0:5::1/64.",
    "FLANNEL_IPV6_NETWORK is not in /run/flannel/subnet.env, though this host's records have fd00:7::/48.",
  ]);
});

Deno.test("FD303 has nothing to compare without a lease", () => {
  const facts = withLeases((records) => records.slice(1));
  assert.equal(judged(SUBNET_ENV_STALE, facts).verdict, "skipped: no-lease");
});

Deno.test("FD304 compares FLANNEL_MTU with backend and interface", async (t) => {
  const cases = [
    ["host-gw", 1500, undefined],
    ["host-gw", 9000, "error large: FLANNEL_MTU"],
    ["host-gw", 1450, "warning small: FLANNEL_MTU"],
    ["vxlan", 1450, undefined],
    ["vxlan", 1500, "error large: FLANNEL_MTU"],
    ["udp", 1472, undefined],
    ["ipip", 1480, undefined],
    ["ipip", 1500, "error large: FLANNEL_MTU"],
  ] as const;
  for (const [backend, mtu, wanted] of cases) {
    await t.step(`${backend} ${mtu}`, () => {
      const config =
        `{"Network": "172.7.0.0/16", "Backend": {"Type": "${backend}"}}`;
      const facts = withSubnetEnv(
        fixtureSubnetEnv({ mtu }),
        {},
        withConfig(config),
      );
      assert.equal(judged(SUBNET_ENV_MTU, facts).lines[0], wanted);
    });
  }
});

Deno.test("FD304 says what carries what", () => {
  const facts = withSubnetEnv(
    fixtureSubnetEnv({ mtu: 1500 }),
    {},
    healthyVxlanFacts(),
  );
  assert.deepEqual(sentences(SUBNET_ENV_MTU, facts), [
    "FLANNEL_MTU in /run/flannel/subnet.env is 1500, but the vxlan backend over eth0 (MTU 1500) carries 1450 only: full packets of containers are lost.",
  ]);
  assert.deepEqual(judged(SUBNET_ENV_MTU, facts).lines.slice(1, 4), [
    "  file FLANNEL_MTU=1500",
    "  wanted FLANNEL_MTU=1450",
    "  device eth0 mtu 1500",
  ]);
});

Deno.test("FD304 has no opinion on a backend whose MTU flandoc does not know", () => {
  const facts = withConfig(
    '{"Network": "172.7.0.0/16", "Backend": {"Type": "carrier-pigeon"}}',
  );
  assert.equal(judged(SUBNET_ENV_MTU, facts).verdict, "skipped: unmodelled");
});
