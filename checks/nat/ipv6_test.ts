/**
 * Every check of rules on a network with IPv4 and IPv6, where IPv4 is in order.
 *
 * @module
 */
import { deepStrictEqual, equal } from "node:assert/strict";
import { planLines, planned, undoLines } from "../../tests/support/planned.ts";
import {
  DOCKER_RULE_6,
  dualStackFacts,
  FLANNEL_ACCEPTS_6,
  ipv6OnlyFacts,
  type Ipv6Rules,
  SCOPED_RULE_6,
} from "../../tests/fixtures/dual_stack.ts";
import { withDocker, withSettings } from "../../tests/fixtures/changes.ts";
import { fixtureRoute } from "../../tests/fixtures/healthy.ts";
import { withRoutes } from "../../tests/fixtures/routes.ts";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { judged } from "../../tests/support/judged.ts";
import { DOCKER_RAW_DROP } from "./docker_raw_drop.ts";
import { FORWARD_DROP } from "./forward_drop.ts";
import { MASQUERADE_DUPLICATE } from "./masquerade_duplicate.ts";
import { MASQUERADE_LEFTOVER } from "./masquerade_leftover.ts";
import { MASQUERADE_MISSING } from "./masquerade_missing.ts";
import { MASQUERADE_ORDER } from "./masquerade_order.ts";
import { MASQUERADE_OVERLAY } from "./masquerade_overlay.ts";
import { NAT_CHECKS } from "./mod.ts";
import { REPAIR_NOT_PERSISTENT } from "./repair_not_persistent.ts";

Deno.test("FD6xx are ok on a healthy network of both families", () => {
  for (const check of NAT_CHECKS) {
    const { verdict } = judged(check, dualStackFacts());
    equal(`${check.code} ${verdict}`, `${check.code} ok`);
  }
});

Deno.test("FD601 finds IPv6's masquerade, and --snat scopes it", () => {
  const facts = dualStackFacts({ nat: [DOCKER_RULE_6] });
  deepStrictEqual(judged(MASQUERADE_OVERLAY, facts).lines, [
    `error default: ${DOCKER_RULE_6}`,
    `  rule ${DOCKER_RULE_6}   (nat POSTROUTING 1, ip6tables-nft, docker)`,
    "  takes fd07:0:0:21::/64 to fd07::/48 leaving by eth0",
    `  wanted ${SCOPED_RULE_6}`,
    `  $ ip6tables -t nat -I POSTROUTING 1 ${SCOPED_RULE_6.slice(15)}`,
    `  $ ip6tables -t nat -D POSTROUTING ${DOCKER_RULE_6.slice(15)}`,
  ]);
  const plan = planned(facts, ["snat"]);
  deepStrictEqual(
    plan.actions.map(({ change }) =>
      change.kind === "netfilter" && change.family
    ),
    [6],
  );
  deepStrictEqual(planLines(plan), [
    `ip6tables -t nat -I POSTROUTING ${SCOPED_RULE_6.slice(15)}`,
    `ip6tables -t nat -D POSTROUTING ${DOCKER_RULE_6.slice(15)}`,
  ]);
  deepStrictEqual(undoLines(plan), [
    `ip6tables -t nat -I POSTROUTING 2 ${DOCKER_RULE_6.slice(15)}`,
    `ip6tables -t nat -D POSTROUTING ${SCOPED_RULE_6.slice(15)}`,
  ]);
});

Deno.test("FD601 and FD606 are judged where the network has IPv6 only", () => {
  const healthy = ipv6OnlyFacts();
  equal(judged(MASQUERADE_OVERLAY, healthy).verdict, "ok");
  equal(judged(FORWARD_DROP, healthy).verdict, "ok");
  const broken = ipv6OnlyFacts({ nat: [DOCKER_RULE_6], filter: [] });
  equal(
    judged(MASQUERADE_OVERLAY, broken).lines[0],
    `error default: ${DOCKER_RULE_6}`,
  );
  equal(judged(FORWARD_DROP, broken).lines[0], "error both: -P FORWARD DROP");
});

Deno.test("FD602 finds IPv6's duplicates", () => {
  const facts = dualStackFacts({ nat: [SCOPED_RULE_6, SCOPED_RULE_6] });
  deepStrictEqual(judged(MASQUERADE_DUPLICATE, facts).lines.slice(-1), [
    `  $ ip6tables -t nat -D POSTROUTING ${SCOPED_RULE_6.slice(15)}`,
  ]);
  deepStrictEqual(planLines(planned(facts, ["snat"])), [
    `ip6tables -t nat -D POSTROUTING ${SCOPED_RULE_6.slice(15)}`,
  ]);
});

Deno.test("FD603 asks for IPv6's masquerade where flanneld is set to make it", () => {
  const out = (rules: Ipv6Rules, ipMasq: boolean) =>
    judged(
      MASQUERADE_MISSING,
      withRoutes(
        withSettings({ ipMasq }, dualStackFacts(rules)),
        (routes) => [
          ...routes,
          fixtureRoute("::/0", "eth0", {
            family: 6,
            metric: 1024,
            gateway: "fd01::254",
          }),
        ],
      ),
    );
  equal(out({ nat: [] }, false).verdict, "ok");
  equal(out({ nat: [SCOPED_RULE_6] }, true).verdict, "ok");
  const { lines } = out({ nat: [] }, true);
  equal(lines[0], "error lost: fd07:0:0:21::/64 eth0");
  equal(
    lines.at(-1),
    "  $ ip6tables -t nat -A POSTROUTING -s fd07:0:0:21::/64 ! -d fd07::/48 ! -o docker0 -j MASQUERADE",
  );
});

