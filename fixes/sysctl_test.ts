import { deepStrictEqual, equal } from "node:assert/strict";
import { known } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Route } from "../flannel/kernel.ts";
import { fixtureRoute, healthyFacts } from "../tests/fixtures/healthy.ts";
import { withRoutes } from "../tests/fixtures/routes.ts";
import { given } from "../tests/support/judged.ts";
import { planLines, planned, undoLines } from "../tests/support/planned.ts";

const FILE = "/etc/sysctl.d/zz-flandoc.conf";

function withSysctls(values: Record<string, string>): Facts {
  const facts = healthyFacts();
  const sysctls = given(facts, "sysctls");
  return { ...facts, sysctls: known({ ...sysctls, ...values }) };
}

const OFF = {
  "net.ipv4.ip_forward": "0",
  "net.ipv4.conf.all.forwarding": "0",
  "net.ipv4.conf.eth0.forwarding": "0",
  "net.ipv4.conf.docker0.forwarding": "0",
};

Deno.test("SYSCTL_FIX sets forwarding now and at every boot", async (t) => {
  const cases: readonly [string, Facts, readonly string[]][] = [
    ["on already", healthyFacts(), []],
    ["off", withSysctls(OFF), [
      "sysctl -w net.ipv4.ip_forward=1",
      `echo 'net.ipv4.ip_forward = 1' >> ${FILE}`,
    ]],
    [
      "off on one device",
      withSysctls({ "net.ipv4.conf.docker0.forwarding": "0" }),
      [
        "sysctl -w net.ipv4.conf.docker0.forwarding=1",
        `echo 'net.ipv4.conf.docker0.forwarding = 1' >> ${FILE}`,
      ],
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      deepStrictEqual(planLines(planned(facts, ["sysctl"])), wanted);
    });
  }
});

Deno.test("SYSCTL_FIX keeps what else is in its file, and brings it back", () => {
  const text = "# ours\nnet.ipv4.ip_forward = 0\nnet.core.somaxconn = 512\n";
  const files = { [FILE]: { text, mode: 0o640 } };
  const plan = planned(withSysctls(OFF), ["sysctl"], { files });
  const change = plan.actions[1]?.change;
  deepStrictEqual(change?.kind === "file" && change.after, {
    text: "# ours\nnet.core.somaxconn = 512\nnet.ipv4.ip_forward = 1\n",
    mode: 0o640,
  });
  deepStrictEqual(undoLines(plan), [
    `cat > ${FILE} <<'EOF'`,
    ...text.trimEnd().split("\n"),
    "EOF",
    "sysctl -w net.ipv4.ip_forward=0",
  ]);
  equal(plan.actions[1]?.survives?.join(), "reboot");
});

Deno.test("SYSCTL_FIX turns IPv6 forwarding on only when it is named", () => {
  const facts = withRoutes(
    withSysctls({ ...OFF, "net.ipv6.conf.all.forwarding": "0" }),
    (routes) => [
      ...routes,
      fixtureRoute("fd00:7:22::/64", "eth0", {
        family: 6,
        gateway: "fd00::11",
        metric: 1024,
      }),
    ],
  );
  deepStrictEqual(planLines(planned(facts)), [
    "sysctl -w net.ipv4.ip_forward=1",
    `echo 'net.ipv4.ip_forward = 1' >> ${FILE}`,
    "(FD701 overrides) sysctl -w net.ipv6.conf.all.forwarding=1",
  ]);
  deepStrictEqual(planLines(planned(facts, ["sysctl"])).slice(2), [
    `echo 'net.ipv4.ip_forward = 1' >> ${FILE}`,
    `echo 'net.ipv6.conf.all.forwarding = 1' >> ${FILE}`,
  ]);
});

Deno.test("SYSCTL_FIX sets accept_ra before IPv6 forwarding", () => {
  const route = (dst: string, values: Partial<Route>) =>
    fixtureRoute(dst, "eth0", { family: 6, ...values });
  const facts = withRoutes(
    withSysctls({
      "net.ipv6.conf.all.forwarding": "0",
      "net.ipv6.conf.eth0.accept_ra": "1",
    }),
    (routes) => [
      ...routes,
      route("fd00:7:22::/64", { gateway: "fd00::11" }),
      route("::/0", { gateway: "fe80::1", protocol: 9 }),
    ],
  );
  deepStrictEqual(planLines(planned(facts, ["sysctl"])), [
    "sysctl -w net.ipv6.conf.eth0.accept_ra=2",
    "sysctl -w net.ipv6.conf.all.forwarding=1",
    `echo 'net.ipv6.conf.eth0.accept_ra = 2' >> ${FILE}`,
    `echo 'net.ipv6.conf.all.forwarding = 1' >> ${FILE}`,
  ]);
});
