import { deepStrictEqual } from "node:assert/strict";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import {
  DOCKER_LOCAL,
  DOCKER_RULE,
  iptablesTable,
  nftTable,
  SCOPED_RULE,
  withMore,
  withNat,
} from "../../tests/fixtures/netfilter.ts";
import { judged, sentences, without } from "../../tests/support/judged.ts";
import { known } from "../../snapshot/fact.ts";
import { given } from "../../tests/support/judged.ts";
import { MASQUERADE_OVERLAY } from "./masquerade_overlay.ts";

const INSERT = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";
const DELETE =
  "  $ iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";

const FLANNEL_V011 = [
  "-A POSTROUTING -s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
  "-A POSTROUTING -s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
  "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.21.0/24 -j RETURN",
  "-A POSTROUTING ! -s 172.7.0.0/16 -d 172.7.0.0/16 -j MASQUERADE --random-fully",
];

const FLANNEL_HEAD = [
  '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
  '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG -s 172.7.21.0/24 -d 172.7.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG -s 172.7.0.0/16 -d 172.7.21.0/24 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.21.0/24 -m comment --comment "flanneld masq" -j RETURN',
  '-A FLANNEL-POSTRTG -s 172.7.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
  '-A FLANNEL-POSTRTG ! -s 172.7.0.0/16 -d 172.7.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
];

Deno.test("FD601 is ok for a scoped rule and for flannel's own ones", async (t) => {
  const cases: [string, string[]][] = [
    ["the tutorial's rule", [DOCKER_LOCAL, SCOPED_RULE]],
    ["flanneld v0.11 with --ip-masq", [DOCKER_LOCAL, ...FLANNEL_V011]],
    ["flanneld v0.28 with --ip-masq", FLANNEL_HEAD],
    ["nothing at all", []],
    [
      "a RETURN before Docker's rule",
      [
        "-A POSTROUTING -s 172.7.21.0/24 -d 172.7.0.0/16 -j RETURN",
        DOCKER_RULE,
      ],
    ],
    [
      "Docker's rules for a published port",
      [
        SCOPED_RULE,
        "-A POSTROUTING -s 172.7.21.2/32 -d 172.7.21.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
      ],
    ],
    [
      "a user-defined Docker network",
      [
        SCOPED_RULE,
        "-A POSTROUTING -s 172.18.0.0/16 ! -o br-0123456789ab -j MASQUERADE",
      ],
    ],
    [
      "kube-proxy, which masquerades marked packets",
      [
        "-A POSTROUTING -j KUBE-POSTROUTING",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
        "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
      ],
    ],
    [
      "kube-proxy with ipvs, by sets",
      [
        "-A POSTROUTING -j KUBE-POSTROUTING",
        "-A KUBE-POSTROUTING -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE",
      ],
    ],
  ];
  for (const [name, lines] of cases) {
    await t.step(name, () => {
      const facts = withNat(healthyFacts(), lines);
      deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines, []);
      deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).verdict, "ok");
    });
  }
});

Deno.test("FD601 finds Docker's rule, as in the tutorial", () => {
  const facts = withNat(healthyFacts(), [DOCKER_LOCAL, DOCKER_RULE]);
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines, [
    `error default: ${DOCKER_RULE}`,
    `  rule ${DOCKER_RULE}   (nat POSTROUTING 2, iptables-nft, docker)`,
    "  takes 172.7.21.0/24 to 172.7.0.0/16 leaving by eth0",
    `  wanted ${SCOPED_RULE}`,
    `  $ iptables -t nat -I POSTROUTING 2 ${INSERT}`,
    DELETE,
  ]);
  deepStrictEqual(sentences(MASQUERADE_OVERLAY, facts), [
    "Containers here reach containers on other hosts as 192.168.1.10: their own address is lost.",
  ]);
});

Deno.test("FD601 only deletes where Docker's restart put its rule before the scoped one", () => {
  const facts = withNat(healthyFacts(), [DOCKER_RULE, SCOPED_RULE]);
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines, [
    `error default: ${DOCKER_RULE}`,
    `  rule ${DOCKER_RULE}   (nat POSTROUTING 1, iptables-nft, docker)`,
    "  takes 172.7.21.0/24 to 172.7.0.0/16 leaving by eth0",
    `  wanted ${SCOPED_RULE}`,
    DELETE,
  ]);
});