Deno.test("FD604 finds IPv6's rules of flannel in a wrong order", () => {
  const facts = dualStackFacts({
    nat: [
      "-A POSTROUTING ! -s fd07::/48 -d fd07::/48 -j MASQUERADE",
      "-A POSTROUTING ! -s fd07::/48 -d fd07:0:0:21::/64 -j RETURN",
      "-A POSTROUTING -s fd07::/48 -d fd07::/48 -j RETURN",
      "-A POSTROUTING -s fd07::/48 ! -d ff00::/8 -j MASQUERADE",
    ],
  });
  const { verdict, lines } = judged(MASQUERADE_ORDER, facts);
  equal(verdict, "failed");
  equal(lines[0], "warning harmless: ip6tables-nft POSTROUTING");
});

Deno.test("FD605 finds IPv6's rules of a former network", () => {
  const facts = dualStackFacts({
    nat: [
      SCOPED_RULE_6,
      "-A POSTROUTING -s fd06::/48 -d fd06::/48 -j RETURN",
      "-A POSTROUTING -s fd06::/48 ! -d ff00::/8 -j MASQUERADE",
    ],
  });
  const { lines } = judged(MASQUERADE_LEFTOVER, facts);
  equal(lines[0], "warning network: ip6tables-nft fd06::/48");
  // What masquerades goes before what spares packets from it.
  deepStrictEqual(lines.slice(-2), [
    "  $ ip6tables -t nat -D POSTROUTING -s fd06::/48 ! -d ff00::/8 -j MASQUERADE",
    "  $ ip6tables -t nat -D POSTROUTING -s fd06::/48 -d fd06::/48 -j RETURN",
  ]);
});

Deno.test("FD606 finds IPv6's policy, and --forward lets the network pass", () => {
  const facts = dualStackFacts({ filter: [] });
  deepStrictEqual(judged(FORWARD_DROP, facts).lines, [
    "error both: -P FORWARD DROP",
    "  rule -P FORWARD DROP   (filter FORWARD, ip6tables-nft)",
    "  takes fd07:0:0:21::/64 to fd07::/48 from docker0 to eth0",
    "  takes fd07::/48 to fd07:0:0:21::/64 from eth0 to docker0",
    "  wanted -A FORWARD -s fd07::/48 -j ACCEPT",
    "  wanted -A FORWARD -d fd07::/48 -j ACCEPT",
    "  $ ip6tables -I FORWARD -s fd07::/48 -j ACCEPT",
    "  $ ip6tables -I FORWARD -d fd07::/48 -j ACCEPT",
  ]);
  const plan = planned(facts, ["forward"]);
  deepStrictEqual(planLines(plan), [
    "ip6tables -I FORWARD -d fd07::/48 -j ACCEPT",
    "ip6tables -I FORWARD -s fd07::/48 -j ACCEPT",
  ]);
  deepStrictEqual(undoLines(plan), [
    "ip6tables -D FORWARD -s fd07::/48 -j ACCEPT",
    "ip6tables -D FORWARD -d fd07::/48 -j ACCEPT",
  ]);
});

Deno.test("FD608 finds Docker's drop for a container's IPv6 address", () => {
  const drop = "-A PREROUTING -d fd07:0:0:21::2/128 ! -i docker0 -j DROP";
  const { tables } = parseIptables(
    ["*raw", ":PREROUTING ACCEPT [0:0]", drop, "COMMIT", ""].join("\n"),
    "ip6",
  );
  const { lines } = judged(DOCKER_RAW_DROP, dualStackFacts({ more: tables }));
  deepStrictEqual(lines, [
    `error docker: ${drop}`,
    `  rule ${drop}   (raw PREROUTING 1, ip6tables-nft)`,
    "  takes fd07::/48 to fd07:0:0:21::2/128 coming in by eth0",
    "  $ ip6tables -t raw -I PREROUTING -i eth0 -s fd07::/48 -d fd07:0:0:21::/64 -j ACCEPT",
  ]);
});

Deno.test("FD610 asks what holds the repair of IPv6's rule too", () => {
  const dropIn = (network: string) => ({
    path: "/etc/systemd/system/docker.service.d/50-flandoc-snat.conf",
    text:
      `[Service]\nExecStartPost=-/bin/sh -c "iptables -t nat -I POSTROUTING ! -d ${network} -j MASQUERADE"\n`,
    modified: "2026-11-21T05:40:00Z",
    mode: 0o644,
  });
  const held = (...networks: string[]) =>
    judged(
      REPAIR_NOT_PERSISTENT,
      withDocker({ unitFiles: networks.map(dropIn) }, dualStackFacts()),
    ).lines.filter((line) => !line.startsWith(" "));
  deepStrictEqual(held("172.7.0.0/16", "fd07::/48"), []);
  deepStrictEqual(held("172.7.0.0/16"), [`warning default: ${SCOPED_RULE_6}`]);
});

Deno.test("PERSIST_FIX keeps the rules of both families", () => {
  const facts = withDocker({
    unitFiles: [{
      path: "/lib/systemd/system/docker.service",
      text: "[Service]\nExecStart=/usr/sbin/dockerd -H fd://\n",
      modified: "2026-11-21T05:40:00Z",
      mode: 0o644,
    }],
  }, dualStackFacts({ filter: FLANNEL_ACCEPTS_6 }));
  const lines = planLines(planned(facts, ["persist"]));
  for (const tool of ["iptables", "ip6tables"]) {
    const start = `ExecStartPost=-/bin/sh -c "${tool} -w -t nat -C POSTROUTING`;
    equal(lines.filter((line) => line.startsWith(start)).length, 1, tool);
  }
});
