import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  fixtureLink,
  fixtureRoute,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged, without } from "../../tests/support/judged.ts";
import { IP_FORWARD_OFF } from "./ip_forward_off.ts";

function withSysctls(
  values: Record<string, string>,
  facts: Facts = healthyFacts(),
): Facts {
  const sysctls = { ...given(facts, "sysctls"), ...values };
  return { ...facts, sysctls: known(sysctls) };
}

Deno.test("FD701 is ok where the kernel forwards", () => {
  deepStrictEqual(judged(IP_FORWARD_OFF, healthyFacts()).verdict, "ok");
  deepStrictEqual(judged(IP_FORWARD_OFF, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD701 finds the global switch off, once for all devices", () => {
  const facts = withSysctls({
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.all.forwarding": "0",
    "net.ipv4.conf.eth0.forwarding": "0",
    "net.ipv4.conf.docker0.forwarding": "0",
  });
  deepStrictEqual(judged(IP_FORWARD_OFF, facts).lines, [
    "error global: net.ipv4.ip_forward = 0",
    "  sysctl net.ipv4.ip_forward = 0",
    "  wanted net.ipv4.ip_forward = 1",
    "  $ sysctl -w net.ipv4.ip_forward=1",
    "  $ echo 'net.ipv4.ip_forward = 1' >> /etc/sysctl.d/zz-flandoc.conf",
  ]);
});

Deno.test("FD701 finds one device that does not forward, a dot in its name too", () => {
  const facts = withSysctls(
    {
      "net.ipv4.conf.flannel/1.forwarding": "0",
      "net.ipv4.conf.lo.forwarding": "0",
      "net.ipv4.conf.vethffa01cf.forwarding": "0",
    },
    healthyVxlanFacts(),
  );
  deepStrictEqual(judged(IP_FORWARD_OFF, facts).lines, [
    "error device: net.ipv4.conf.flannel/1.forwarding = 0",
    "  sysctl net.ipv4.conf.flannel/1.forwarding = 0",
    "  wanted net.ipv4.conf.flannel/1.forwarding = 1",
    "  $ sysctl -w net.ipv4.conf.flannel/1.forwarding=1",
    "  $ echo 'net.ipv4.conf.flannel/1.forwarding = 1' >> /etc/sysctl.d/zz-flandoc.conf",
  ]);
});

Deno.test("FD701 leaves a device alone that carries no container traffic", () => {
  const facts = withSysctls({ "net.ipv4.conf.eth9.forwarding": "0" });
  const links = [...given(facts, "links"), fixtureLink(9, "eth9")];
  const management = fixtureRoute("10.99.0.0/16", "eth9", {
    gateway: "10.98.0.1",
    protocol: 4,
  });
  const routes = [...given(facts, "routes"), management];
  const all = { ...facts, links: known(links), routes: known(routes) };
  deepStrictEqual(judged(IP_FORWARD_OFF, all).verdict, "ok");
});

Deno.test("FD701 asks for IPv6 forwarding only where there is an IPv6 overlay", () => {
  const facts = withSysctls({ "net.ipv6.conf.all.forwarding": "0" });
  deepStrictEqual(judged(IP_FORWARD_OFF, facts).verdict, "ok");
  const route = fixtureRoute("fd00:2::/64", "eth0", {
    family: 6,
    gateway: "fd01::2",
  });
  const routes = known([...given(facts, "routes"), route]);
  deepStrictEqual(
    judged(IP_FORWARD_OFF, { ...facts, routes }).lines[0],
    "error ipv6: net.ipv6.conf.all.forwarding = 0",
  );
});

const OVERLAY_V6 = fixtureRoute("fd00:2::/64", "eth0", {
  family: 6,
  gateway: "fd01::2",
});

Deno.test("FD701 keeps the default route that routers announce", async (t) => {
  const announced = fixtureRoute("::/0", "eth0", {
    family: 6,
    gateway: "fe80::1",
    protocol: 9,
  });
  const lines = (accept: string, route = announced) => {
    const facts = withSysctls({
      "net.ipv6.conf.all.forwarding": "0",
      "net.ipv6.conf.eth0.accept_ra": accept,
    });
    const routes = [...given(facts, "routes"), OVERLAY_V6, route];
    return judged(IP_FORWARD_OFF, { ...facts, routes: known(routes) }).lines;
  };
  await t.step("accept_ra first", () => {
    deepStrictEqual(lines("1"), [
      "error ipv6-advertised: net.ipv6.conf.all.forwarding = 0",
      "  sysctl net.ipv6.conf.eth0.accept_ra = 1",
      "  wanted net.ipv6.conf.eth0.accept_ra = 2",
      "  sysctl net.ipv6.conf.all.forwarding = 0",
      "  wanted net.ipv6.conf.all.forwarding = 1",
      "  $ sysctl -w net.ipv6.conf.eth0.accept_ra=2",
      "  $ echo 'net.ipv6.conf.eth0.accept_ra = 2' >> /etc/sysctl.d/zz-flandoc.conf",
      "  $ sysctl -w net.ipv6.conf.all.forwarding=1",
      "  $ echo 'net.ipv6.conf.all.forwarding = 1' >> /etc/sysctl.d/zz-flandoc.conf",
    ]);
  });
  await t.step("set already, or a program hears the routers", () => {
    const alone = "error ipv6: net.ipv6.conf.all.forwarding = 0";
    deepStrictEqual([lines("2")[0], lines("0")[0]], [alone, alone]);
  });
  await t.step("an administrator's default route", () => {
    deepStrictEqual(
      lines("1", { ...announced, protocol: 4 })[0],
      "error ipv6: net.ipv6.conf.all.forwarding = 0",
    );
  });
});

Deno.test("FD701 goes by the devices where the global switch is off", async (t) => {
  const global = { "net.ipv4.ip_forward": "0" };
  await t.step("every device forwards", () => {
    deepStrictEqual(judged(IP_FORWARD_OFF, withSysctls(global)).verdict, "ok");
  });
  await t.step("one does not", () => {
    const facts = withSysctls({
      ...global,
      "net.ipv4.conf.docker0.forwarding": "0",
    });
    deepStrictEqual(
      judged(IP_FORWARD_OFF, facts).lines[0],
      "error device: net.ipv4.conf.docker0.forwarding = 0",
    );
  });
});

Deno.test("FD701 is not ok for what it could not read", () => {
  deepStrictEqual(
    judged(IP_FORWARD_OFF, without(healthyFacts(), "sysctls")).verdict,
    "unknown: not looked at",
  );
  deepStrictEqual(
    judged(IP_FORWARD_OFF, { ...healthyFacts(), sysctls: known({}) }).verdict,
    "skipped: absent",
  );
});

Deno.test("FD701 is judged while the records cannot be read", () => {
  const facts = without(
    withSysctls({ "net.ipv4.conf.docker0.forwarding": "0" }),
    "leases",
  );
  deepStrictEqual(
    judged(IP_FORWARD_OFF, without(facts, "expected")).verdict,
    "failed",
  );
});