Deno.test("FD601 names the tunnel device's address for vxlan", () => {
  const facts = withNat(healthyVxlanFacts(), [DOCKER_RULE]);
  deepStrictEqual(
    judged(MASQUERADE_OVERLAY, facts).lines[2],
    "  takes 172.7.21.0/24 to 172.7.0.0/16 leaving by flannel.1",
  );
  deepStrictEqual(sentences(MASQUERADE_OVERLAY, facts), [
    "Containers here reach containers on other hosts as 172.7.21.0: their own address is lost.",
  ]);
});

Deno.test("FD601 finds Docker's rule before flannel's, and after its chain", () => {
  for (
    const lines of [
      [DOCKER_RULE, ...FLANNEL_V011],
      [DOCKER_RULE, ...FLANNEL_HEAD],
      [...FLANNEL_HEAD, DOCKER_RULE],
    ]
  ) {
    const { findings } = judged(
      MASQUERADE_OVERLAY,
      withNat(healthyFacts(), lines),
    );
    deepStrictEqual(findings.map((f) => f.subject), [DOCKER_RULE]);
  }
  // A RETURN in POSTROUTING itself ends the walk.
  deepStrictEqual(
    judged(
      MASQUERADE_OVERLAY,
      withNat(healthyFacts(), [...FLANNEL_V011, DOCKER_RULE]),
    ).verdict,
    "ok",
  );
});

Deno.test("FD601 names rules of others, also behind Docker's, and leaves them", () => {
  const own = "-A POSTROUTING -o eth0 -j MASQUERADE";
  const facts = withNat(healthyFacts(), [DOCKER_RULE, own]);
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines.slice(6), [
    `error foreign: ${own}`,
    `  rule ${own}   (nat POSTROUTING 2, iptables-nft)`,
    "  takes 172.7.21.0/24 to 172.7.0.0/16 leaving by eth0",
    "  wanted -A POSTROUTING ! -d 172.7.0.0/16 -o eth0 -j MASQUERADE",
    "  $ iptables -t nat -I POSTROUTING 2 ! -d 172.7.0.0/16 -o eth0 -j MASQUERADE",
    "  $ iptables -t nat -D POSTROUTING -o eth0 -j MASQUERADE",
  ]);
  deepStrictEqual(
    judged(MASQUERADE_OVERLAY, facts).findings.map(({ fix }) => fix),
    [undefined, null],
  );
});

Deno.test("FD601 gives commands that a shell reads as iptables does", () => {
  const rule = String
    .raw`-s 172.7.21.0/24 ! -o docker0 -m comment --comment "it\'s $(id)" -j MASQUERADE`;
  const facts = withNat(healthyFacts(), [`-A POSTROUTING ${rule}`]);
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines.slice(-2), [
    String
      .raw`  $ iptables -t nat -I POSTROUTING 1 -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -m comment --comment 'it'\''s $(id)' -j MASQUERADE`,
    String
      .raw`  $ iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -m comment --comment 'it'\''s $(id)' -j MASQUERADE`,
  ]);
});

Deno.test("FD601 sees SNAT, firewalld's chains and rules for everybody", async (t) => {
  const cases: [string, string[], string, string][] = [
    [
      "SNAT",
      ["-A POSTROUTING -s 172.7.21.0/24 -o eth0 -j SNAT --to-source 192.168.1.99"],
      "foreign",
      "192.168.1.99",
    ],
    [
      "firewalld",
      [
        "-A POSTROUTING -j POSTROUTING_ZONES",
        "-A POSTROUTING_ZONES -o eth0 -g POST_public",
        "-A POST_public -j POST_public_allow",
        "-A POST_public_allow ! -o lo -j MASQUERADE",
      ],
      "foreign",
      "192.168.1.10",
    ],
    [
      "NETMAP",
      ["-A POSTROUTING -s 172.7.21.0/24 -j NETMAP --to 10.9.9.0/24"],
      "foreign",
      "10.9.9.0/24",
    ],
    [
      "everybody",
      ["-A POSTROUTING -s 0.0.0.0/0 -j MASQUERADE"],
      "foreign",
      "192.168.1.10",
    ],
  ];
  for (const [name, lines, variant, address] of cases) {
    await t.step(name, () => {
      const { findings } = judged(
        MASQUERADE_OVERLAY,
        withNat(healthyFacts(), lines),
      );
      deepStrictEqual(
        findings.map((f) => [f.variant, f.arguments.address]),
        [[variant, address]],
      );
    });
  }
});

Deno.test("FD601 finds a rule that hides the senders from our containers", () => {
  const facts = withNat(healthyFacts(), [
    SCOPED_RULE,
    "-A POSTROUTING -o docker0 -j MASQUERADE",
  ]);
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines, [
    "error incoming: -A POSTROUTING -o docker0 -j MASQUERADE",
    "  rule -A POSTROUTING -o docker0 -j MASQUERADE   (nat POSTROUTING 2, iptables-nft)",
    "  takes 172.7.0.0/16 to 172.7.21.0/24 arriving by eth0",
    "  wanted -A POSTROUTING ! -s 172.7.0.0/16 -o docker0 -j MASQUERADE",
    "  $ iptables -t nat -I POSTROUTING 2 ! -s 172.7.0.0/16 -o docker0 -j MASQUERADE",
    "  $ iptables -t nat -D POSTROUTING -o docker0 -j MASQUERADE",
  ]);
});

Deno.test("FD601 only warns where a rule's conditions cannot be evaluated", () => {
  const rule =
    "-A POSTROUTING -s 172.7.21.0/24 -m set --match-set vip dst -j MASQUERADE";
  const { lines } = judged(
    MASQUERADE_OVERLAY,
    withNat(healthyFacts(), [SCOPED_RULE, rule]),
  );
  deepStrictEqual(lines[0], `warning maybe: ${rule}`);
});

Deno.test("FD601 walks every backend and names the tool where both are in use", () => {
  const facts = withMore(
    withNat(healthyFacts(), [SCOPED_RULE]),
    "iptables-legacy",
    [iptablesTable("nat", [DOCKER_RULE])],
  );
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines, [
    `error default: ${DOCKER_RULE}`,
    `  rule ${DOCKER_RULE}   (nat POSTROUTING 1, iptables-legacy, docker)`,
    "  takes 172.7.21.0/24 to 172.7.0.0/16 leaving by eth0",
    `  wanted ${SCOPED_RULE}`,
    `  $ iptables-legacy -t nat -I POSTROUTING 1 ${INSERT}`,
    "  $ iptables-legacy -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE",
  ]);
});

Deno.test("FD601 is an error where two backends both rewrite", () => {
  const facts = withMore(
    withNat(healthyFacts(), [DOCKER_RULE]),
    "iptables-legacy",
    [iptablesTable("nat", [DOCKER_RULE])],
  );
  deepStrictEqual(
    judged(MASQUERADE_OVERLAY, facts).lines.filter((l) => /^\w/.test(l)),
    [`error default: ${DOCKER_RULE}`, `error default: ${DOCKER_RULE}`],
  );
});

Deno.test("FD601 finds Docker 29's rule in nftables", () => {
  const text =
    'oifname != "docker0" ip saddr 172.7.21.0/24 counter packets 0 bytes 0 masquerade';
  const table = nftTable("docker-bridges", {
    name: "nat-postrouting",
    hook: "postrouting",
    type: "nat",
    priority: 100,
    policy: "ACCEPT",
  }, [{
    match: {
      source: { not: false, value: ["172.7.21.0/24"] },
      outDevice: { not: true, value: ["docker0"] },
      other: [],
    },
    target: { kind: "MASQUERADE", randomFully: false },
    comment: null,
    text,
    handle: 12,
    packets: 0,
  }]);
  const facts = withMore(withNat(healthyFacts(), []), "nftables", [table]);
  const { lines } = judged(MASQUERADE_OVERLAY, facts);
  deepStrictEqual(lines[0], `error default: ${text}`);
  deepStrictEqual(
    lines.at(-1),
    `  $ nft 'replace rule ip docker-bridges nat-postrouting handle 12 oifname != "docker0" ip saddr 172.7.21.0/24 ip daddr != 172.7.0.0/16 counter packets 0 bytes 0 masquerade'`,
  );
});

Deno.test("FD601 leaves flannel's own rules in a wrong order to FD604", () => {
  const facts = withNat(healthyFacts(), [FLANNEL_V011[1]!, FLANNEL_V011[0]!]);
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).verdict, "ok");
});

Deno.test("FD601 has nothing to judge without a lease, and is unknown without the rules", () => {
  const facts = withNat(healthyFacts(), [DOCKER_RULE]);
  const node = known({ ...given(facts, "node"), lease: null });
  deepStrictEqual(
    judged(MASQUERADE_OVERLAY, { ...facts, node }).verdict,
    "skipped: no-lease",
  );
  deepStrictEqual(
    judged(MASQUERADE_OVERLAY, without(facts, "netfilter")).verdict,
    "unknown: not looked at",
  );
});
